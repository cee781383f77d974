//! Who may use what little is left, so that one noisy key cannot starve the others. Pure.
//!
//! Two rules, as there are two kinds of limits:
//!
//! - **The last tenth of an hour's points is kept for the others.** Once it is reached, a key that made more than
//!   one and a half times its fair share of the calls of this hour ([`Shares`]) waits for the next one.
//! - **After a burst was refused, keys take turns for a minute.** In each second each key has an equal part of what
//!   Atlassian allows of that endpoint ([`Turns`]); each further refusal within the minute halves what is parted,
//!   since other processes part the same.
//!
//! Neither costs anything while nothing is scarce, and a key that is alone is never held back.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::ids::ApiKeyId;

/// For so long after a refusal keys take turns.
const TURNS_LAST: SignedDuration = SignedDuration::from_mins(1);

/// What a burst is parted from where Atlassian does not say how much it allows: its smallest default.
const LEAST_DEFAULT_BURST: u64 = 50;

/// How many calls each key made in this hour, through all processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares(HashMap<ApiKeyId, u64>);

impl FromIterator<(ApiKeyId, u64)> for Shares {
    /// Of a key that comes twice the sum counts.
    fn from_iter<T: IntoIterator<Item = (ApiKeyId, u64)>>(calls: T) -> Self {
        let mut all = HashMap::<_, u64>::new();
        for (key, count) in calls {
            let known = all.entry(key).or_default();
            *known = known.saturating_add(count);
        }
        Self(all)
    }
}

impl Shares {
    /// Whether a key made more than one and a half times its fair share of the calls.
    pub fn is_noisy(&self, key: ApiKeyId) -> bool {
        let sum = |it: u64, count: &u64| it.saturating_add(*count);
        let total = self.0.values().fold(0, sum);
        let own = self.0.get(&key).copied().unwrap_or_default();
        let keys = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        // own > 1.5 × total ÷ keys, in whole numbers.
        own.saturating_mul(keys).saturating_mul(2) > total.saturating_mul(3)
    }
}

/// Whose turn it is at one endpoint, in one process.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    /// Until then keys take turns.
    until: Option<Timestamp>,
    /// Calls in a second that are parted.
    per_second: u64,
    /// The second that is now, and who used how much of it.
    second: i64,
    used: HashMap<ApiKeyId, u64>,
    /// Who called last when.
    seen: HashMap<ApiKeyId, i64>,
}

impl Turns {
    /// Atlassian refused a burst, after a time in which it did not; `of` is what it says it allows.
    pub fn refused(&mut self, of: Option<u64>, now: Timestamp) {
        self.per_second = if self.is_over(now) {
            self.seen.clear();
            of.unwrap_or(LEAST_DEFAULT_BURST)
        } else {
            let half = self.per_second.div_euclid(2);
            of.map_or(half, |it| half.min(it))
        }
        .max(1);
        self.until = Some(now + TURNS_LAST);
    }

    /// Whether nobody has to wait for a turn.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until
            .is_none_or(|it| it <= now || it.duration_since(now) > TURNS_LAST)
    }

    /// Takes one turn of a key.
    ///
    /// # Errors
    ///
    /// When its next turn is, where this second has none left for it.
    pub fn take(&mut self, key: ApiKeyId, now: Timestamp) -> Result<(), Timestamp> {
        let second = now.as_second();
        if second != self.second {
            self.second = second;
            self.used.clear();
            let oldest = second.saturating_sub(TURNS_LAST.as_secs());
            self.seen.retain(|_, at| *at > oldest);
        }
        self.seen.insert(key, second);
        let keys = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
        let share = self.per_second.checked_div(keys).unwrap_or_default().max(1);
        let used = self.used.entry(key).or_default();
        if *used >= share {
            let next = Timestamp::from_second(second.saturating_add(1));
            return Err(next.unwrap_or(now));
        }
        *used = used.saturating_add(1);
        Ok(())
    }

    /// Gives back a turn that was not used.
    pub fn give_back(&mut self, key: ApiKeyId) {
        if let Some(used) = self.used.get_mut(&key) {
            *used = used.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
