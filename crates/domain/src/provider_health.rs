//! Whether a provider answers at all, for all connections and processes together. Pure.
//!
//! While every attempt of late failed, the provider counts as down: one connection asks every 45 seconds
//! for all of them (`design.md` 5). A single connection that fails among others that work does not make
//! the provider down; it backs off alone.

use jiff::{SignedDuration, Timestamp};

use crate::{
    credential::{Provider, RefreshOutcome},
    ids::CredentialId,
};

/// After a provider was found to be down, it is asked this soon.
pub const FIRST_PROBE: SignedDuration = SignedDuration::from_secs(5);

/// Then at this distance, moved at random by a few seconds.
const PROBE_EVERY: SignedDuration = SignedDuration::from_secs(45);

/// What the distance is moved by at most, either way.
const PROBE_JITTER_SECS: i64 = 5;

/// A connection that worked within this time shows that others work: an access token lives an hour, so
/// a connection in use is refreshed within it.
const OTHERS_WORK: SignedDuration = SignedDuration::from_mins(70);

/// One probe in this many is made by another connection than the one that is worst off, lest one that
/// fails for a reason of its own keeps all others waiting.
const OTHER_TURN: i64 = 4;

/// How a provider answered of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderHealth {
    /// Which one.
    pub provider: Provider,
    /// Since when no attempt succeeded.
    pub failing_since: Option<Timestamp>,
    /// Whose attempt failed first since then.
    pub first_failed: Option<CredentialId>,
    /// Whether it counts as down.
    pub is_down: bool,
    /// What the last failed attempt came to.
    pub last_outcome: Option<RefreshOutcome>,
    /// When it is asked next, while it is down.
    pub next_probe_at: Option<Timestamp>,
    /// How often it was asked since it is down.
    pub probes: i64,
    /// When an attempt last succeeded, as far as it was noted.
    pub last_success_at: Option<Timestamp>,
    /// Whose it was.
    pub last_success_of: Option<CredentialId>,
}

impl ProviderHealth {
    /// Of a provider that was never asked.
    pub const fn new(provider: Provider) -> Self {
        Self {
            provider,
            failing_since: None,
            first_failed: None,
            is_down: false,
            last_outcome: None,
            next_probe_at: None,
            probes: 0,
            last_success_at: None,
            last_success_of: None,
        }
    }

    /// After a failed attempt of `credential`. What Atlassian refused for the grant's sake, or answered
    /// in a way that nobody foresaw, says that it is there, and is no failure here.
    #[must_use]
    pub fn after_failure(
        self,
        credential: CredentialId,
        outcome: RefreshOutcome,
        retry_after: Option<SignedDuration>,
        now: Timestamp,
    ) -> Self {
        if !counts_as_down(outcome) {
            return self;
        }
        let first_failed = self.first_failed.unwrap_or(credential);
        let others_work = self
            .last_success_at
            .is_some_and(|it| now.duration_since(it) < OTHERS_WORK)
            && self.last_success_of != Some(credential);
        let is_down = self.is_down || first_failed != credential || !others_work;
        let first_probe = now + retry_after.unwrap_or(FIRST_PROBE).max(FIRST_PROBE);
        let next_probe_at = match self.next_probe_at {
            Some(at) if self.is_down => Some(retry_after.map_or(at, |it| at.max(now + it))),
            _ => is_down.then_some(first_probe),
        };
        Self {
            failing_since: self.failing_since.or(Some(now)),
            first_failed: Some(first_failed),
            is_down,
            last_outcome: Some(outcome),
            next_probe_at,
            ..self
        }
    }

    /// After an attempt of `credential` that was answered as it should be.
    #[must_use]
    pub fn after_success(self, credential: CredentialId, now: Timestamp) -> Self {
        Self {
            last_success_at: Some(now),
            last_success_of: Some(credential),
            ..Self::new(self.provider)
        }
    }

    /// Whether a success is worth a write: after failures always, else twice a minute.
    pub fn wants_success(&self, now: Timestamp) -> bool {
        let seconds = SignedDuration::from_secs(30);
        self.failing_since.is_some()
            || self
                .last_success_at
                .is_none_or(|it| now.duration_since(it).abs() >= seconds)
    }

    /// Whether it is time to ask a provider that is down.
    pub fn may_probe(&self, now: Timestamp) -> bool {
        self.is_down && self.next_probe_at.is_none_or(|it| it <= now)
    }

    /// The same with the next probe at its distance, `drawn` at random.
    #[must_use]
    pub fn after_probe(self, now: Timestamp, drawn: u16) -> Self {
        let spread = PROBE_JITTER_SECS.saturating_mul(2).saturating_add(1);
        let jitter = i64::from(drawn)
            .rem_euclid(spread)
            .saturating_sub(PROBE_JITTER_SECS);
        Self {
            next_probe_at: Some(now + PROBE_EVERY + SignedDuration::from_secs(jitter)),
            probes: self.probes.saturating_add(1),
            ..self
        }
    }

    /// Whether the next probe is another connection's than the one that waits longest.
    pub const fn is_others_turn(&self) -> bool {
        self.probes.rem_euclid(OTHER_TURN) == OTHER_TURN - 1
    }
}

/// Whether such an outcome says that the provider, or our way to it, is broken for all.
const fn counts_as_down(outcome: RefreshOutcome) -> bool {
    match outcome {
        RefreshOutcome::NotSent | RefreshOutcome::Ambiguous | RefreshOutcome::Misconfigured => true,
        RefreshOutcome::Ok | RefreshOutcome::GrantDead | RefreshOutcome::Unexpected => false,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn credential(n: u128) -> CredentialId {
        CredentialId::from_uuid(Uuid::from_u128(n))
    }

    fn at(secs: i64) -> Timestamp {
        START + SignedDuration::from_secs(secs)
    }

    fn failed(health: ProviderHealth, n: u128, secs: i64) -> ProviderHealth {
        health.after_failure(credential(n), RefreshOutcome::Ambiguous, None, at(secs))
    }

    #[test]
    fn the_only_connection_that_fails_makes_the_provider_down() {
        let never = failed(ProviderHealth::new(Provider::Jira), 1, 0);
        assert!(never.is_down);
        assert_eq!(never.next_probe_at, Some(at(5)));
        let worked = ProviderHealth::new(Provider::Jira).after_success(credential(1), START);
        assert!(failed(worked, 1, 60).is_down);
    }

    #[test]
    fn one_that_fails_among_others_that_work_does_not() {
        let health = ProviderHealth::new(Provider::Jira).after_success(credential(2), START);
        let health = failed(health, 1, 60);
        assert!(!health.is_down);
        let health = failed(health, 1, 90);
        assert!(!health.is_down);
        assert!(!health.may_probe(at(500)));
        assert!(failed(health.clone(), 2, 100).is_down, "a second one fails");
        assert!(
            failed(health, 1, 71 * 60).is_down,
            "nothing has worked for long"
        );
    }

    #[test]
    fn a_provider_that_is_down_is_asked_after_5_seconds_then_every_45() {
        let mut health = failed(ProviderHealth::new(Provider::Jira), 1, 0);
        assert!(!health.may_probe(at(4)));
        let mut asked = Vec::new();
        for second in 0..3_600 {
            if health.may_probe(at(second)) {
                health = failed(health.after_probe(at(second), 0xabc), 1, second);
                asked.push(second);
            }
        }
        assert_eq!(asked.first(), Some(&5));
        assert!((60..=90).contains(&asked.len()), "{}", asked.len());
        let health = health.after_success(credential(1), at(3_600));
        assert!(!health.is_down && health.failing_since.is_none() && !health.may_probe(at(9_999)));
    }

    #[test]
    fn a_wait_that_is_asked_for_is_kept() {
        let wait = Some(SignedDuration::from_secs(120));
        let new = ProviderHealth::new(Provider::Jira);
        let health = new.after_failure(credential(1), RefreshOutcome::NotSent, wait, START);
        assert_eq!(health.next_probe_at, Some(at(120)));
        let asked = health.after_probe(at(120), 5);
        let again = asked.after_failure(credential(1), RefreshOutcome::NotSent, wait, at(121));
        assert_eq!(again.next_probe_at, Some(at(241)));
    }

    #[test]
    fn an_answer_about_one_grant_says_that_the_provider_is_there() {
        for outcome in [RefreshOutcome::GrantDead, RefreshOutcome::Unexpected] {
            let new = ProviderHealth::new(Provider::Jira);
            let health = new.after_failure(credential(1), outcome, None, START);
            assert!(!health.is_down && health.failing_since.is_none());
        }
        let new = ProviderHealth::new(Provider::Jira);
        let refused = new.after_failure(credential(1), RefreshOutcome::Misconfigured, None, START);
        assert!(refused.is_down);
    }
}
