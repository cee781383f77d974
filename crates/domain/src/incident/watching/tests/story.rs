//! One connection, a look after each change and whenever one is due, and what was told.

use std::num::NonZeroU16;

use uuid::Uuid;

use super::*;
use crate::{
    credential::{
        Generation, IntegrationCredential, Provider, RefreshOutcome, RefreshSchedule, Scopes,
        SealedTokens,
    },
    ids::{CredentialId, IncidentId, JiraIntegrationId, TeamId},
    incident::IncidentOf,
    jira::{JiraIntegration, Site, SyncStatus},
    provider_health::ProviderHealth,
    sealed::Sealed,
    text::{CloudId, SiteName, SiteUrl},
};

/// What can happen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Wait(i64),
    Jump(i64),
    Dies,
    IsSaved,
    Consent,
    SiteLost,
    SiteFound,
    AnotherSite,
    ScopeLost,
    ScopeFound,
    Fails,
    Down(bool),
    Refused(bool),
    Disconnect,
}

/// One connection, what became of it, and what was told.
pub(super) struct Story {
    pub(super) now: Timestamp,
    pub(super) credential: IntegrationCredential,
    pub(super) integration: JiraIntegration,
    pub(super) provider: ProviderHealth,
    pub(super) told: Option<ConnectionState>,
    pub(super) due_at: Option<Timestamp>,
    /// The provider's health changed since the last look: a connection's own next attempt shows it.
    pub(super) is_stale: bool,
    pub(super) open: Option<Incident>,
    pub(super) closed: Vec<Incident>,
    pub(super) opened_at: Vec<Timestamp>,
    pub(super) tells: Vec<(Timestamp, Tell, ConnectionState)>,
}

pub(super) fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn credential() -> IntegrationCredential {
    IntegrationCredential {
        id: CredentialId::from_uuid(Uuid::from_u128(77)),
        team: TeamId::from_uuid(Uuid::nil()),
        provider: Provider::Jira,
        tokens: None,
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
        revoked_at: None,
        revocation_reason: None,
        disconnected_at: None,
        disconnected_by: None,
    }
}

fn integration() -> JiraIntegration {
    let url = SiteUrl::parse("https://acme.atlassian.net").unwrap();
    JiraIntegration {
        id: JiraIntegrationId::from_uuid(Uuid::nil()),
        team: TeamId::from_uuid(Uuid::nil()),
        credential: CredentialId::from_uuid(Uuid::from_u128(77)),
        site: Site {
            cloud_id: CloudId::parse("11111111-2222-3333-4444-555555555555").unwrap(),
            name: SiteName::from_provider("Acme", &url),
            url,
            avatar_url: None,
        },
        last_sync_at: None,
        sync_status: SyncStatus::Pending,
        checked_at: None,
        lost_at: None,
    }
}

impl Story {
    /// Just connected.
    pub(super) fn new() -> Self {
        let mut story = Self {
            now: START,
            credential: credential(),
            integration: integration(),
            provider: ProviderHealth::new(Provider::Jira),
            told: None,
            due_at: None,
            is_stale: false,
            open: None,
            closed: Vec::new(),
            opened_at: Vec::new(),
            tells: Vec::new(),
        };
        story.does(Event::Consent);
        story
    }

    fn decide(&self) -> (Decision, ConnectionState) {
        let facts = Facts {
            credential: Some(&self.credential),
            integration: Some(&self.integration),
            attempt: None,
            tokens_open: true,
            provider: Some(&self.provider),
            now: self.now,
            consent_lifetime_days: NonZeroU16::new(365),
        };
        let of_late = |it: &&Timestamp| **it > self.now - crate::incident::schedule::RECENT;
        let recent = self.opened_at.iter().filter(of_late).count();
        let look = Look {
            facts: &facts,
            told: self.told,
            is_old: false,
            open: self.open.as_ref(),
            recent: u32::try_from(recent).unwrap(),
        };
        (look.decide(), facts.state())
    }

    fn look(&mut self) {
        let (decision, state) = self.decide();
        match decision.step {
            Step::Nothing => {}
            Step::Open(kind, due_at) => {
                assert!(self.open.is_none());
                self.opened_at.push(self.now);
                self.open = Some(Incident {
                    id: IncidentId::from_uuid(Uuid::nil()),
                    of: Some(IncidentOf {
                        team: self.credential.team,
                        credential: self.credential.id,
                    }),
                    provider: Provider::Jira,
                    kind,
                    reason: None,
                    opened_at: self.now,
                    working_since: None,
                    closed: None,
                    reminders: 0,
                    due_at,
                });
            }
            Step::Change(changed) if changed.closed.is_some() => {
                self.open = None;
                self.closed.push(changed);
            }
            Step::Change(changed) => self.open = Some(changed),
        }
        if let Some(tell) = decision.tell {
            self.tells.push((self.now, tell, state));
        }
        self.is_stale = false;
        self.told = decision.told;
        self.due_at = decision.due_at;
    }

    /// Time passes; whoever looks does so when it is due. In between nothing would be told.
    fn wait(&mut self, how_long: SignedDuration) {
        let end = self.now + how_long;
        loop {
            let due = self.due_at.filter(|it| *it <= end);
            let until = due.unwrap_or(end).max(self.now);
            let step = until.duration_since(self.now).checked_div(3).unwrap();
            for _ in 0..2 {
                self.now += step;
                if !self.is_stale && self.due_at.is_none_or(|it| it > self.now) {
                    let (decision, _) = self.decide();
                    assert_eq!(decision.tell, None, "told before it was due");
                }
            }
            self.now = until;
            if due.is_none() {
                return;
            }
            self.look();
            assert!(
                self.due_at
                    .is_none_or(|it| it > self.now
                        || self.tells.last().is_some_and(|(at, ..)| *at == self.now)),
                "looks in a loop"
            );
        }
    }

    pub(super) fn does(&mut self, event: Event) {
        let now = self.now;
        let credential = &mut self.credential;
        match event {
            Event::Wait(how_long) => return self.wait(minutes(how_long)),
            Event::Jump(by) => self.now += minutes(by),
            Event::Dies => {
                credential.revoked_at = Some(now);
                credential.schedule.next_at = None;
            }
            Event::IsSaved => {
                if let Some(tokens) = &mut credential.tokens {
                    tokens.access_expires_at = now + minutes(60);
                }
                credential.revoked_at = None;
                credential.consecutive_failures = 0;
                credential.last_outcome = Some(RefreshOutcome::Ok);
                credential.schedule.failing_since = None;
                credential.schedule.next_at = Some(now + minutes(55));
            }
            Event::Consent => {
                *credential = IntegrationCredential {
                    tokens: Some(SealedTokens {
                        access: Sealed::from_bytes(vec![1]),
                        refresh: Sealed::from_bytes(vec![2]),
                        access_expires_at: now + minutes(60),
                    }),
                    consented_at: Some(now),
                    ..self::credential()
                };
                self.integration = integration();
            }
            Event::SiteLost => {
                self.integration.lost_at = Some(now);
                self.integration.checked_at = Some(now);
            }
            Event::SiteFound => {
                self.integration.lost_at = None;
                self.integration.checked_at = Some(now);
            }
            Event::AnotherSite => self.integration = integration(),
            Event::ScopeLost => credential.scopes = Scopes::default(),
            Event::ScopeFound => credential.scopes = self::credential().scopes,
            Event::Fails => {
                credential.consecutive_failures += 1;
                credential.last_outcome = Some(RefreshOutcome::Ambiguous);
                credential.schedule.failing_since.get_or_insert(now);
                credential.schedule.next_at = Some(now + minutes(15));
            }
            // The provider's health makes no look due.
            Event::Down(is_down) => {
                self.provider.is_down = is_down;
                self.is_stale = true;
                return;
            }
            Event::Refused(is_refused) => {
                let refused = Some(RefreshOutcome::Misconfigured);
                credential.last_outcome = if is_refused { refused } else { None };
            }
            Event::Disconnect => {
                *credential = IntegrationCredential {
                    disconnected_at: Some(now),
                    ..self::credential()
                };
            }
        }
        self.look();
    }

    pub(super) fn run(events: impl IntoIterator<Item = Event>) -> Self {
        let mut story = Self::new();
        for event in events {
            story.does(event);
        }
        story
    }

    /// What was told, without the first "connected".
    pub(super) fn told(&self) -> Vec<Tell> {
        self.tells
            .iter()
            .skip(1)
            .map(|(_, tell, _)| *tell)
            .collect()
    }

    pub(super) fn count(&self, tell: Tell) -> usize {
        self.told().iter().filter(|it| **it == tell).count()
    }
}
