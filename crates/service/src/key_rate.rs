//! A limit for each key, where the operator sets one: in memory, and each process has its own.
//!
//! Whoever has no connection is never told to slow down: that the connection is dead is the answer however often
//! somebody asks, and costs no call to Atlassian.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use domain::{ids::ApiKeyId, key_rate::Pace};
use jiff::{SignedDuration, Timestamp};

use crate::{Services, door::ApiClient};

/// From so many keys on, those that have not called of late are forgotten.
const MANY: usize = 1_000;

/// How often keys called of late.
#[derive(Debug, Default)]
pub(crate) struct KeyRates(Mutex<Paces>);

#[derive(Debug, Default)]
struct Paces {
    of: HashMap<ApiKeyId, Pace>,
    /// So many were left when some were last forgotten: looked at again at twice as many, so that where all of
    /// them call, no call looks at each.
    left: usize,
}

impl Paces {
    fn forget(&mut self, now: Timestamp) {
        if self.of.len() >= MANY.max(self.left.saturating_mul(2)) {
            self.of.retain(|_, pace| !pace.is_at_rest(now));
            self.left = self.of.len();
        }
    }
}

/// A key calls more often than the operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key calls too often")]
pub struct KeyLimited {
    /// After this time it may call again.
    pub retry_after: SignedDuration,
}

/// Counts a call of a good key.
///
/// # Errors
///
/// [`KeyLimited`] if it is one too many.
pub fn check(services: &Services, client: &ApiClient) -> Result<(), KeyLimited> {
    let Some(per_second) = services.policy.requests_per_second else {
        return Ok(());
    };
    if !client.has_live_grant() {
        return Ok(());
    }
    let now = services.env.now();
    let rates = &services.key_rates.0;
    let mut rates = rates.lock().unwrap_or_else(PoisonError::into_inner);
    rates.forget(now);
    let pace = rates
        .of
        .entry(client.key().id)
        .or_insert(Pace::at_rest(now));
    match pace.call(now, per_second) {
        Ok(after) => {
            *pace = after;
            Ok(())
        }
        Err(retry_after) => Err(KeyLimited { retry_after }),
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, ops::Range};

    use uuid::Uuid;

    use super::*;

    #[test]
    fn who_has_not_called_of_late_is_forgotten_and_who_calls_is_looked_at_seldom() {
        let mut paces = Paces::default();
        let now = Timestamp::UNIX_EPOCH;
        let one = NonZeroU32::MIN;
        let add = |paces: &mut Paces, ids: Range<u128>, at: Timestamp| {
            for n in ids {
                paces.forget(at);
                let id = ApiKeyId::from_uuid(Uuid::from_u128(n));
                let pace = Pace::at_rest(at).call(at, one).unwrap();
                paces.of.insert(id, pace);
            }
        };
        add(&mut paces, 0..1_500, now);
        assert_eq!((paces.of.len(), paces.left), (1_500, 1_000));
        add(&mut paces, 1_500..2_100, now);
        assert_eq!(
            (paces.of.len(), paces.left),
            (2_100, 2_000),
            "all of them call"
        );
        let later = now + SignedDuration::from_secs(2);
        add(&mut paces, 2_100..4_001, later);
        assert_eq!(
            (paces.of.len(), paces.left),
            (1_901, 1_900),
            "the others do not"
        );
    }
}
