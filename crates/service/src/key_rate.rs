//! A limit for each key, where the operator sets one: in memory, and each process has its own.
//!
//! Whoever has no connection is never told to slow down: that the connection is dead is the answer however often
//! somebody asks, and costs no call to Atlassian.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use domain::{ids::ApiKeyId, key_rate::Pace};
use jiff::SignedDuration;

use crate::{Services, door::ApiClient};

/// From so many keys on, those that have not called of late are forgotten.
const MANY: usize = 1_000;

/// How often keys called of late.
#[derive(Debug, Default)]
pub(crate) struct KeyRates(Mutex<HashMap<ApiKeyId, Pace>>);

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
    if rates.len() >= MANY {
        rates.retain(|_, pace| !pace.is_at_rest(now));
    }
    let pace = rates.entry(client.key().id).or_insert(Pace::at_rest(now));
    match pace.call(now, per_second) {
        Ok(after) => {
            *pace = after;
            Ok(())
        }
        Err(retry_after) => Err(KeyLimited { retry_after }),
    }
}
