//! A question that only this installation's operator can ask a running server: as what did my request
//! arrive? Signed, so that nobody else learns what stands between.

use domain::env::Env;
use jiff::{SignedDuration, Timestamp};
use vault::KeyRing;

/// The header that carries it.
pub const HEADER: &str = "x-tformance-probe";

const USE: &str = "doctor probe";

/// An older question is somebody else's.
const LIFE: SignedDuration = SignedDuration::from_secs(60);

/// Asks now.
pub fn ask(key_ring: &KeyRing, env: &dyn Env) -> String {
    key_ring.sign(USE, env.now().as_millisecond().to_string().as_bytes())
}

/// Whether `question` was asked under this ring, a moment ago.
pub fn is_ours(key_ring: &KeyRing, env: &dyn Env, question: &str) -> bool {
    let asked = key_ring
        .verify(USE, question)
        .and_then(|it| String::from_utf8(it).ok()?.parse().ok())
        .and_then(|it| Timestamp::from_millisecond(it).ok());
    asked.is_some_and(|it| env.now().duration_since(it).abs() <= LIFE)
}
