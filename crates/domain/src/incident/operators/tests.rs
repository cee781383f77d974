//! A minute after the other, as the worker looks.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

use uuid::Uuid;

use super::*;
use crate::{credential::Provider, ids::IncidentId};

const START: Timestamp = Timestamp::UNIX_EPOCH;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What was told, in the minute it was.
#[derive(Debug, Default)]
struct Story {
    open: Option<Incident>,
    opened: Vec<i64>,
    reminded: Vec<i64>,
    closed: Vec<i64>,
    writes: usize,
}

impl Story {
    fn look(&mut self, kind: IncidentKind, sight: Sight, minute: i64) {
        let now = START + MINUTE.saturating_mul(i32::try_from(minute).unwrap());
        let day = 24 * 60;
        let of_late = self.opened.iter().filter(|it| minute - **it < day);
        let recent = u32::try_from(of_late.count()).unwrap();
        let step = decide(kind, self.open.as_ref(), recent, sight, now);
        self.writes += usize::from(step != Step::Nothing);
        match step {
            Step::Nothing => {}
            Step::Open(reason, due_at) => {
                self.opened.push(minute);
                self.open = Some(Incident {
                    id: IncidentId::from_uuid(Uuid::nil()),
                    of: None,
                    provider: Provider::Jira,
                    kind,
                    reason: reason.map(|it| it.as_str().to_owned()),
                    opened_at: now,
                    working_since: Some(now),
                    closed: None,
                    reminders: 0,
                    due_at,
                });
            }
            Step::Note(noted) => self.open = Some(noted),
            Step::Remind(noted) => {
                self.reminded.push(minute);
                self.open = Some(noted);
            }
            Step::Close(closed) => {
                assert!(closed.closed.is_some() && closed.due_at.is_none());
                self.closed.push(minute);
                self.open = None;
            }
        }
    }
}

fn health(is_down: bool, outcome: RefreshOutcome, failing_for: i64) -> ProviderHealth {
    ProviderHealth {
        failing_since: Some(START - MINUTE.saturating_mul(i32::try_from(failing_for).unwrap())),
        is_down,
        last_outcome: Some(outcome),
        ..ProviderHealth::new(Provider::Jira)
    }
}

#[test]
fn a_secret_that_is_refused_for_two_days_is_told_once_and_reminded_of() {
    let mut story = Story::default();
    let refused = health(true, RefreshOutcome::Misconfigured, 0);
    let fine = ProviderHealth::new(Provider::Jira);
    for minute in 0..60 * 50 {
        let is_refused = minute < 60 * 48;
        let health = if is_refused { &refused } else { &fine };
        let sight = sight(IncidentKind::Misconfigured, health, true, START);
        story.look(IncidentKind::Misconfigured, sight, minute);
    }
    assert_eq!(story.opened, [0]);
    assert_eq!(story.reminded, [24 * 60]);
    assert_eq!(story.closed, [60 * 48 - 1 + 20]);
}

#[test]
fn what_is_seen_every_quarter_of_an_hour_goes_on_all_the_while() {
    let mut story = Story::default();
    for minute in 0..60 * 20 {
        let is_seen = minute % 18 == 0 && minute < 60 * 18;
        let sight = if is_seen {
            Sight::Seen(None)
        } else {
            Sight::NotSeen
        };
        story.look(IncidentKind::Unexpected, sight, minute);
    }
    assert_eq!((story.opened.len(), story.closed.len()), (1, 1));
    assert!(story.open.is_none());
}

#[test]
fn a_provider_is_told_to_be_down_after_two_minutes_and_never_by_reminders() {
    let kind = IncidentKind::ProviderDown;
    let seen = |down_for, is_open| {
        let health = health(true, RefreshOutcome::Ambiguous, down_for);
        matches!(sight(kind, &health, is_open, START), Sight::Seen(_))
    };
    assert!(!seen(1, false) && seen(1, true) && seen(2, false));
    let refused = health(true, RefreshOutcome::Misconfigured, 60);
    assert_eq!(sight(kind, &refused, false, START), Sight::NotSeen);
    let not_down = health(false, RefreshOutcome::Ambiguous, 60);
    assert_eq!(sight(kind, &not_down, true, START), Sight::NotSeen);
    let mut story = Story::default();
    for minute in 0..60 * 24 * 10 {
        story.look(kind, Sight::Seen(None), minute);
    }
    assert_eq!((story.opened.len(), story.reminded.len()), (1, 0));
}

#[test]
fn a_provider_that_comes_and_goes_every_minute_for_a_day_is_told_seldom() {
    let mut story = Story::default();
    for minute in 0..60 * 24 {
        let sight = if minute % 2 == 0 {
            Sight::Seen(None)
        } else {
            Sight::NotSeen
        };
        story.look(IncidentKind::ProviderDown, sight, minute);
    }
    assert_eq!((story.opened.len(), story.closed.len()), (1, 0));
    // And one that is away for a minute each ten: it must hold longer each time.
    let mut story = Story::default();
    for minute in 0..60 * 24 {
        let sight = if minute % 10 == 0 {
            Sight::Seen(None)
        } else {
            Sight::NotSeen
        };
        story.look(IncidentKind::ProviderDown, sight, minute);
    }
    assert!(story.opened.len() <= 2, "{:?}", story.opened);
}

#[test]
fn where_nobody_looked_for_long_nothing_counts_as_over() {
    let mut story = Story::default();
    let kind = IncidentKind::Unexpected;
    story.look(kind, Sight::Seen(None), 0);
    // The process was off, or the clock jumped a day; then it is seen again.
    story.look(kind, Sight::NotSeen, 24 * 60);
    story.look(kind, Sight::NotSeen, 24 * 60 + 1);
    assert!(story.closed.is_empty());
    story.look(kind, Sight::Seen(None), 24 * 60 + 15);
    assert_eq!(story.reminded, [24 * 60 + 15]);
    // And set back by two days.
    for minute in -24 * 60..-24 * 60 + 30 {
        story.look(kind, Sight::NotSeen, minute);
    }
    assert_eq!(story.closed, [-24 * 60 + 20]);
}

#[test]
fn a_clock_that_jumps_sends_one_reminder() {
    let mut story = Story::default();
    let kind = IncidentKind::Unexpected;
    story.look(kind, Sight::Seen(None), 0);
    for minute in 10 * 24 * 60..10 * 24 * 60 + 600 {
        story.look(kind, Sight::Seen(None), minute);
    }
    assert_eq!(story.reminded, [10 * 24 * 60]);
}

#[test]
fn that_it_is_still_there_is_written_once_a_minute() {
    let mut story = Story::default();
    let now = START;
    story.look(IncidentKind::Unexpected, Sight::Seen(None), 0);
    let open = story.open.unwrap();
    for second in 0..60 {
        let now = now + SignedDuration::from_secs(second);
        let step = decide(open.kind, Some(&open), 1, Sight::Seen(None), now);
        assert_eq!(step, Step::Nothing);
    }
}
