//! A clock that can be moved: for demos and browser tests, where app and simulator share it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::env::Env;
use jiff::{SignedDuration, Timestamp};

use crate::state::later;

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

    /// Moves the clock for good; backwards too.
    pub fn advance(&self, by: SignedDuration) {
        let end = if by.is_negative() { i64::MIN } else { i64::MAX };
        let millis = i64::try_from(by.as_millis()).unwrap_or(end);
        let shift = self.shift_millis().saturating_add(millis);
        self.set_shift_millis(shift);
    }

    /// How far it is shifted.
    pub fn shift_millis(&self) -> i64 {
        self.shift_millis.load(Ordering::Relaxed)
    }

    /// Shifts it by this much, whatever it was shifted before.
    pub fn set_shift_millis(&self, millis: i64) {
        self.shift_millis.store(millis, Ordering::Relaxed);
    }
}

impl Env for ShiftedEnv {
    fn now(&self) -> Timestamp {
        // Beyond the year 9999 the clock stands still.
        later(
            self.inner.now(),
            SignedDuration::from_millis(self.shift_millis()),
        )
    }

    fn elapsed(&self) -> Duration {
        self.inner.elapsed()
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.inner.fill(bytes);
    }
}
