//! What this process knows of Atlassian's limits, and who has what in hand.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{
    api_key::KeyHolder,
    rate_budget::{
        Budget, BudgetOf, REFUSALS_COUNT_FOR,
        fair_share::{Shares, Turns},
    },
    text::CloudId,
};
use jiff::Timestamp;
use store::ProxyCalls;

/// What is known is brought together with the database once in so many milliseconds at most.
const EXCHANGE_EVERY_MS: u64 = 1_000;

/// Who calls how often is looked at once in this time, while little is left.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One budget, as this process knows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    pub(super) budget: Budget,
    /// Calls under way that are to use it.
    pub(super) held: u64,
    /// The database does not know it so.
    is_unwritten: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    known: Mutex<Known>,
    /// How many budgets and endpoints with turns there are, so that nobody has to lock to see that there are none.
    count: AtomicUsize,
    /// When what is known was last brought together with the database, in milliseconds, plus one.
    exchanged_at: AtomicU64,
}

impl Budgets {
    /// Whether no limit is near, as far as anybody knows.
    pub(super) fn is_nothing_scarce(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called after what is known has changed.
    pub(super) fn count(&self, known: &Known) {
        let count = known.entries.len().saturating_add(known.turns.len());
        self.count.store(count, Ordering::Release);
    }

    /// Whether it is time to look at the database; only one caller is told so.
    pub(super) fn is_exchange_due(&self, elapsed: Duration) -> bool {
        let now = millis(elapsed);
        let last = self.exchanged_at.load(Ordering::Relaxed);
        let is_due = last == 0 || now.saturating_sub(last) >= EXCHANGE_EVERY_MS;
        is_due
            && self
                .exchanged_at
                .compare_exchange(last, now, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    pub(super) fn set_exchanged(&self, elapsed: Duration) {
        self.exchanged_at.store(millis(elapsed), Ordering::Relaxed);
    }
}

fn millis(elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    millis.saturating_add(1)
}

/// Who looks at who calls how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looker {
    /// A call, which waits for it.
    Call,
    /// The worker, for which nobody waits.
    Worker,
}

/// What is behind the lock.
#[derive(Debug, Default)]
pub(super) struct Known {
    entries: HashMap<BudgetOf, Entry>,
    turns: HashMap<BudgetOf, Turns>,
    /// Who called how often in this hour: of all sites, and of each.
    shares: HashMap<Option<CloudId>, Shares>,
    looked_at: Option<Duration>,
    /// A call has waited for that in vain, in this hour.
    is_left_to_worker: bool,
    /// That the database does not answer was told.
    pub(super) is_failing: bool,
}

impl Known {
    pub(super) fn get(&self, of: &BudgetOf) -> Option<&Entry> {
        self.entries.get(of)
    }

    /// Sets what was heard by this process.
    pub(super) fn set(&mut self, of: BudgetOf, budget: Budget) {
        let entry = self.entries.entry(of).or_default();
        entry.budget = budget;
        entry.is_unwritten = true;
    }

    /// Adds what other processes have heard.
    pub(super) fn add(&mut self, of: BudgetOf, budget: Budget) {
        let entry = self.entries.entry(of).or_default();
        entry.budget = entry.budget.merged(budget);
    }

    pub(super) fn hold(&mut self, of: &BudgetOf) {
        if let Some(entry) = self.entries.get_mut(of) {
            entry.held = entry.held.saturating_add(1);
        }
    }

    pub(super) fn release(&mut self, of: &BudgetOf) {
        if let Some(entry) = self.entries.get_mut(of) {
            entry.held = entry.held.saturating_sub(1);
        }
    }

    /// A call that held it was made; where its answer told no rest, it `costs` one point at least.
    pub(super) fn spent(&mut self, of: &BudgetOf, costs: bool, now: Timestamp) {
        self.release(of);
        let entry = self.entries.get_mut(of);
        let left = entry.and_then(|it| it.budget.left.as_mut());
        if let Some(left) = left.filter(|it| costs && it.until > now) {
            left.points = left.points.saturating_sub(1);
        }
    }

    /// The turns of an endpoint where services take some.
    pub(super) fn turns(&mut self, of: &BudgetOf, now: Timestamp) -> Option<&mut Turns> {
        self.turns.get_mut(of).filter(|it| !it.is_over(now))
    }

    pub(super) fn refuse_burst(&mut self, of: &BudgetOf, allowed: Option<u64>, now: Timestamp) {
        let turns = self.turns.entry(of.clone()).or_default();
        turns.refused(allowed, now);
    }

    pub(super) fn give_back(&mut self, of: &BudgetOf, who: &KeyHolder) {
        if let Some(turns) = self.turns.get_mut(of) {
            turns.give_back(who);
        }
    }

    /// Whether a service made more than its share of the calls; of a site, or of all.
    pub(super) fn is_noisy(&self, who: &KeyHolder, site: Option<&CloudId>) -> bool {
        let shares = self.shares.get(&site.cloned());
        shares.is_some_and(|it| it.is_noisy(who))
    }

    /// What the database does not know, in the order in which rows are locked.
    pub(super) fn unwritten(&self) -> Vec<(BudgetOf, Budget)> {
        let unwritten = self.entries.iter().filter(|(_, it)| it.is_unwritten);
        let mut all: Vec<_> = unwritten.map(|(of, it)| (of.clone(), it.budget)).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    /// The database has taken this; what came since it has not.
    pub(super) fn set_written(&mut self, written: &[(BudgetOf, Budget)]) {
        for (of, budget) in written {
            if let Some(entry) = self.entries.get_mut(of) {
                entry.is_unwritten &= entry.budget.merged(*budget) != *budget;
            }
        }
    }

    /// Forgets what has ended, but how often in a row there was no word of an end.
    pub(super) fn forget_ended(&mut self, now: Timestamp) {
        self.entries.retain(|_, it| {
            let is_kept = it.budget.refusals > 0;
            let ends_at = it.budget.ends_at();
            let ends_at = ends_at.map(|at| if is_kept { at + REFUSALS_COUNT_FOR } else { at });
            it.held > 0 || ends_at.is_some_and(|at| at > now)
        });
        self.turns.retain(|_, it| !it.is_over(now));
    }

    /// Whether it should be known who calls how often, and is not or not any more.
    pub(super) fn wants_look(&mut self, by: Looker, now: Timestamp, elapsed: Duration) -> bool {
        let mut hours = self.entries.iter().filter(|(of, _)| of.limit.is_of_hour());
        if !hours.any(|(_, it)| it.budget.is_low(now)) {
            self.shares.clear();
            self.looked_at = None;
            self.is_left_to_worker = false;
            return false;
        }
        let is_due = |it: Duration| elapsed.saturating_sub(it) >= LOOK_EVERY;
        let may = by == Looker::Worker || !self.is_left_to_worker;
        may && self.looked_at.is_none_or(is_due)
    }

    /// It takes too long for a call.
    pub(super) fn leave_looking_to_the_worker(&mut self) {
        self.is_left_to_worker = true;
    }

    pub(super) fn set_shares(&mut self, calls: Vec<ProxyCalls>, elapsed: Duration) {
        let mut by_site = HashMap::<_, Vec<_>>::new();
        for ProxyCalls {
            holder,
            site,
            count,
        } in calls
        {
            for of in [None, Some(site)] {
                let of_site = by_site.entry(of).or_default();
                of_site.push((holder.clone(), count));
            }
        }
        let shares = by_site.into_iter();
        self.shares = shares
            .map(|(of, it)| (of, it.into_iter().collect()))
            .collect();
        self.looked_at = Some(elapsed);
    }
}

#[cfg(test)]
mod tests {
    use domain::rate_budget::{Left, Limit};
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn after_a_call_has_waited_in_vain_the_worker_looks() {
        let mut known = Known::default();
        let now = Timestamp::UNIX_EPOCH;
        let second = Duration::from_secs(1);
        assert!(
            !known.wants_look(Looker::Worker, now, second),
            "nothing is scarce"
        );
        let of = BudgetOf {
            site: None,
            limit: Limit::AppHour,
            scope: String::new(),
        };
        let next_hour = now + SignedDuration::from_hours(1);
        let low = |until| Budget {
            left: Some(Left { points: 1, until }),
            of: Some(100),
            ..Budget::default()
        };
        known.set(of.clone(), low(next_hour));
        assert!(known.wants_look(Looker::Call, now, second));
        known.leave_looking_to_the_worker();
        assert!(!known.wants_look(Looker::Call, now, second * 60));
        assert!(known.wants_look(Looker::Worker, now, second * 60));
        known.set_shares(Vec::new(), second * 60);
        assert!(!known.wants_look(Looker::Worker, now, second * 64));
        assert!(known.wants_look(Looker::Worker, now, second * 65));
        // In the next hour a call tries again.
        assert!(!known.wants_look(Looker::Call, next_hour, second * 70));
        known.set(of, low(next_hour + SignedDuration::from_hours(1)));
        assert!(known.wants_look(Looker::Call, next_hour, second * 70));
    }
}
