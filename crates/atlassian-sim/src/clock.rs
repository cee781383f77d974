//! A clock that can be moved: for demos and browser tests, where app and simulator share it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use domain::env::Env;
use jiff::{SignedDuration, Timestamp};

/// Another clock, shifted; its randomness as it is.
#[derive(Debug)]
pub struct ShiftedEnv {
    inner: Arc<dyn Env>,
    shift_millis: AtomicI64,
}

impl ShiftedEnv {
    /// Not shifted yet.
    pub const fn new(inner: Arc<dyn Env>) -> Self {
        Self {
            inner,
            shift_millis: AtomicI64::new(0),
        }
    }

    /// Moves the clock for good.
    pub fn advance(&self, by: SignedDuration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.shift_millis.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Env for ShiftedEnv {
    fn now(&self) -> Timestamp {
        let shift = SignedDuration::from_millis(self.shift_millis.load(Ordering::Relaxed));
        // Beyond the year 9999 the clock stands still.
        self.inner
            .now()
            .checked_add(shift)
            .unwrap_or(Timestamp::MAX)
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.inner.fill(bytes);
    }
}
