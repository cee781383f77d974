//! How often a key may call: so many times a second, evenly, with one second's worth at once.

use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};

/// One second's worth may come at once.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(1);

/// How often a key called of late: until when its calls fill the time, were they evenly spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace(Timestamp);

impl Pace {
    /// Of a key that has not called yet.
    pub const fn at_rest(now: Timestamp) -> Self {
        Self(now)
    }

    /// Whether it is as if the key had never called.
    pub fn is_at_rest(self, now: Timestamp) -> bool {
        self.0 <= now
    }

    /// The pace after one more call at `now`.
    ///
    /// # Errors
    ///
    /// After which time the call may be made, if that is not now. It does not count then.
    pub fn call(self, now: Timestamp, per_second: NonZeroU32) -> Result<Self, SignedDuration> {
        // A clock that was set back fills nobody's time for longer than is possible.
        let latest = now.saturating_add(AT_ONCE).unwrap_or(now);
        let filled = self.0.clamp(now, latest);
        let each = AT_ONCE.checked_div(i32::try_from(per_second.get()).unwrap_or(i32::MAX));
        let each = each.unwrap_or(AT_ONCE);
        let after = filled.saturating_add(each).unwrap_or(filled);
        let too_much = after.duration_since(now).saturating_sub(AT_ONCE);
        if too_much.is_positive() {
            Err(too_much)
        } else {
            Ok(Self(after))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    /// How many of the calls at these times are let through.
    fn served(per_second: u32, times: impl IntoIterator<Item = i64>) -> usize {
        let per_second = NonZeroU32::new(per_second).unwrap();
        let mut pace = Pace::at_rest(at(0));
        let is_served = |time: &i64| {
            let after = pace.call(at(*time), per_second);
            after.map(|it| pace = it).is_ok()
        };
        times.into_iter().filter(is_served).count()
    }

    #[test]
    fn a_seconds_worth_comes_at_once_and_then_evenly() {
        assert_eq!(served(10, [0; 50]), 10);
        assert_eq!(served(10, [0; 50].into_iter().chain([100; 50])), 11);
        assert_eq!(served(10, [0; 50].into_iter().chain([1_000; 50])), 20);
        assert_eq!(served(10, (0..).step_by(100).take(100)), 100);
        assert_eq!(served(10, (0..).step_by(10).take(10_000)), 1_009);
        assert_eq!(served(1, (0..).step_by(999).take(10)), 5);
    }

    #[test]
    fn who_is_refused_hears_when_to_come_back() {
        let two = NonZeroU32::new(2).unwrap();
        let mut pace = Pace::at_rest(at(0));
        for _ in 0..2 {
            pace = pace.call(at(0), two).unwrap();
        }
        let wait = pace.call(at(0), two).unwrap_err();
        assert_eq!(wait, SignedDuration::from_millis(500));
        assert_eq!(
            pace.call(at(499), two).unwrap_err(),
            SignedDuration::from_millis(1)
        );
        assert!(pace.call(at(500), two).is_ok());
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        let one = NonZeroU32::new(1).unwrap();
        let pace = Pace::at_rest(at(0)).call(at(3_600_000), one).unwrap();
        assert_eq!(
            pace.call(at(0), one).unwrap_err(),
            SignedDuration::from_secs(1)
        );
        assert!(!pace.is_at_rest(at(0)) && pace.is_at_rest(at(3_601_000)));
    }
}
