//! When a token is refreshed. Pure: no clock, no network, no database.

use jiff::{SignedDuration, Timestamp};

use crate::credential::RefreshOutcome;

/// A token is refreshed this long before its end. With its jitter it stays below Atlassian's
/// 10-minute grace, so that a token which we handed out lives until the expiry that we told
/// (`design.md` 5.1).
pub const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// What [`MARGIN`] is moved by at most, either way, so that tokens of one minute are not refreshed
/// in one second.
pub const JITTER: SignedDuration = SignedDuration::from_secs(60);

/// What `expires_in` is taken to be where Atlassian does not say it.
pub const DEFAULT_LIFETIME: SignedDuration = SignedDuration::from_mins(60);

/// Inside this time Atlassian takes an old refresh token again ("reuse interval").
pub const LEEWAY: SignedDuration = SignedDuration::from_mins(10);

/// A connection that was used within this time is refreshed ahead of every expiry.
const IN_USE: SignedDuration = SignedDuration::from_hours(24);

/// The first wait after a failure; doubled each time.
const SHORTEST_BACKOFF: SignedDuration = SignedDuration::from_secs(5);

/// And no wait is longer.
const LONGEST_BACKOFF: SignedDuration = SignedDuration::from_mins(15);

/// After an attempt with an unknown end, an attempt is made this long after the first one at the latest,
/// whatever else says to wait: within these times a lost answer can still be had again.
const REPAIRS: [SignedDuration; 3] = [
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(5),
    SignedDuration::from_secs(8 * 60 + 45),
];

/// How a failed attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it came to.
    pub outcome: RefreshOutcome,
    /// How many there were in a row, with this one.
    pub failures: u32,
    /// The intent that stands after it.
    pub started_at: Option<Timestamp>,
    /// How long Atlassian asked us to wait.
    pub retry_after: Option<SignedDuration>,
}

/// When the next attempt is due after a failed one; `drawn` at random.
pub fn after_failure(now: Timestamp, failure: Failure, drawn: u16) -> Timestamp {
    let doublings = failure.failures.saturating_sub(1).min(8);
    let backoff = SHORTEST_BACKOFF
        .saturating_mul(2_i32.saturating_pow(doublings))
        .min(LONGEST_BACKOFF);
    // Up to a fifth longer, so that what failed together is not tried together.
    let jitter = part(backoff.checked_div(5).unwrap_or_default(), drawn);
    let wait = failure.retry_after.unwrap_or_default().max(backoff);
    let usual = now + wait.saturating_add(jitter);
    let repair = failure.started_at.and_then(|started| {
        let mut repairs = REPAIRS.into_iter().map(|it| started + it);
        repairs.find(|it| *it > now)
    });
    repair.map_or(usual, |it| it.min(usual))
}

/// When the next refresh is due after a good one; `drawn` at random.
///
/// Used within 24 hours: ahead of the expiry, and of the margin in which callers start one. Else once a
/// day, which keeps the refresh token from being idle for too long (`atlassian.md` 3.2).
pub fn planned(
    now: Timestamp,
    expires_at: Timestamp,
    lifetime: Option<SignedDuration>,
    last_used_at: Option<Timestamp>,
    drawn: u16,
) -> Timestamp {
    let is_in_use = last_used_at.is_some_and(|it| now.duration_since(it) < IN_USE);
    let ahead = if is_in_use {
        let margin = match lifetime {
            Some(lifetime) if lifetime < MARGIN.saturating_mul(5) => {
                lifetime.checked_div(5).unwrap_or(MARGIN)
            }
            _ => MARGIN.saturating_add(part(JITTER, drawn)),
        };
        expires_at - margin
    } else {
        now + SignedDuration::from_hours(23) + part(SignedDuration::from_hours(2), drawn)
    };
    ahead.max(now)
}

/// A random part of `whole`.
fn part(whole: SignedDuration, drawn: u16) -> SignedDuration {
    whole
        .saturating_mul(i32::from(drawn))
        .checked_div(i32::from(u16::MAX))
        .unwrap_or_default()
}

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
    fn failures_back_off_from_5_seconds_to_15_minutes() {
        let wait = |failures, drawn| {
            let failure = Failure {
                outcome: RefreshOutcome::NotSent,
                failures,
                started_at: None,
                retry_after: None,
            };
            let now = Timestamp::UNIX_EPOCH;
            after_failure(now, failure, drawn)
                .duration_since(now)
                .as_secs()
        };
        let waits: Vec<_> = (1..=10).map(|it| wait(it, 0)).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(wait(1, u16::MAX), 6);
        assert_eq!(wait(u32::MAX, u16::MAX), 1_080);
    }

    #[test]
    fn whatever_is_asked_for_three_attempts_fall_within_9_minutes_of_a_lost_answer() {
        for (retry_after, drawn) in [(None, 0), (Some(300), u16::MAX), (Some(1), 9_999)] {
            let started = Timestamp::UNIX_EPOCH;
            let (mut now, mut failures, mut attempts) = (started, 1, Vec::new());
            while now.duration_since(started) < SignedDuration::from_mins(20) {
                let failure = Failure {
                    outcome: RefreshOutcome::Ambiguous,
                    failures,
                    started_at: Some(started),
                    retry_after: retry_after.map(SignedDuration::from_secs),
                };
                now = after_failure(now, failure, drawn);
                failures += 1;
                attempts.push(now.duration_since(started).as_secs());
            }
            let early: Vec<_> = attempts.iter().filter(|it| **it < 540).collect();
            assert!(early.len() >= 3, "{attempts:?}");
            assert!(early.last().is_some_and(|it| **it >= 500), "{attempts:?}");
        }
    }

    #[test]
    fn what_is_used_is_refreshed_ahead_of_its_end_and_what_is_idle_once_a_day() {
        let now = Timestamp::UNIX_EPOCH;
        let hour = SignedDuration::from_hours(1);
        let next = |lifetime: SignedDuration, used_hours_ago: i64, drawn| {
            let used = now - SignedDuration::from_hours(used_hours_ago);
            let next = planned(now, now + lifetime, Some(lifetime), Some(used), drawn);
            next.duration_since(now).as_secs()
        };
        assert_eq!(next(hour, 0, 0), 55 * 60);
        assert_eq!(next(hour, 23, u16::MAX), 54 * 60);
        assert_eq!(next(SignedDuration::from_mins(5), 0, u16::MAX), 240);
        assert_eq!(next(hour, 24, 0), 23 * 3_600);
        assert_eq!(next(hour, 100, u16::MAX), 25 * 3_600);
        assert_eq!(next(-hour, 0, 0), 0, "never in the past");
    }

    #[test]
    fn a_short_lived_token_is_not_refreshed_in_a_loop() {
        check(60, 60, 60, Need::Serve);
        check(13, 60, 60, Need::Serve);
        check(12, 60, 60, Need::ServeAndRefresh);
    }
}
