//! How long a key lasts.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

/// So long a key lasts at most, if it ends at all.
const MOST_DAYS: u16 = 3_653;

/// How long a key shall last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lasting {
    /// Until it is revoked.
    #[default]
    Forever,
    /// For so many days from now.
    Days(u16),
    /// Until this day is over, UTC.
    Through(Date),
}

/// Why a key cannot last so long. The words complete "The last day …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LastingError {
    /// Not a day.
    #[error("is not of the form 2027-03-31")]
    Form,
    /// It has passed.
    #[error("has passed")]
    Past,
    /// More than ten years ahead.
    #[error("is more than ten years ahead")]
    TooFar,
}

impl Lasting {
    /// Until the day of this text is over: `2027-03-31`.
    ///
    /// # Errors
    ///
    /// [`LastingError::Form`].
    pub fn through(text: &str) -> Result<Self, LastingError> {
        let text = text.trim();
        // Parsers of dates take much more than what a person means.
        let is_of_form = text.len() == 10
            && text.bytes().enumerate().all(|(at, it)| {
                if at == 4 || at == 7 {
                    it == b'-'
                } else {
                    it.is_ascii_digit()
                }
            });
        let date = text.parse().ok().filter(|_| is_of_form);
        date.map(Self::Through).ok_or(LastingError::Form)
    }

    /// When a key ends that is made now.
    ///
    /// # Errors
    ///
    /// [`LastingError::Past`] or [`LastingError::TooFar`].
    pub fn end(self, now: Timestamp) -> Result<Option<Timestamp>, LastingError> {
        let days = |it: u16| SignedDuration::from_hours(i64::from(it).saturating_mul(24));
        let end = match self {
            Self::Forever => return Ok(None),
            Self::Days(number) => now.checked_add(days(number)).ok(),
            Self::Through(date) => date
                .tomorrow()
                .and_then(|it| it.to_zoned_datetime(TimeZone::UTC))
                .ok()
                .map(|it| it.timestamp()),
        };
        let end = end.ok_or(LastingError::TooFar)?;
        if end <= now {
            Err(LastingError::Past)
        } else if end.duration_since(now) > days(MOST_DAYS) {
            Err(LastingError::TooFar)
        } else {
            Ok(Some(end))
        }
    }
}
