//! The state of a connection, computed from facts: one pure function, never stored.

use jiff::Timestamp;

use crate::{
    attempt::{AttemptOutcome, ConnectAttempt},
    credential::IntegrationCredential,
};

/// What people and services are told of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// Atlassian refused the grant; a person must give a new one.
    ReconnectNeeded,
    /// It works, but lacks a permission that we ask for.
    PermissionsMissing,
    /// It works, as far as we know.
    Connected,
    /// A person came back from Atlassian and must choose a site, or let us ask Atlassian again.
    ChooseSite,
    /// A person is on the way to Atlassian.
    Connecting,
    /// It was disconnected; the tokens are erased.
    Disconnected,
    /// There was never one.
    NotConnected,
}

impl ConnectionState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ReconnectNeeded,
        Self::PermissionsMissing,
        Self::Connected,
        Self::ChooseSite,
        Self::Connecting,
        Self::Disconnected,
        Self::NotConnected,
    ];

    /// The word that services are told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReconnectNeeded => "reconnect_needed",
            Self::PermissionsMissing => "permissions_missing",
            Self::Connected => "connected",
            Self::ChooseSite => "choose_site",
            Self::Connecting => "connecting",
            Self::Disconnected => "disconnected",
            Self::NotConnected => "not_connected",
        }
    }
}

/// Says what state a team's connection is in (`design.md` 7).
///
/// A credential that holds tokens decides alone; an open attempt is then told beside the state.
/// Without tokens the attempt decides, then what was there before.
pub fn connection_state(
    credential: Option<&IntegrationCredential>,
    attempt: Option<&ConnectAttempt>,
    now: Timestamp,
) -> ConnectionState {
    match credential {
        Some(it) if it.is_live() && it.scopes.missing().next().is_some() => {
            return ConnectionState::PermissionsMissing;
        }
        Some(it) if it.is_live() => return ConnectionState::Connected,
        Some(it) if it.tokens.is_some() => return ConnectionState::ReconnectNeeded,
        _ => {}
    }
    match attempt {
        Some(it) if awaits_choice(it, now) => ConnectionState::ChooseSite,
        Some(it) if it.is_open(now) => ConnectionState::Connecting,
        _ if credential.is_some() => ConnectionState::Disconnected,
        _ => ConnectionState::NotConnected,
    }
}

/// Whether the attempt holds a grant for which a person must choose a site.
pub fn awaits_choice(attempt: &ConnectAttempt, now: Timestamp) -> bool {
    attempt.outcome == Some(AttemptOutcome::ChooseSite) && attempt.usable_grant(now).is_some()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{
        attempt::{PendingGrant, Purpose},
        credential::{
            Generation, Provider, RefreshSchedule, RevocationReason, Scopes, SealedTokens,
        },
        ids::{AttemptId, CredentialId, SessionId, TeamId, UserId},
        sealed::Sealed,
    };

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn tokens() -> SealedTokens {
        SealedTokens {
            access: Sealed::from_bytes(vec![1]),
            refresh: Sealed::from_bytes(vec![2]),
            access_expires_at: NOW,
        }
    }

    fn credential(has_tokens: bool, revoked: bool) -> IntegrationCredential {
        IntegrationCredential {
            id: CredentialId::from_uuid(Uuid::nil()),
            team: TeamId::from_uuid(Uuid::nil()),
            provider: Provider::Jira,
            tokens: has_tokens.then(tokens),
            scopes: Scopes::REQUESTED.into_iter().collect(),
            account_id: None,
            connected_by: None,
            consented_at: None,
            generation: Generation::ZERO,
            consecutive_failures: 0,
            last_outcome: None,
            last_refreshed_at: None,
            last_used_at: None,
            schedule: RefreshSchedule::default(),
            revoked_at: revoked.then_some(NOW),
            revocation_reason: revoked.then_some(RevocationReason::GrantRevoked),
            disconnected_at: None,
            disconnected_by: None,
        }
    }

    fn attempt(
        expires_in: i64,
        outcome: Option<AttemptOutcome>,
        grant_for: Option<i64>,
    ) -> ConnectAttempt {
        let secs = SignedDuration::from_secs;
        ConnectAttempt {
            id: AttemptId::from_uuid(Uuid::nil()),
            team: TeamId::from_uuid(Uuid::nil()),
            user: UserId::from_uuid(Uuid::nil()),
            session: Some(SessionId::from_uuid(Uuid::nil())),
            provider: Provider::Jira,
            purpose: Purpose::Connect,
            code_verifier: Sealed::from_bytes(vec![]),
            created_at: NOW,
            expires_at: NOW + secs(expires_in),
            finished_at: outcome.map(|_| NOW),
            outcome,
            grant: grant_for.map(|it| PendingGrant {
                tokens: tokens(),
                scopes: Scopes::default(),
                granted_at: NOW,
                erase_at: NOW + secs(it),
            }),
            chosen_site: None,
        }
    }

    #[test]
    fn each_state_has_its_facts() {
        use ConnectionState as S;
        let state = |c: Option<&IntegrationCredential>, a: Option<&ConnectAttempt>| {
            connection_state(c, a, NOW)
        };
        let waiting = attempt(600, None, None);
        let choosing = attempt(600, Some(AttemptOutcome::ChooseSite), Some(60));
        let down = attempt(600, Some(AttemptOutcome::AtlassianDown), Some(60));
        let chose_too_late = attempt(600, Some(AttemptOutcome::ChooseSite), Some(0));
        let lost = attempt(0, None, None);
        assert_eq!(state(None, None), S::NotConnected);
        assert_eq!(state(None, Some(&waiting)), S::Connecting);
        assert_eq!(state(None, Some(&lost)), S::NotConnected);
        assert_eq!(state(None, Some(&down)), S::Connecting);
        assert_eq!(state(None, Some(&choosing)), S::ChooseSite);
        assert_eq!(state(None, Some(&chose_too_late)), S::NotConnected);
        assert_eq!(
            state(Some(&credential(false, false)), None),
            S::Disconnected
        );
        assert_eq!(
            state(Some(&credential(false, false)), Some(&waiting)),
            S::Connecting
        );
        assert_eq!(state(Some(&credential(true, false)), None), S::Connected);
        assert_eq!(
            state(Some(&credential(true, false)), Some(&waiting)),
            S::Connected
        );
        assert_eq!(
            state(Some(&credential(true, true)), Some(&choosing)),
            S::ReconnectNeeded
        );
    }

    proptest! {
        #[test]
        fn a_dead_grant_is_never_shown_as_connected(
            has_tokens: bool,
            revoked: bool,
            expires_in in -1000_i64..1000,
            lacks_a_scope: bool,
            outcome in proptest::option::of(proptest::sample::select(AttemptOutcome::ALL.to_vec())),
            grant_for in proptest::option::of(-1000_i64..1000),
        ) {
            let mut credential = credential(has_tokens, revoked);
            if lacks_a_scope {
                credential.scopes = Scopes::from_space_separated("read:jira-work offline_access");
            }
            let attempt = attempt(expires_in, outcome, grant_for);
            let state = connection_state(Some(&credential), Some(&attempt), NOW);
            prop_assert_eq!(state == ConnectionState::Connected, has_tokens && !revoked && !lacks_a_scope);
            prop_assert_eq!(
                state == ConnectionState::PermissionsMissing,
                has_tokens && !revoked && lacks_a_scope
            );
        }
    }
}
