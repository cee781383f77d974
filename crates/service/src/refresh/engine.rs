//! What one process remembers between refreshes.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{
    credential::{Generation, IntegrationCredential},
    ids::CredentialId,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::usage::Usage;

use super::{
    Caveat, TokenError, ValidToken,
    flight::Flights,
    saving::NewPair,
    steps::{NoSteps, Steps},
};

/// How refreshes are made, where the product's way is too slow for a test of several processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshSettings {
    /// How long the right to refresh is held without a sign of life: so soon a dead holder is noticed.
    pub lease: SignedDuration,
    /// How often somebody who waits for another process looks.
    pub poll: Duration,
}

impl Default for RefreshSettings {
    fn default() -> Self {
        Self {
            lease: SignedDuration::from_secs(10),
            poll: Duration::from_millis(250),
        }
    }
}

/// A process's part of the refreshing.
#[derive(Debug)]
pub struct Engine {
    pub(super) settings: RefreshSettings,
    pub(super) steps: Arc<dyn Steps>,
    pub(super) flights: Flights,
    pub(super) unsaved: Unsaved,
    pub(super) proved: Proved,
    pub(super) writable: Writable,
    /// Who uses which credential; written once in a while.
    pub(crate) usage: Usage<CredentialId>,
    /// Which sites were looked at of late because they refused somebody.
    pub(crate) site_looks: SiteLooks,
    /// Woken when another process says that a refresh has ended.
    pub(crate) hints: Notify,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(RefreshSettings::default(), Arc::new(NoSteps))
    }
}

impl Engine {
    /// With other settings, and somebody who is told each step.
    pub fn new(settings: RefreshSettings, steps: Arc<dyn Steps>) -> Self {
        Self {
            settings,
            steps,
            flights: Flights::default(),
            unsaved: Unsaved::default(),
            proved: Proved::default(),
            writable: Writable::default(),
            usage: Usage::default(),
            site_looks: SiteLooks::default(),
            hints: Notify::new(),
        }
    }

    /// How many pairs are in this process's memory alone, because the store does not take them.
    pub fn unsaved_pairs(&self) -> usize {
        self.unsaved.count.load(Ordering::SeqCst)
    }
}

/// Pairs in hand that the store does not take yet: they go before their rows.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    pairs: Mutex<HashMap<CredentialId, Arc<NewPair>>>,
    count: AtomicUsize,
}

impl Unsaved {
    pub(super) fn add(&self, pair: &Arc<NewPair>) {
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.insert(pair.of.credential, Arc::clone(pair));
        self.count.store(pairs.len(), Ordering::SeqCst);
    }

    pub(super) fn remove(&self, credential: CredentialId) {
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.remove(&credential);
        self.count.store(pairs.len(), Ordering::SeqCst);
    }

    /// The token in hand for this row, while the row is still the one that was refreshed.
    pub(super) fn token_of(
        &self,
        credential: &IntegrationCredential,
        now: Timestamp,
    ) -> Option<Result<ValidToken, TokenError>> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = pairs.get(&credential.id)?;
        if pair.of.generation != credential.generation {
            return None;
        }
        let token = pair.token();
        let is_good = now < token.expires_at;
        Some(if is_good {
            Ok(token.but(Caveat::NotSaved))
        } else {
            Err(TokenError::NotSaved)
        })
    }
}

/// Tokens that Atlassian took although somebody said that they are refused.
#[derive(Debug, Default)]
pub(super) struct Proved(Mutex<HashMap<CredentialId, (Generation, Timestamp)>>);

/// So long such a proof is believed, lest every refusal costs a call.
const PROOF_LASTS: SignedDuration = SignedDuration::from_secs(30);

impl Proved {
    pub(super) fn works(&self, credential: &IntegrationCredential, now: Timestamp) -> bool {
        let mut proofs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        proofs.retain(|_, (_, at)| now.duration_since(*at).abs() < PROOF_LASTS);
        proofs
            .get(&credential.id)
            .is_some_and(|(generation, _)| *generation == credential.generation)
    }

    pub(super) fn note(&self, credential: &IntegrationCredential, now: Timestamp) {
        let mut proofs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        proofs.insert(credential.id, (credential.generation, now));
    }
}

/// Sites that were looked at because they refused somebody.
#[derive(Debug, Default)]
pub(crate) struct SiteLooks(Mutex<HashMap<CredentialId, Timestamp>>);

/// So long nobody looks again: a site that refuses refuses every call.
const LOOK_LASTS: SignedDuration = SignedDuration::from_mins(5);

impl SiteLooks {
    /// Whether it is time to look, which then counts as done.
    pub(crate) fn may(&self, credential: CredentialId, now: Timestamp) -> bool {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.retain(|_, at| now.duration_since(*at).abs() < LOOK_LASTS);
        let is_time = !looks.contains_key(&credential);
        if is_time {
            looks.insert(credential, now);
        }
        is_time
    }
}

/// Since when this process has seen the store take what is written.
#[derive(Debug, Default)]
pub(super) struct Writable(Mutex<Seen>);

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    since: Option<Duration>,
    looked_at: Option<Duration>,
}

/// The store is not asked more often than this.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Two looks that are further apart say nothing of the time between them: the store may have been away,
/// and whoever holds a pair that it did not take saves it only now.
const WATCHED: Duration = Duration::from_secs(20);

impl Writable {
    /// For how long, as of `elapsed`; `None` if it is time to look again.
    pub(super) fn known(&self, elapsed: Duration) -> Option<Duration> {
        let seen = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let looked_at = seen.looked_at?;
        if elapsed.saturating_sub(looked_at) >= LOOK_EVERY {
            return None;
        }
        Some(
            seen.since
                .map_or(Duration::ZERO, |it| elapsed.saturating_sub(it)),
        )
    }

    pub(super) fn note(&self, took_it: bool, elapsed: Duration) -> Duration {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_watched = seen
            .looked_at
            .is_some_and(|it| elapsed.saturating_sub(it) <= WATCHED);
        seen.looked_at = Some(elapsed);
        seen.since = if took_it {
            seen.since.filter(|_| was_watched).or(Some(elapsed))
        } else {
            None
        };
        seen.since
            .map_or(Duration::ZERO, |it| elapsed.saturating_sub(it))
    }
}
