//! When a token is refreshed. Pure: no clock, no network, no database.

use jiff::{SignedDuration, Timestamp};

/// A token is refreshed this long before its end. With its jitter it stays below Atlassian's
/// 10-minute grace, so that a token which we handed out lives until the expiry that we told
/// (`design.md` 5.1).
pub const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// What [`MARGIN`] is moved by at most, either way, so that tokens of one minute are not refreshed
/// in one second.
pub const JITTER: SignedDuration = SignedDuration::from_secs(60);

/// What `expires_in` is taken to be where Atlassian does not say it.
pub const DEFAULT_LIFETIME: SignedDuration = SignedDuration::from_mins(60);

/// What to do for somebody who asks for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The token is good: hand it out.
    Serve,
    /// The token is good for a little while: hand it out, and refresh beside it.
    ServeAndRefresh,
    /// The token has ended: refresh first.
    Refresh,
}

/// Decides by the token's end, its whole lifetime where that is known, and a `jitter` within
/// [`JITTER`].
///
/// For short lives the margin is a fifth of the lifetime, so that no token is refreshed in a loop.
pub fn need(
    now: Timestamp,
    expires_at: Timestamp,
    lifetime: Option<SignedDuration>,
    jitter: SignedDuration,
) -> Need {
    let jitter = jitter.clamp(-JITTER, JITTER);
    let margin = match lifetime {
        Some(lifetime) if lifetime < MARGIN.saturating_mul(5) => {
            lifetime.checked_div(5).unwrap_or(MARGIN)
        }
        _ => MARGIN.saturating_add(jitter),
    };
    let left = expires_at.duration_since(now);
    if left <= SignedDuration::ZERO {
        Need::Refresh
    } else if left <= margin {
        Need::ServeAndRefresh
    } else {
        Need::Serve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(left_secs: i64, lifetime_secs: i64, jitter_secs: i64, expected: Need) {
        let now = Timestamp::UNIX_EPOCH;
        let secs = SignedDuration::from_secs;
        let got = need(
            now,
            now + secs(left_secs),
            Some(secs(lifetime_secs)),
            secs(jitter_secs),
        );
        assert_eq!(got, expected);
    }

    #[test]
    fn a_token_is_refreshed_ahead_of_its_end() {
        check(3_600, 3_600, 0, Need::Serve);
        check(301, 3_600, 0, Need::Serve);
        check(300, 3_600, 0, Need::ServeAndRefresh);
        check(1, 3_600, 0, Need::ServeAndRefresh);
        check(0, 3_600, 0, Need::Refresh);
        check(-3_600, 3_600, 0, Need::Refresh);
    }

    #[test]
    fn jitter_moves_the_margin_a_little_and_never_far() {
        check(350, 3_600, 60, Need::ServeAndRefresh);
        check(250, 3_600, -60, Need::Serve);
        check(361, 3_600, 9_999, Need::Serve);
    }

    #[test]
    fn a_short_lived_token_is_not_refreshed_in_a_loop() {
        check(60, 60, 60, Need::Serve);
        check(13, 60, 60, Need::Serve);
        check(12, 60, 60, Need::ServeAndRefresh);
    }
}
