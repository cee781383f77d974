//! What services asked for, and what came of it: counted in memory on the way of each call, written by
//! [`crate::worker::note_use`] once a second and at the end.
//!
//! A process that is killed loses what it counted since. Rows are added to, so of a write whose end is not
//! known (the connection broke at the commit) the counts may be in twice: they are counts, not bills.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use domain::{
    ids::{ApiKeyId, TeamId},
    usage::{Answer, Call, CountedCall, DailyUsage, KeyUsage, day_of, minute_of},
};
use jiff::Timestamp;

use crate::{
    Error, Services,
    door::{ApiClient, NotServed, RejectedError},
    refresh::TokenError,
};

/// While the store does not take them, so many rows are kept by key and minute; of what comes beyond,
/// the sum of the day.
const MOST_ROWS: usize = 100_000;

/// What a row of `key_usage` is found by, before it has a count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ByMinute {
    key: ApiKeyId,
    team: TeamId,
    minute_at: Timestamp,
    of: CountedCall,
}

/// What a row of `daily_usage` is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct ByDay {
    team: TeamId,
    day_at: Timestamp,
    call: Call,
    answer: Answer,
}

impl ByDay {
    fn of(team: TeamId, at: Timestamp, of: &CountedCall) -> Self {
        Self {
            team,
            day_at: day_of(at),
            call: of.call,
            answer: of.answer,
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    by_minute: HashMap<ByMinute, u64>,
    /// Of what is in no row of its own.
    by_day: HashMap<ByDay, u64>,
}

/// What was counted since the last time it was written.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<Counts>);

/// What is to be written now: rows in order, the sums apart that are in no row.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) rows: Vec<KeyUsage>,
    pub(crate) sums: Vec<DailyUsage>,
}

impl Calls {
    fn add(&self, row: ByMinute, count: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = counts.by_minute.len() < MOST_ROWS;
        if let Some(known) = counts.by_minute.get_mut(&row) {
            *known = known.saturating_add(count);
        } else if has_room {
            counts.by_minute.insert(row, count);
        } else {
            let sum = ByDay::of(row.team, row.minute_at, &row.of);
            let known = counts.by_day.entry(sum).or_default();
            *known = known.saturating_add(count);
        }
    }

    /// What is to be written now, sorted: whoever writes beside this process goes by the same order.
    pub(crate) fn take(&self) -> Taken {
        let counts = {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *counts)
        };
        let rows = counts.by_minute.into_iter().map(|(row, count)| KeyUsage {
            key: row.key,
            team: row.team,
            minute_at: row.minute_at,
            of: row.of,
            count,
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_unstable();
        Taken {
            rows,
            sums: as_daily(counts.by_day.into_iter().collect()),
        }
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&self, left: &[KeyUsage], sums: &[DailyUsage]) {
        for it in left {
            let row = ByMinute {
                key: it.key,
                team: it.team,
                minute_at: it.minute_at,
                of: it.of.clone(),
            };
            self.add(row, it.count);
        }
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for it in sums {
            let sum = ByDay {
                team: it.team,
                day_at: it.day_at,
                call: it.call,
                answer: it.answer,
            };
            let known = counts.by_day.entry(sum).or_default();
            *known = known.saturating_add(it.count);
        }
    }
}

/// The sums of the days that these rows are of.
pub(crate) fn by_day(rows: &[KeyUsage]) -> Vec<DailyUsage> {
    let mut sums = BTreeMap::<ByDay, u64>::new();
    for it in rows {
        let sum = ByDay::of(it.team, it.minute_at, &it.of);
        let known = sums.entry(sum).or_default();
        *known = known.saturating_add(it.count);
    }
    as_daily(sums)
}

fn as_daily(sums: BTreeMap<ByDay, u64>) -> Vec<DailyUsage> {
    let rows = sums.into_iter().map(|(it, count)| DailyUsage {
        team: it.team,
        day_at: it.day_at,
        call: it.call,
        answer: it.answer,
        count,
    });
    rows.collect()
}

impl Services {
    /// Tells monitoring of a call through the proxy: whether the gateway answered it, or we did.
    pub fn count_proxied(&self, is_upstream: bool, http_status: u16) {
        self.metrics.proxied(is_upstream, http_status);
    }

    /// Counts a call that was answered; nothing is written on the way.
    pub fn count_call(&self, client: &ApiClient, call: CountedCall) {
        let key = client.key();
        self.metrics.called(call.call, call.answer);
        let row = ByMinute {
            key: key.id,
            team: key.team,
            minute_at: minute_of(self.env.now()),
            of: call,
        };
        self.calls.add(row, 1);
    }
}

impl TokenError {
    /// As what it is counted: whose fault is it that there is no token?
    pub const fn answer(&self) -> Answer {
        match self {
            Self::NoConnection(_) => Answer::NoGrant,
            Self::ProviderUnavailable { .. } => Answer::ProviderOutage,
            Self::Misconfigured { .. } | Self::NotSaved | Self::Failed(_) => Answer::OurFault,
        }
    }
}

impl RejectedError {
    /// As what it is counted.
    pub const fn answer(&self) -> Answer {
        match self {
            Self::UnknownToken => Answer::CallersFault,
            Self::NotServed(err) => err.answer(),
        }
    }
}

impl NotServed {
    /// As what it is counted.
    pub const fn answer(&self) -> Answer {
        match self {
            Self::Token(err) => err.answer(),
            Self::Key(_) | Self::Forbidden(_) => Answer::CallersFault,
        }
    }
}

impl Error {
    /// As what it is counted.
    pub const fn answer(&self) -> Answer {
        match self {
            Self::StoreUnavailable(_) | Self::DoesNotOpen(_) | Self::Internal(_) => {
                Answer::OurFault
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::usage::{Method, PathTemplate};
    use uuid::Uuid;

    use super::*;

    fn row(key: u128, minute: i64, answer: Answer) -> ByMinute {
        ByMinute {
            key: ApiKeyId::from_uuid(Uuid::from_u128(key)),
            team: TeamId::from_uuid(Uuid::from_u128(1)),
            minute_at: Timestamp::from_second(minute * 60).unwrap(),
            of: CountedCall {
                call: Call::Token,
                method: Method::Post,
                path_template: PathTemplate::NONE,
                http_status: 200,
                answer,
            },
        }
    }

    #[test]
    fn what_could_not_be_written_is_counted_with_what_came_meanwhile() {
        let calls = Calls::default();
        calls.add(row(2, 1, Answer::Served), 1);
        calls.add(row(1, 1, Answer::Served), 1);
        calls.add(row(1, 1, Answer::Served), 1);
        let taken = calls.take();
        let counts: Vec<_> = taken.rows.iter().map(|it| it.count).collect();
        assert_eq!(counts, [2, 1], "sorted by key");
        assert!(calls.take().rows.is_empty());
        calls.add(row(1, 1, Answer::Served), 1);
        calls.put_back(&taken.rows, &taken.sums);
        let counts: Vec<_> = calls.take().rows.iter().map(|it| it.count).collect();
        assert_eq!(counts, [3, 1]);
    }

    #[test]
    fn beyond_what_is_kept_by_minute_the_sums_of_days_are_right() {
        let calls = Calls::default();
        let count = i64::try_from(MOST_ROWS).unwrap() + 10;
        for minute in 0..count {
            calls.add(row(1, minute, Answer::OurFault), 1);
        }
        // What has a row goes on in it.
        calls.add(row(1, 0, Answer::OurFault), 5);
        let taken = calls.take();
        assert_eq!(taken.rows.len(), MOST_ROWS);
        calls.put_back(&taken.rows, &taken.sums);
        let taken = calls.take();
        let sums = by_day(&taken.rows);
        let total = |it: &[DailyUsage]| it.iter().map(|it| it.count).sum::<u64>();
        assert_eq!(total(&taken.sums), 10);
        assert_eq!(total(&sums) + total(&taken.sums), count.unsigned_abs() + 5);
    }
}
