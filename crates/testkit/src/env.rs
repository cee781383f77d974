//! A clock that a test moves, and randomness that repeats.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::env::Env;
use jiff::{SignedDuration, Timestamp};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

/// The surroundings of a test: time stands still until [`TestEnv::advance`].
#[derive(Debug)]
pub struct TestEnv(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    now: Timestamp,
    elapsed: Duration,
    random: ChaCha20Rng,
}

impl TestEnv {
    /// Starts at a fixed time, with randomness from `seed`.
    pub fn new(seed: u64) -> Self {
        let start = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 57);
        Self(Mutex::new(Inner {
            now: start,
            elapsed: Duration::ZERO,
            random: ChaCha20Rng::seed_from_u64(seed),
        }))
    }

    /// As [`TestEnv::new`], with a seed of this test's own: the same in each run, another one in each
    /// test and each time. So no token of one test is, in another, something that may be shown.
    pub fn of_this_test() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut hasher = DefaultHasher::new();
        std::thread::current().name().hash(&mut hasher);
        COUNT.fetch_add(1, Ordering::Relaxed).hash(&mut hasher);
        Self::new(hasher.finish())
    }

    /// Lets time pass. Backwards only the clock moves, as when somebody sets it.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub fn advance(&self, by: SignedDuration) {
        let mut inner = self.0.lock().unwrap();
        inner.now += by;
        inner.elapsed += Duration::try_from(by).unwrap_or_default();
    }

    /// Sets the clock, while no time passes.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub fn jump(&self, by: SignedDuration) {
        self.0.lock().unwrap().now += by;
    }
}

impl Env for TestEnv {
    #[expect(clippy::unwrap_used, reason = "test support")]
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now
    }

    #[expect(clippy::unwrap_used, reason = "test support")]
    fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().elapsed
    }

    #[expect(clippy::unwrap_used, reason = "test support")]
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().random.fill_bytes(bytes);
    }
}
