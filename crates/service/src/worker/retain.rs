//! Removes what was kept for long enough ([`domain::retention`]).
//!
//! Bounded in time and in locks: a few hundred rows a transaction, so that whoever writes beside it waits
//! for one of those at most; one batch of each kind in turns, so that a kind with much to remove does not
//! keep the others waiting; and an end to each round.

use std::{collections::BTreeMap, time::Duration};

use domain::{env::random, retention::Kept};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{Error, Services};

/// So many rows are removed in one transaction.
const ROWS_AT_ONCE: i64 = 500;

/// So long a round takes at most, and the batch that it is at; what is left is the next one's.
const BUDGET: Duration = Duration::from_secs(5);

/// What one round did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    removed: BTreeMap<Kept, u64>,
    /// There is more that is old enough.
    pub is_behind: bool,
}

impl Done {
    /// How many rows of a kind were removed.
    pub fn removed(&self, kept: Kept) -> u64 {
        self.removed.get(&kept).copied().unwrap_or_default()
    }
}

/// One round, until all is done, its time is over, or `stop`. May be repeated at any time, by any number of
/// processes. A kind that fails does not keep the others.
///
/// # Errors
///
/// [`Error`] for the first kind that failed, after all others.
pub async fn run_once(services: &Services, stop: &CancellationToken) -> Result<Done, Error> {
    let begun = services.env.elapsed();
    let now = services.env.now();
    let retention = &services.policy.retention;
    let ages = Kept::ALL.map(|it| (it, retention.before(it, now)));
    let mut waiting: Vec<(Kept, Timestamp)> = ages
        .into_iter()
        .filter_map(|(it, before)| Some((it, before?)))
        .collect();
    // So that a round whose time is over at the first one does not always end with the same others left.
    let [drawn] = random(services.env.as_ref());
    let first = usize::from(drawn).checked_rem(waiting.len());
    waiting.rotate_left(first.unwrap_or_default());
    let mut done = Done::default();
    let mut failed = None;
    while !waiting.is_empty() {
        let mut full = Vec::new();
        for (kept, before) in waiting {
            let is_over = services.env.elapsed().saturating_sub(begun) >= BUDGET;
            if is_over || stop.is_cancelled() {
                done.is_behind = true;
                break;
            }
            match remove(services, kept, before).await {
                Ok(0) => {}
                Ok(removed) => {
                    *done.removed.entry(kept).or_default() += removed;
                    services.metrics.removed(kept, removed);
                    if removed >= ROWS_AT_ONCE.unsigned_abs() {
                        full.push((kept, before));
                    }
                }
                Err(err) => failed = failed.or(Some(err)),
            }
        }
        if done.is_behind {
            break;
        }
        waiting = full;
    }
    services.metrics.set_retention_behind(done.is_behind);
    match failed {
        Some(err) => Err(err),
        None => Ok(done),
    }
}

async fn remove(services: &Services, kept: Kept, before: Timestamp) -> Result<u64, Error> {
    let mut tx = services.store.write().await?;
    let removed = tx.remove_old(kept, before, ROWS_AT_ONCE).await?;
    tx.commit().await?;
    Ok(removed)
}
