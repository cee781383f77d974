//! Who may use what little is left, so that one noisy service cannot starve the others, whether it has one key or
//! goes from one to the next. Pure.
//!
//! Two rules, as there are two kinds of limits:
//!
//! - **The last tenth of an hour's points is kept for the others.** Once it is reached, a service that made more
//!   than one and a half times as many calls of this hour as the others on average ([`Shares`]) waits for the next.
//! - **After a burst was refused, services take turns for a minute.** In each second each has an equal part of what
//!   Atlassian allows of that endpoint ([`Turns`]); each further refusal within the minute halves what is parted,
//!   since other processes part the same.
//!
//! Neither costs anything while nothing is scarce, and a service that is alone is never held back.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::api_key::KeyHolder;

/// For so long after a refusal services take turns.
const TURNS_LAST: SignedDuration = SignedDuration::from_mins(1);

/// What a burst is parted from where Atlassian does not say how much it allows: its smallest default.
const LEAST_DEFAULT_BURST: u64 = 50;

/// How many calls each service made in this hour, through all processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares(HashMap<KeyHolder, u64>);

impl FromIterator<(KeyHolder, u64)> for Shares {
    /// Of one that comes twice the sum counts.
    fn from_iter<T: IntoIterator<Item = (KeyHolder, u64)>>(calls: T) -> Self {
        let mut all = HashMap::<_, u64>::new();
        for (who, count) in calls {
            let known = all.entry(who).or_default();
            *known = known.saturating_add(count);
        }
        Self(all)
    }
}

impl Shares {
    /// Whether a service made more than one and a half times as many calls as the others on average.
    pub fn is_noisy(&self, who: &KeyHolder) -> bool {
        let Some(own) = self.0.get(who).copied().map(u128::from) else {
            return false;
        };
        let total: u128 = self.0.values().copied().map(u128::from).sum();
        let of_others = total.saturating_sub(own);
        let others = u128::try_from(self.0.len()).unwrap_or(u128::MAX);
        let others = others.saturating_sub(1);
        // own > 1.5 × of_others ÷ others, in whole numbers.
        own.saturating_mul(others).saturating_mul(2) > of_others.saturating_mul(3)
    }
}

/// Whose turn it is at one endpoint, in one process.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    /// Until then services take turns.
    until: Option<Timestamp>,
    /// Calls in a second that are parted.
    per_second: u64,
    /// The second that is now, and who used how much of it.
    second: i64,
    used: HashMap<KeyHolder, u64>,
    /// Who called last when.
    seen: HashMap<KeyHolder, i64>,
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

    /// Takes one turn of a service.
    ///
    /// # Errors
    ///
    /// When its next turn is, where this second has none left for it.
    pub fn take(&mut self, who: &KeyHolder, now: Timestamp) -> Result<(), Timestamp> {
        let second = now.as_second();
        if second != self.second {
            self.second = second;
            self.used.clear();
            let oldest = second.saturating_sub(TURNS_LAST.as_secs());
            self.seen.retain(|_, at| *at > oldest);
        }
        self.seen.insert(who.clone(), second);
        let all = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
        let share = self.per_second.checked_div(all).unwrap_or_default().max(1);
        let used = self.used.entry(who.clone()).or_default();
        if *used >= share {
            let next = Timestamp::from_second(second.saturating_add(1));
            return Err(next.unwrap_or(now));
        }
        *used = used.saturating_add(1);
        Ok(())
    }

    /// Gives back a turn that was not used.
    pub fn give_back(&mut self, who: &KeyHolder) {
        if let Some(used) = self.used.get_mut(who) {
            *used = used.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
