//! When people are reminded, and for how long something must work before that is told. Pure.

use jiff::{SignedDuration, Timestamp};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Reminders go out so many days after an incident opened: then no more.
const REMINDERS: [i64; 8] = [1, 3, 7, 14, 21, 28, 35, 42];

/// What came back by itself must work for so long before that is told.
const SHORTEST_SETTLING: SignedDuration = SignedDuration::from_mins(5);

/// And no longer than this, however often it failed.
const LONGEST_SETTLING: SignedDuration = DAY;

/// Incidents of this time make the next one settle longer.
pub const RECENT: SignedDuration = DAY;

/// Nothing of an incident is planned further ahead than this: what is, was planned by a clock that was
/// set back since.
pub const FURTHEST: SignedDuration = SignedDuration::from_hours(8 * 24);

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days.saturating_mul(24))
}

fn reminder(number: u32) -> Option<i64> {
    let number = usize::try_from(number).ok()?;
    REMINDERS.get(number).copied()
}

/// How long after the one before it a reminder is due, or the first one after the opening.
fn distance(sent: u32) -> Option<SignedDuration> {
    let before = sent.checked_sub(1).and_then(reminder).unwrap_or(0);
    Some(days(reminder(sent)?.saturating_sub(before)))
}

/// When the next reminder is due of an incident for which `sent` went out; none if that was the last one.
/// Never further ahead than its distance, whatever the clock said when the incident opened.
pub fn next_reminder(opened_at: Timestamp, sent: u32, now: Timestamp) -> Option<Timestamp> {
    let planned = opened_at + days(reminder(sent)?);
    Some(planned.min(now + distance(sent)?))
}

/// The same just after one was sent. A server that was off, or a clock that jumps, has had several come
/// due at once: then one is sent, and the others follow at their distance.
pub fn after_reminder(opened_at: Timestamp, sent: u32, now: Timestamp) -> Option<Timestamp> {
    let planned = opened_at + days(reminder(sent)?);
    let distant = now + distance(sent)?;
    // On time, the plan is just a little less than the distance away.
    let is_late = distant.duration_since(planned) > days(1);
    Some(if is_late {
        distant
    } else {
        planned.min(distant)
    })
}

/// For how long what came back by itself must work before that is told, by how many incidents of it opened
/// within [`RECENT`], this one included: so that what comes and goes is told ever more seldom.
pub fn settling(recent: u32) -> SignedDuration {
    let doublings = recent.saturating_sub(1).min(16);
    SHORTEST_SETTLING
        .saturating_mul(2_i32.saturating_pow(doublings))
        .min(LONGEST_SETTLING)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    /// The days on which reminders go out to whoever looks at these hours.
    fn reminders(hours: impl Iterator<Item = i64>) -> Vec<i64> {
        let (mut sent, mut found) = (0, Vec::new());
        let mut due = next_reminder(START, 0, START);
        for hour in hours {
            let now = START + SignedDuration::from_hours(hour);
            if due.is_some_and(|it| it <= now) {
                sent = u32::saturating_add(sent, 1);
                found.push(hour / 24);
                due = after_reminder(START, sent, now);
            }
        }
        found
    }

    #[test]
    fn people_are_reminded_after_1_3_and_7_days_then_weekly_8_times_at_most() {
        assert_eq!(reminders(0..24 * 400), REMINDERS);
        assert_eq!(
            reminders((0..24 * 400).step_by(5)),
            REMINDERS,
            "and a little late"
        );
    }

    #[test]
    fn a_clock_that_jumps_sends_one_reminder_and_the_others_at_their_distance() {
        let jumps = (0..12).chain(10 * 24..24 * 100);
        assert_eq!(reminders(jumps), [10, 12, 16, 23, 30, 37, 44, 51]);
        let jumps_and_comes_back = (0..12).chain([25]).chain(13..24 * 100);
        assert_eq!(reminders(jumps_and_comes_back), REMINDERS);
    }

    #[test]
    fn no_plan_is_further_ahead_than_a_plan_can_be() {
        let opened_in_the_future = START + days(100);
        for sent in 0..8 {
            for plan in [next_reminder, after_reminder] {
                let due = plan(opened_in_the_future, sent, START).unwrap();
                assert!(due <= START + days(7), "{sent}: {due}");
                assert!(due < START + FURTHEST);
            }
        }
        assert_eq!(next_reminder(START, 8, START), None);
        assert_eq!(after_reminder(START, 8, START), None);
    }

    #[test]
    fn what_comes_and_goes_must_hold_longer_each_time() {
        let minutes: Vec<_> = (0..=12).map(|it| settling(it).as_mins()).collect();
        assert_eq!(
            minutes,
            [
                5, 5, 10, 20, 40, 80, 160, 320, 640, 1_280, 1_440, 1_440, 1_440
            ]
        );
        assert_eq!(settling(u32::MAX), LONGEST_SETTLING);
    }
}
