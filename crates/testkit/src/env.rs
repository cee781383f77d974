//! A clock that a test moves, and randomness that repeats; for several processes the real ones.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use domain::env::Env;
use jiff::{SignedDuration, Timestamp};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

/// The surroundings of a test: time stands still until [`TestEnv::advance`], or is the real one.
#[derive(Debug)]
pub struct TestEnv {
    inner: Mutex<Inner>,
    is_real: bool,
}

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
        Self {
            inner: Mutex::new(Inner {
                now: start,
                elapsed: Duration::ZERO,
                random: ChaCha20Rng::seed_from_u64(seed),
            }),
            is_real: false,
        }
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

    /// The same, where it is wanted with the real clock, which passes by itself: for a test of several
    /// processes.
    #[must_use]
    pub fn in_real_time(self, is_real: bool) -> Self {
        Self { is_real, ..self }
    }

    /// Lets time pass. Backwards only the clock moves, as when somebody sets it.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub fn advance(&self, by: SignedDuration) {
        let mut inner = self.inner.lock().unwrap();
        inner.now += by;
        inner.elapsed += Duration::try_from(by).unwrap_or_default();
    }

    /// Sets the clock, while no time passes.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub fn jump(&self, by: SignedDuration) {
        self.inner.lock().unwrap().now += by;
    }
}

impl Env for TestEnv {
    #[expect(clippy::unwrap_used, reason = "test support")]
    fn now(&self) -> Timestamp {
        if self.is_real {
            return RealEnv.now();
        }
        self.inner.lock().unwrap().now
    }

    #[expect(clippy::unwrap_used, reason = "test support")]
    fn elapsed(&self) -> Duration {
        if self.is_real {
            return RealEnv.elapsed();
        }
        self.inner.lock().unwrap().elapsed
    }

    #[expect(clippy::unwrap_used, reason = "test support")]
    fn fill(&self, bytes: &mut [u8]) {
        self.inner.lock().unwrap().random.fill_bytes(bytes);
    }
}

/// The system's clock and randomness: for programs that tests start.
#[derive(Clone, Copy, Debug)]
pub struct RealEnv;

impl Env for RealEnv {
    #[expect(
        clippy::disallowed_methods,
        reason = "several processes share no other clock"
    )]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        // Whole milliseconds, as the database keeps them.
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
