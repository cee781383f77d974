//! Points in time as people read them.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::view::Moment;

/// Formats `at` as seen at `now`.
pub(crate) fn moment(at: Timestamp, now: Timestamp) -> Moment {
    let zoned = at.to_zoned_datetime(TimeZone::UTC);
    Moment {
        iso: zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        absolute: zoned.strftime("%-d %b %Y, %H:%M UTC").to_string(),
        relative: relative(now.duration_since(at)),
    }
}

/// "12 minutes ago", "in 3 hours", "in 40 seconds".
fn relative(ago: SignedDuration) -> String {
    let secs = ago.as_secs().unsigned_abs();
    let (count, unit) = match secs {
        // What is to come is counted down; what was a few seconds ago is now.
        1..90 if ago.is_negative() => (secs, "second"),
        0..45 => return "just now".to_owned(),
        45..5_400 => (secs.div_ceil(60).max(1), "minute"),
        5_400..172_800 => ((secs + 1_800) / 3_600, "hour"),
        _ => ((secs + 43_200) / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    if ago.is_negative() {
        format!("in {count} {unit}{plural}")
    } else {
        format!("{count} {unit}{plural} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let check = |secs, expected: &str| {
            assert_eq!(relative(SignedDuration::from_secs(secs)), expected);
        };
        check(0, "just now");
        check(20, "just now");
        check(-1, "in 1 second");
        check(-40, "in 40 seconds");
        check(-90, "in 2 minutes");
        check(60, "1 minute ago");
        check(720, "12 minutes ago");
        check(7_200, "2 hours ago");
        check(-3_600 * 5, "in 5 hours");
        check(86_400 * 3, "3 days ago");
        let at = moment(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        assert_eq!(at.absolute, "1 Jan 1970, 00:00 UTC");
        assert_eq!(at.iso, "1970-01-01T00:00:00Z");
    }
}
