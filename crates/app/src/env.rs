//! Time and randomness of the real world.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use domain::env::Env;
use jiff::Timestamp;
use rand::Rng as _;

/// The system's clock and its cryptographic random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemEnv;

impl Env for SystemEnv {
    #[expect(clippy::disallowed_methods, reason = "here the time comes from")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        // Whole milliseconds, as the database keeps them: what is read back is what was written.
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    fn elapsed(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}
