//! Every combination of facts, and a row a state.

use uuid::Uuid;

use super::*;
use crate::{
    attempt::{PendingGrant, Purpose},
    credential::{Generation, Provider, RefreshSchedule, Scopes},
    ids::{AttemptId, CredentialId, JiraIntegrationId, SessionId, TeamId, UserId},
    jira::{Site, SyncStatus},
    sealed::Sealed,
    text::{CloudId, SiteName, SiteUrl},
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const YEAR: Option<NonZeroU16> = NonZeroU16::new(365);

fn at(secs: i64) -> Timestamp {
    NOW + SignedDuration::from_secs(secs)
}

fn days_ago(days: i32) -> Timestamp {
    NOW - SignedDuration::from_hours(24).saturating_mul(days)
}

fn tokens() -> SealedTokens {
    SealedTokens {
        access: Sealed::from_bytes(vec![1]),
        refresh: Sealed::from_bytes(vec![2]),
        access_expires_at: at(1),
    }
}

/// One that works.
fn credential() -> IntegrationCredential {
    IntegrationCredential {
        id: CredentialId::from_uuid(Uuid::nil()),
        team: TeamId::from_uuid(Uuid::nil()),
        provider: Provider::Jira,
        tokens: Some(tokens()),
        scopes: Scopes::REQUESTED.into_iter().collect(),
        account_id: None,
        connected_by: None,
        consented_at: Some(NOW),
        generation: Generation::ZERO,
        consecutive_failures: 0,
        last_outcome: None,
        last_refreshed_at: None,
        last_used_at: None,
        schedule: RefreshSchedule::default(),
        revoked_at: None,
        revocation_reason: None,
        disconnected_at: None,
        disconnected_by: None,
    }
}

fn credential_with(change: impl FnOnce(&mut IntegrationCredential)) -> IntegrationCredential {
    let mut it = credential();
    change(&mut it);
    it
}

fn dead(revoked_at: Timestamp, reason: RevocationReason) -> IntegrationCredential {
    credential_with(|it| {
        it.revoked_at = Some(revoked_at);
        it.revocation_reason = Some(reason);
    })
}

fn ended(it: &mut IntegrationCredential) {
    if let Some(tokens) = &mut it.tokens {
        tokens.access_expires_at = NOW;
    }
}

fn integration(is_lost: bool) -> JiraIntegration {
    let url = SiteUrl::parse("https://acme.atlassian.net").unwrap();
    JiraIntegration {
        id: JiraIntegrationId::from_uuid(Uuid::nil()),
        team: TeamId::from_uuid(Uuid::nil()),
        credential: CredentialId::from_uuid(Uuid::nil()),
        site: Site {
            cloud_id: CloudId::parse("11111111-2222-3333-4444-555555555555").unwrap(),
            name: SiteName::from_provider("Acme", &url),
            url,
            avatar_url: None,
        },
        last_sync_at: None,
        sync_status: SyncStatus::Pending,
        checked_at: None,
        lost_at: is_lost.then_some(NOW),
    }
}

fn provider(is_down: bool, last_outcome: Option<RefreshOutcome>) -> ProviderHealth {
    ProviderHealth {
        is_down,
        last_outcome,
        ..ProviderHealth::new(Provider::Jira)
    }
}

fn attempt(
    expires_in: i64,
    outcome: Option<AttemptOutcome>,
    grant_for: Option<i64>,
) -> ConnectAttempt {
    ConnectAttempt {
        id: AttemptId::from_uuid(Uuid::nil()),
        team: TeamId::from_uuid(Uuid::nil()),
        user: UserId::from_uuid(Uuid::nil()),
        session: Some(SessionId::from_uuid(Uuid::nil())),
        provider: Provider::Jira,
        purpose: Purpose::Connect,
        code_verifier: Sealed::from_bytes(vec![]),
        created_at: NOW,
        expires_at: at(expires_in),
        finished_at: outcome.map(|_| NOW),
        outcome,
        grant: grant_for.map(|it| PendingGrant {
            tokens: tokens(),
            scopes: Scopes::default(),
            granted_at: NOW,
            erase_at: at(it),
        }),
        chosen_site: None,
    }
}

fn facts(credential: &IntegrationCredential) -> Facts<'_> {
    Facts {
        credential: Some(credential),
        integration: None,
        attempt: None,
        tokens_open: true,
        provider: None,
        now: NOW,
        consent_lifetime_days: YEAR,
    }
}

#[track_caller]
fn check_state<'a>(
    it: &'a IntegrationCredential,
    change: impl FnOnce(&mut Facts<'a>),
    expected: ConnectionState,
) {
    let mut facts = facts(it);
    change(&mut facts);
    assert_eq!(facts.state(), expected);
}

#[test]
fn a_connection_with_tokens_has_the_state_of_its_facts() {
    use ConnectionState as S;
    use RefreshOutcome as O;
    let (site, lost) = (integration(false), integration(true));
    let (up, down) = (provider(false, None), provider(true, Some(O::NotSent)));
    let refused = provider(true, Some(O::Misconfigured));
    let works = credential();
    let idle = credential_with(ended);
    let failing = credential_with(|it| {
        it.consecutive_failures = 3;
        it.last_outcome = Some(O::Ambiguous);
    });
    let failed = credential_with(|it| {
        ended(it);
        it.consecutive_failures = 3;
    });
    check_state(&works, |it| it.integration = Some(&site), S::Connected);
    check_state(&works, |it| it.provider = Some(&up), S::Connected);
    // Served all the same, and perhaps the provider is back before it ends.
    check_state(&works, |it| it.provider = Some(&down), S::Connected);
    check_state(&works, |it| it.provider = Some(&refused), S::Connected);
    check_state(&idle, |_| (), S::Connected);
    check_state(&idle, |it| it.provider = Some(&down), S::Waiting);
    check_state(&idle, |it| it.provider = Some(&refused), S::Misconfigured);
    check_state(&failing, |_| (), S::Degraded);
    check_state(&failed, |_| (), S::Waiting);
    check_state(&works, |it| it.tokens_open = false, S::Misconfigured);
    check_state(
        &credential_with(|it| it.last_outcome = Some(O::Misconfigured)),
        |_| (),
        S::Misconfigured,
    );
    check_state(&failed, |it| it.integration = Some(&lost), S::SiteLost);
    check_state(
        &credential_with(|it| {
            it.scopes = Scopes::from_space_separated("read:jira-work offline_access");
        }),
        |it| it.integration = Some(&site),
        S::PermissionsMissing,
    );
    check_state(
        &dead(NOW, RevocationReason::GrantRevoked),
        |it| it.tokens_open = false,
        S::ReconnectNeeded,
    );
}

#[test]
fn a_consent_is_renewed_from_30_days_before_its_end() {
    use ConnectionState as S;
    #[track_caller]
    fn check(consented: Option<i32>, days: Option<NonZeroU16>, expected: S) {
        let credential = credential_with(|it| it.consented_at = consented.map(days_ago));
        let facts = Facts {
            consent_lifetime_days: days,
            ..facts(&credential)
        };
        assert_eq!(facts.state(), expected);
    }
    check(Some(334), YEAR, S::Connected);
    check(Some(335), YEAR, S::RenewSoon);
    check(Some(400), YEAR, S::RenewSoon);
    check(Some(4_000), None, S::Connected);
    check(None, YEAR, S::Connected);
    check(Some(0), NonZeroU16::new(1), S::RenewSoon);
    check(Some(0), NonZeroU16::new(u16::MAX), S::Connected);
}

#[test]
fn a_connection_without_tokens_has_the_state_of_its_attempt() {
    use AttemptOutcome as O;
    use ConnectionState as S;
    let empty = credential_with(|it| it.tokens = None);
    let check = |attempt: Option<ConnectAttempt>, never: S, emptied: S| {
        assert_eq!(connection_state(None, attempt.as_ref(), NOW), never);
        assert_eq!(
            connection_state(Some(&empty), attempt.as_ref(), NOW),
            emptied
        );
    };
    let choosing = |secs| attempt(600, Some(O::ChooseSite), Some(secs));
    check(None, S::NotConnected, S::Disconnected);
    check(Some(attempt(600, None, None)), S::Connecting, S::Connecting);
    check(
        Some(attempt(0, None, None)),
        S::NotConnected,
        S::Disconnected,
    );
    check(
        Some(attempt(600, Some(O::AtlassianDown), Some(60))),
        S::Connecting,
        S::Connecting,
    );
    check(Some(choosing(60)), S::ChooseSite, S::ChooseSite);
    check(Some(choosing(0)), S::NotConnected, S::Disconnected);
}

/// Calls `check` with each combination of facts.
fn for_each_combination(mut check: impl FnMut(&Facts<'_>)) {
    let (site, lost) = (integration(false), integration(true));
    let mut outcomes: Vec<_> = RefreshOutcome::ALL.into_iter().map(Some).collect();
    outcomes.push(None);
    let mut providers = vec![None];
    providers.extend(outcomes.iter().map(|it| Some(provider(true, *it))));
    providers.push(Some(provider(false, None)));
    let attempts = [
        None,
        Some(attempt(600, None, None)),
        Some(attempt(0, None, None)),
        Some(attempt(600, Some(AttemptOutcome::ChooseSite), Some(60))),
        Some(attempt(600, Some(AttemptOutcome::Connected), None)),
    ];
    let mut credentials = vec![None];
    // Each bit is one fact.
    for bits in 0_u8..64 {
        let is = |bit: u8| bits & (1 << bit) != 0;
        for last_outcome in &outcomes {
            credentials.push(Some(credential_with(|it| {
                it.last_outcome = *last_outcome;
                it.revoked_at = is(0).then_some(NOW);
                it.consecutive_failures = u32::from(is(1));
                if is(2) {
                    it.scopes = Scopes::from_space_separated("offline_access read:jira-user");
                }
                if is(3) {
                    ended(it);
                }
                if is(4) {
                    it.tokens = None;
                }
                it.consented_at = Some(days_ago(if is(5) { 350 } else { 0 }));
            })));
        }
    }
    for credential in &credentials {
        for provider in &providers {
            for attempt in &attempts {
                for bits in 0_u8..16 {
                    let is = |bit: u8| bits & (1 << bit) != 0;
                    check(&Facts {
                        credential: credential.as_ref(),
                        integration: is(0).then_some(if is(1) { &lost } else { &site }),
                        attempt: attempt.as_ref(),
                        tokens_open: is(2),
                        provider: provider.as_ref(),
                        now: NOW,
                        consent_lifetime_days: YEAR.filter(|_| is(3)),
                    });
                }
            }
        }
    }
}

/// Whether the facts speak for `state`, looked at alone.
fn speaks_for(facts: &Facts<'_>, state: ConnectionState) -> bool {
    use ConnectionState as S;
    let held = facts.credential.filter(|it| it.tokens.is_some());
    let with = |test: &dyn Fn(&IntegrationCredential) -> bool| held.is_some_and(test);
    let has_ended = with(&|it| it.tokens.as_ref().unwrap().access_expires_at <= facts.now);
    let has_failed = with(&|it| it.consecutive_failures != 0);
    let refused = Some(RefreshOutcome::Misconfigured);
    let is_down = facts.provider.is_some_and(|it| it.is_down);
    let all_refused = is_down && facts.provider.is_some_and(|it| it.last_outcome == refused);
    match state {
        S::ReconnectNeeded => with(&|it| it.revoked_at.is_some()),
        S::Misconfigured => {
            with(&|it| it.last_outcome == refused)
                || held.is_some() && (!facts.tokens_open || has_ended && all_refused)
        }
        S::SiteLost => held.is_some() && facts.integration.is_some_and(|it| it.lost_at.is_some()),
        S::PermissionsMissing => with(&|it| it.scopes.missing().count() > 0),
        S::Waiting => has_ended && (has_failed || is_down),
        S::Degraded => held.is_some() && has_failed && !has_ended,
        S::RenewSoon => {
            facts.consent_lifetime_days.is_some()
                && with(&|it| it.consented_at == Some(days_ago(350)))
        }
        S::Connected => held.is_some(),
        S::ChooseSite => {
            held.is_none() && facts.attempt.is_some_and(|it| awaits_choice(it, facts.now))
        }
        S::Connecting => held.is_none() && facts.attempt.is_some_and(|it| it.is_open(facts.now)),
        S::Disconnected => held.is_none() && facts.credential.is_some(),
        S::NotConnected => true,
    }
}

#[test]
fn every_combination_of_facts_has_the_first_state_that_applies() {
    let mut seen = std::collections::HashSet::new();
    for_each_combination(|facts| {
        let state = facts.state();
        let first = ConnectionState::ALL
            .into_iter()
            .find(|it| speaks_for(facts, *it));
        assert_eq!(Some(state), first, "{facts:?}");
        seen.insert(state);
    });
    assert_eq!(seen.len(), ConnectionState::ALL.len(), "{seen:?}");
}

#[test]
fn a_dead_grant_is_never_shown_as_connected() {
    for_each_combination(|facts| {
        let (state, reason) = (facts.state(), facts.reason());
        let is_live = facts.credential.is_some_and(IntegrationCredential::is_live);
        assert_eq!(state.has_grant(), is_live, "{facts:?}");
        let is_dead = state == ConnectionState::ReconnectNeeded;
        assert_eq!(
            matches!(reason, Some(Reason::Grant(_))),
            is_dead,
            "{facts:?}"
        );
    });
}

#[test]
fn a_token_that_is_good_is_never_told_to_be_waited_for() {
    for_each_combination(|facts| {
        let ends_at = facts.tokens().map(|(_, it)| it.access_expires_at);
        let is_good = ends_at.is_some_and(|it| it > facts.now);
        let state = facts.state();
        assert!(!is_good || state != ConnectionState::Waiting, "{facts:?}");
        assert!(is_good || state != ConnectionState::Degraded, "{facts:?}");
        // What troubles the provider at the moment takes no working connection away.
        let alone = Facts {
            provider: None,
            ..*facts
        };
        assert!(!is_good || state == alone.state(), "{facts:?}");
    });
}

#[test]
fn why_a_grant_is_dead_is_told_from_our_own_dates_where_they_know_it() {
    use RevocationReason as R;
    #[track_caller]
    fn check(consented: Option<i32>, refreshed: Option<i32>, stored: R, expected: R) {
        let credential = IntegrationCredential {
            consented_at: consented.map(days_ago),
            last_refreshed_at: refreshed.map(days_ago),
            ..dead(NOW, stored)
        };
        let reason = facts(&credential).reason();
        assert_eq!(reason, Some(Reason::Grant(expected)));
    }
    check(Some(1), Some(0), R::GrantRevoked, R::GrantRevoked);
    check(Some(364), Some(89), R::GrantRevoked, R::GrantRevoked);
    check(Some(365), Some(0), R::GrantRevoked, R::GrantConsentEnded);
    check(Some(100), Some(90), R::GrantRevoked, R::GrantIdleExpired);
    check(Some(90), None, R::GrantRevoked, R::GrantIdleExpired);
    check(None, None, R::GrantRevoked, R::GrantRevoked);
    for known in R::ALL {
        if known != R::GrantRevoked {
            check(Some(400), Some(200), known, known);
        }
    }
}

#[test]
fn a_reason_says_whose_trouble_it_is() {
    use RefreshOutcome as O;
    let failing = |outcome| {
        credential_with(|it| {
            it.consecutive_failures = 1;
            it.last_outcome = Some(outcome);
        })
    };
    let reason = |it: &IntegrationCredential| facts(it).reason();
    assert_eq!(reason(&credential()), None);
    assert_eq!(
        reason(&failing(O::NotSent)),
        Some(Reason::ProviderUnavailable)
    );
    assert_eq!(
        reason(&failing(O::Unexpected)),
        Some(Reason::ProviderUnexpected)
    );
    assert_eq!(
        reason(&failing(O::Misconfigured)),
        Some(Reason::ClientRefused)
    );
    let sealed = credential();
    let unreadable = Facts {
        tokens_open: false,
        ..facts(&sealed)
    };
    assert_eq!(unreadable.reason(), Some(Reason::TokensUnreadable));
}

#[test]
fn the_next_attempt_is_the_connections_own_or_that_of_the_one_that_asks_for_all() {
    let live = credential_with(|it| it.schedule.next_at = Some(at(30)));
    let next = |it: &IntegrationCredential, provider: Option<&ProviderHealth>| {
        let facts = Facts {
            provider,
            ..facts(it)
        };
        facts.next_attempt_at()
    };
    let probed = ProviderHealth {
        next_probe_at: Some(at(40)),
        ..provider(true, None)
    };
    let back = ProviderHealth {
        is_down: false,
        ..probed.clone()
    };
    assert_eq!(next(&live, None), Some(at(30)));
    assert_eq!(next(&live, Some(&probed)), Some(at(40)));
    assert_eq!(next(&live, Some(&back)), Some(at(30)));
    let dead = IntegrationCredential {
        schedule: live.schedule.clone(),
        ..dead(NOW, RevocationReason::GrantRevoked)
    };
    assert_eq!(next(&dead, Some(&probed)), None);
}
