//! Browser sessions: how long one lasts, and when its use is noted.

use jiff::{SignedDuration, Timestamp};

use crate::ids::{SessionId, UserId};

/// A session ends at the latest this long after the sign-in.
pub const ABSOLUTE_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A session ends when it was not used for this long.
pub const IDLE_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The last use of a session is written at most this often, so that reading a page writes nothing.
pub const TOUCH_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// SHA-256 of a session's token: what is kept of it. The token has 256 random bits, so that a plain
/// hash is enough.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash")
    }
}

/// A signed-in browser. Its token is in the browser's cookie; we keep the hash of it only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// When it ends, whatever its use.
    pub ends_at: Timestamp,
    /// When it was last seen, with a grain of [`TOUCH_EVERY`].
    pub last_seen_at: Timestamp,
}

impl Session {
    /// Whether the session is over at `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.ends_at <= now || self.last_seen_at + IDLE_LIFE <= now
    }

    /// Whether the last use is old enough to be written again.
    pub fn wants_touch(&self, now: Timestamp) -> bool {
        self.last_seen_at + TOUCH_EVERY <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_and_in_any_case_after_its_absolute_life() {
        let start = Timestamp::UNIX_EPOCH;
        let session = |last_seen_at| Session {
            id: SessionId::from_uuid(uuid::Uuid::nil()),
            user: UserId::from_uuid(uuid::Uuid::nil()),
            ends_at: start + ABSOLUTE_LIFE,
            last_seen_at,
        };
        let second = SignedDuration::from_secs(1);
        assert!(!session(start).is_over(start + IDLE_LIFE - second));
        assert!(session(start).is_over(start + IDLE_LIFE));
        let late = start + ABSOLUTE_LIFE - second;
        assert!(!session(late).is_over(late));
        assert!(session(late).is_over(start + ABSOLUTE_LIFE));
        assert!(!session(start).wants_touch(start + second));
        assert!(session(start).wants_touch(start + TOUCH_EVERY));
    }
}
