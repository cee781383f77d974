//! The state of a connection, for whoever is told of it: the facts are brought together here alone.

use domain::{
    credential::IntegrationCredential,
    state::{ConnectionState, Facts, Reason},
};
use jiff::Timestamp;
use store::ConnectionOverview;

use crate::{Services, refresh::token_place};

/// What is told of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// Its state.
    pub state: ConnectionState,
    /// Why, where the state does not say it.
    pub reason: Option<Reason>,
    /// When the consent ends; none if it never does.
    pub consent_ends_at: Option<Timestamp>,
    /// When Atlassian is asked for a new pair next; none if it is not.
    pub next_attempt_at: Option<Timestamp>,
}

impl From<Facts<'_>> for Assessment {
    fn from(facts: Facts<'_>) -> Self {
        Self {
            state: facts.state(),
            reason: facts.reason(),
            consent_ends_at: facts.consent_ends_at(),
            next_attempt_at: facts.next_attempt_at(),
        }
    }
}

impl Services {
    /// The facts of what was read.
    pub(crate) fn facts<'a>(&self, found: &'a ConnectionOverview, now: Timestamp) -> Facts<'a> {
        let credential = found.credential.as_ref();
        let tokens_open = credential.is_none_or(|it| self.tokens_open(it));
        Facts {
            tokens_open,
            ..self.facts_with_open_tokens(found, now)
        }
    }

    /// The same, for whoever has just opened the token: it is not done again.
    pub(crate) fn facts_with_open_tokens<'a>(
        &self,
        found: &'a ConnectionOverview,
        now: Timestamp,
    ) -> Facts<'a> {
        Facts {
            credential: found.credential.as_ref(),
            integration: found.integration.as_ref(),
            attempt: found.attempt.as_ref(),
            tokens_open: true,
            provider: found.provider.as_ref(),
            now,
            consent_lifetime_days: self.policy.consent_lifetime_days,
        }
    }

    /// Whether both tokens open under the key ring. Writes nothing: looking at a page is no event.
    pub(crate) fn tokens_open(&self, credential: &IntegrationCredential) -> bool {
        credential.tokens.as_ref().is_none_or(|tokens| {
            let opens = |column, sealed| {
                let place = token_place(credential.id, credential.team, column);
                self.key_ring.open(place, sealed).is_ok()
            };
            opens("access_token", &tokens.access) && opens("refresh_token", &tokens.refresh)
        })
    }
}
