//! What the code may ask of its surroundings: the time and randomness.

use std::time::Duration;

use jiff::Timestamp;

/// The time and the randomness that one process (or one test) runs on.
///
/// Reading the clock or the random number generator anywhere else is a lint error, so that a test
/// can move the one and repeat the other.
pub trait Env: std::fmt::Debug + Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// The time since some moment before this process began to serve. It never jumps when somebody sets
    /// the clock.
    fn elapsed(&self) -> Duration;

    /// Fills `bytes` with unpredictable bytes, fit for keys and tokens.
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` unpredictable bytes.
pub fn random<const N: usize>(env: &dyn Env) -> [u8; N] {
    let mut bytes = [0; N];
    env.fill(&mut bytes);
    bytes
}
