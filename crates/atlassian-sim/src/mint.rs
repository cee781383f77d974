//! Codes and tokens: opaque to clients, and as long as Atlassian's.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::env::Env;

/// A text that looks like a JWT, of about `chars` characters, different each time.
fn jwt_like(env: &dyn Env, chars: usize) -> String {
    let part = |chars: usize| {
        let mut bytes = vec![0; chars * 3 / 4];
        env.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
    format!("{header}.{}.{}", part(chars.saturating_sub(380)), part(342))
}

/// An authorization code: 858 characters were seen.
pub(crate) fn code(env: &dyn Env) -> String {
    jwt_like(env, 858)
}

pub(crate) fn access_token(env: &dyn Env) -> String {
    jwt_like(env, 1_400)
}

pub(crate) fn refresh_token(env: &dyn Env) -> String {
    jwt_like(env, 1_100)
}

/// A short random name, for what only the simulator itself reads again.
pub(crate) fn handle(env: &dyn Env) -> String {
    let mut bytes = [0; 18];
    env.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A number below `bound`; good enough for shuffling.
pub(crate) fn below(env: &dyn Env, bound: usize) -> usize {
    let mut bytes = [0; 4];
    env.fill(&mut bytes);
    u32::from_be_bytes(bytes) as usize % bound.max(1)
}

/// Puts `items` in any order.
pub(crate) fn shuffle<T>(env: &dyn Env, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(env, last + 1));
    }
}
