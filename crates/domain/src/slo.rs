//! What is promised of tokens, as counted: how many reads were answered with a valid token, of those that a
//! connection in force could have had.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::usage::{Answer, Call, day_of, minute_of};

/// Over how long it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// The last 24 hours, to the minute.
    Day,
    /// The last 7 days, today with them (UTC).
    Week,
    /// The last 30 days, today with them (UTC).
    Month,
}

impl Period {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// When it began.
    pub fn began_at(self, now: Timestamp) -> Timestamp {
        let back = |hours| {
            now.checked_sub(SignedDuration::from_hours(hours))
                .unwrap_or(now)
        };
        match self {
            Self::Day => minute_of(back(24)),
            Self::Week => day_of(back(6 * 24)),
            Self::Month => day_of(back(29 * 24)),
        }
    }
}

/// Calls that need a valid token, by what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// A valid token was there.
    pub served: u64,
    /// Atlassian did not answer, and the token had ended.
    pub provider_outage: u64,
    /// There was no grant in force: refused, disconnected, or never given.
    pub no_grant: u64,
    /// Our store, or the operator's settings.
    pub our_fault: u64,
    /// The caller asked for what is not to be had, or left.
    pub callers_fault: u64,
}

impl Reads {
    /// Sums up; calls that need no token are left out.
    pub fn of(sums: impl IntoIterator<Item = (Call, Answer, u64)>) -> Self {
        let mut reads = Self::default();
        for (call, answer, count) in sums {
            if call.is_read() {
                let known = match answer {
                    Answer::Served => &mut reads.served,
                    Answer::ProviderOutage => &mut reads.provider_outage,
                    Answer::NoGrant => &mut reads.no_grant,
                    Answer::OurFault => &mut reads.our_fault,
                    Answer::CallersFault => &mut reads.callers_fault,
                };
                *known = known.saturating_add(count);
            }
        }
        reads
    }

    /// How many a connection in force could have had.
    pub const fn possible(&self) -> u64 {
        self.ours().saturating_add(self.provider_outage)
    }

    /// How many of those were had; none where there were none.
    pub fn served_share(&self) -> Option<Share> {
        Share::of(self.served, self.possible())
    }

    /// The same without those for which Atlassian had no answer: what this server answers for.
    pub fn served_share_without_outages(&self) -> Option<Share> {
        Share::of(self.served, self.ours())
    }

    const fn ours(&self) -> u64 {
        self.served.saturating_add(self.our_fault)
    }
}

/// A part of a whole in thousandths of a percent, cut: 100 means all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// All of it.
    const WHOLE: u32 = 100_000;

    fn of(part: u64, whole: u64) -> Option<Self> {
        let scaled = u128::from(part).saturating_mul(Self::WHOLE.into());
        let share = scaled.checked_div(whole.into())?;
        u32::try_from(share).ok().map(Self)
    }

    /// In percent.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 1_000.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} %", self.percent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_fault_it_was_decides_what_counts() {
        let reads = Reads::of([
            (Call::Token, Answer::Served, 900),
            (Call::Proxy, Answer::Served, 97),
            (Call::Rejected, Answer::OurFault, 1),
            (Call::Token, Answer::ProviderOutage, 2),
            (Call::Token, Answer::NoGrant, 5_000),
            (Call::Token, Answer::CallersFault, 5_000),
            (Call::Status, Answer::OurFault, 7_000),
        ]);
        assert_eq!(reads.possible(), 1_000);
        assert_eq!(reads.served_share().unwrap().to_string(), "99.700 %");
        assert_eq!(
            reads.served_share_without_outages().unwrap().to_string(),
            "99.899 %"
        );
        assert_eq!(Reads::default().served_share(), None);
    }

    #[test]
    fn one_that_failed_of_many_is_seen() {
        let mut reads = Reads {
            served: u64::MAX / 2,
            our_fault: 1,
            ..Reads::default()
        };
        assert_eq!(reads.served_share().unwrap().to_string(), "99.999 %");
        reads.our_fault = 0;
        assert_eq!(reads.served_share().unwrap().to_string(), "100.000 %");
    }

    #[test]
    fn periods_begin_on_a_minute_and_on_days() {
        let now: Timestamp = "2026-11-27T12:34:56Z".parse().unwrap();
        let began = Period::ALL.map(|it| it.began_at(now).to_string());
        assert_eq!(
            began,
            [
                "2026-11-26T12:34:00Z",
                "2026-11-21T00:00:00Z",
                "2026-10-29T00:00:00Z"
            ]
        );
    }
}
