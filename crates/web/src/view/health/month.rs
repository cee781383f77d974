//! The last 30 days as a picture and as a table: calls, refreshes, and what was in their way.

use super::number;

/// How wide a day is drawn.
const DAY_WIDTH: i64 = 20;

/// How high the most calls of a day are drawn, and the most refreshes.
const CALLS_HIGH: i64 = 64;
const REFRESHES_HIGH: i64 = 28;

/// Where the two stand.
const CALLS_FLOOR: i64 = 68;
const REFRESHES_FLOOR: i64 = 106;

/// The days, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    days: Vec<Day>,
}

/// What was counted on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// The day: `27 Nov`.
    pub label: String,
    /// Calls that were answered with a token, or from the provider.
    pub calls: i64,
    /// Calls for which there was none, other than by the caller's fault.
    pub failed_calls: i64,
    /// Refreshes that brought a new pair.
    pub refreshes: i64,
    /// Refreshes that the provider refused.
    pub refused: i64,
    /// Refreshes that the provider did not answer.
    pub unanswered: i64,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) height: i64,
}

impl Month {
    /// Of these days.
    pub const fn new(days: Vec<Day>) -> Self {
        Self { days }
    }

    pub(super) fn width(&self) -> i64 {
        i64::try_from(self.days.len()).unwrap_or(0) * DAY_WIDTH
    }

    pub(super) fn first(&self) -> &str {
        self.days.first().map_or("", |it| &it.label)
    }

    /// The days on which something was counted, the newest first: the table.
    pub(super) fn eventful(&self) -> impl Iterator<Item = &Day> {
        self.days.iter().rev().filter(|it| it.is_eventful())
    }

    pub(super) fn calls(&self) -> Vec<Bar> {
        self.bars(|it| it.calls, CALLS_HIGH, CALLS_FLOOR)
    }

    pub(super) fn refreshes(&self) -> Vec<Bar> {
        self.bars(|it| it.refreshes, REFRESHES_HIGH, REFRESHES_FLOOR)
    }

    /// Where the days are on which the provider refused.
    pub(super) fn refused(&self) -> Vec<i64> {
        self.middles(|it| it.refused)
    }

    /// Where the days are on which it did not answer.
    pub(super) fn unanswered(&self) -> Vec<i64> {
        self.middles(|it| it.unanswered)
    }

    /// The same in a sentence, for whoever does not see it.
    pub(super) fn in_words(&self) -> String {
        let sum = |of: fn(&Day) -> i64| self.days.iter().map(of).fold(0, i64::saturating_add);
        let days_with = |of: fn(&Day) -> i64| self.days.iter().filter(|it| of(it) > 0).count();
        format!(
            "{} calls answered and {} not. {} refreshes succeeded; Atlassian refused {} on {} days \
             and did not answer {} on {} days.",
            number(sum(|it| it.calls)),
            number(sum(|it| it.failed_calls)),
            number(sum(|it| it.refreshes)),
            number(sum(|it| it.refused)),
            days_with(|it| it.refused),
            number(sum(|it| it.unanswered)),
            days_with(|it| it.unanswered),
        )
    }

    pub(super) fn most_calls(&self) -> String {
        number(self.days.iter().map(|it| it.calls).max().unwrap_or(0))
    }

    pub(super) fn most_refreshes(&self) -> String {
        number(self.days.iter().map(|it| it.refreshes).max().unwrap_or(0))
    }

    fn bars(&self, of: impl Fn(&Day) -> i64, high: i64, floor: i64) -> Vec<Bar> {
        let most = self.days.iter().map(&of).max().unwrap_or(0);
        let drawn = self.placed().filter(|(_, it)| of(it) > 0);
        drawn
            .map(|(left, it)| {
                // The smallest is still seen.
                let share = i128::from(of(it)) * i128::from(high) / i128::from(most.max(1));
                let height = i64::try_from(share).unwrap_or(high).clamp(2, high);
                Bar {
                    x: left + 4,
                    y: floor - height,
                    height,
                }
            })
            .collect()
    }

    fn middles(&self, of: impl Fn(&Day) -> i64) -> Vec<i64> {
        let drawn = self.placed().filter(|(_, it)| of(it) > 0);
        drawn.map(|(left, _)| left + DAY_WIDTH / 2).collect()
    }

    fn placed(&self) -> impl Iterator<Item = (i64, &Day)> {
        (0..).step_by(20).zip(&self.days)
    }
}

impl Day {
    /// Its row in the table.
    pub(super) fn cells(&self) -> [String; 5] {
        let counts = [
            self.calls,
            self.failed_calls,
            self.refreshes,
            self.refused,
            self.unanswered,
        ];
        counts.map(number)
    }

    /// Whether anything was counted.
    pub const fn is_eventful(&self) -> bool {
        self.calls > 0
            || self.failed_calls > 0
            || self.refreshes > 0
            || self.refused > 0
            || self.unanswered > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(calls: i64, refreshes: i64) -> Day {
        Day {
            calls,
            refreshes,
            ..Day::default()
        }
    }

    #[test]
    fn the_most_is_as_high_as_there_is_room_and_the_least_is_seen() {
        let month = Month::new(vec![day(1_000_000, 0), day(0, 3), day(1, 24)]);
        let heights = |bars: Vec<Bar>| bars.iter().map(|it| (it.x, it.height)).collect::<Vec<_>>();
        assert_eq!(heights(month.calls()), [(4, CALLS_HIGH), (44, 2)]);
        assert_eq!(heights(month.refreshes()), [(24, 3), (44, REFRESHES_HIGH)]);
        assert_eq!(month.width(), 60);
        assert!(
            month
                .calls()
                .iter()
                .all(|it| it.y + it.height == CALLS_FLOOR)
        );
    }

    #[test]
    fn counts_that_no_number_holds_are_drawn_all_the_same() {
        let month = Month::new(vec![day(i64::MAX, 1), day(i64::MAX / 2, 1)]);
        assert_eq!(month.calls().first().map(|it| it.height), Some(CALLS_HIGH));
    }
}
