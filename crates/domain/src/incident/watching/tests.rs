//! Stories of one connection, and whatever else may happen to it.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use proptest::prelude::*;
use story::{
    Event::{
        self, Consent, Dies, Disconnect, Down, Fails, IsSaved, Jump, Refused, SiteFound, SiteLost,
        Wait,
    },
    Story, minutes,
};

use super::*;

mod story;

const START: Timestamp = Timestamp::UNIX_EPOCH;
const DAY: i64 = 24 * 60;

#[test]
fn a_grant_that_ends_is_told_once_and_its_mending_once() {
    let story = Story::run([Wait(60), Dies, Wait(600), Consent, Wait(600)]);
    assert_eq!(story.told(), [Tell::Opened, Tell::WorksAgain]);
    let closed = &story.closed[0];
    assert_eq!(closed.kind, IncidentKind::ReconnectNeeded);
    let (at, _, state) = story.tells[2];
    assert_eq!(
        (at, state),
        (START + minutes(660), ConnectionState::Connected),
        "at once"
    );
}

#[test]
fn what_comes_back_by_itself_is_told_once_it_held() {
    let story = Story::run([SiteLost, Wait(60), SiteFound, Wait(4)]);
    assert_eq!(story.told(), [Tell::Opened]);
    let story = Story::run([SiteLost, Wait(60), SiteFound, Wait(6)]);
    assert_eq!(story.told(), [Tell::Opened, Tell::WorksAgain]);
    assert_eq!(story.tells[2].0, START + minutes(65));
    // Another site is a person's choice.
    let story = Story::run([SiteLost, Wait(60), Event::AnotherSite]);
    assert_eq!(story.told(), [Tell::Opened, Tell::WorksAgain]);
}

#[test]
fn what_flaps_every_minute_for_a_day_is_told_once() {
    let minute = [
        Event::SiteLost,
        Event::Wait(1),
        Event::SiteFound,
        Event::Wait(1),
    ];
    let story = Story::run(minute.repeat(719));
    assert_eq!(story.told(), [Tell::Opened]);
    let story = Story::run(minute.repeat(720 * 8));
    assert_eq!(story.count(Tell::Reminder), 3, "after 1, 3 and 7 days");
    assert_eq!(story.count(Tell::Opened), 1);
}

#[test]
fn what_flaps_more_slowly_must_hold_longer_each_time() {
    for every in [6, 10, 15, 30, 60] {
        let flap = [
            Event::SiteLost,
            Event::Wait(every),
            Event::SiteFound,
            Event::Wait(every),
        ];
        let times = usize::try_from(DAY / (every * 2)).unwrap();
        let story = Story::run(flap.repeat(times));
        let opened = story.count(Tell::Opened);
        assert!(opened <= 5, "every {every} minutes: {opened}");
        assert!(story.count(Tell::WorksAgain) <= opened);
    }
}

#[test]
fn an_outage_is_told_to_nobody_for_one_connection() {
    let story = Story::run([
        Down(true),
        Fails,
        Wait(40),
        Fails,
        Wait(80),
        Down(false),
        IsSaved,
    ]);
    assert_eq!(story.told(), []);
    assert!(story.closed.is_empty());
}

#[test]
fn trouble_of_one_connection_is_told_to_services_after_two_minutes() {
    let story = Story::run([Fails, Wait(1), IsSaved, Wait(30)]);
    assert_eq!(story.told(), []);
    let story = Story::run([Fails, Wait(10), IsSaved, Wait(30)]);
    assert_eq!(story.told(), [Tell::StateChanged; 2]);
    assert_eq!(story.tells[1].0, START + minutes(2));
    // Past the end of the token it is another state.
    let story = Story::run([Wait(50), Fails, Wait(14), Fails, Wait(10)]);
    let states: Vec<_> = story.tells.iter().map(|(_, _, state)| *state).collect();
    assert_eq!(
        states,
        [
            ConnectionState::Connected,
            ConnectionState::Degraded,
            ConnectionState::Waiting
        ]
    );
}

#[test]
fn another_need_goes_on_as_the_same_incident_and_is_told() {
    let story = Story::run([SiteLost, Wait(60), Dies, Wait(60), Consent]);
    assert_eq!(story.told(), [Tell::Opened, Tell::Opened, Tell::WorksAgain]);
    assert_eq!(story.closed.len(), 1);
}

#[test]
fn a_consent_that_ends_soon_is_told_thirty_days_ahead_also_behind_an_outage() {
    let story = Story::run([Event::Wait(400 * DAY)]);
    assert_eq!(story.tells[1].0, START + minutes(335 * DAY));
    assert_eq!(story.count(Tell::Opened), 1);
    assert_eq!(story.count(Tell::Reminder), 8);
    let story = Story::run([
        Wait(300 * DAY),
        Fails,
        Down(true),
        Wait(40 * DAY),
        Down(false),
        IsSaved,
    ]);
    assert_eq!(story.told(), [Tell::Opened]);
    // Also where no attempt of its own fails, and its next refresh is a good one.
    let story = Story::run([
        Wait(300 * DAY),
        Down(true),
        Wait(40 * DAY),
        Down(false),
        Wait(120),
    ]);
    assert_eq!(story.told(), [Tell::Opened]);
    // Trouble while it is told is no mending, whether the token has ended or not.
    for renewed in [[IsSaved, Fails], [Fails, Fails]] {
        let before = [Wait(336 * DAY)].into_iter().chain(renewed);
        let outage = [Down(true), Wait(50), Down(false), IsSaved, Wait(30)];
        let story = Story::run(before.chain(outage));
        assert_eq!(story.count(Tell::WorksAgain), 0);
        assert_eq!(story.count(Tell::Opened), 1);
    }
}

#[test]
fn a_disconnect_ends_it_without_a_word_to_people() {
    let story = Story::run([Dies, Wait(60), Disconnect, Wait(60 * 48)]);
    assert_eq!(story.told(), [Tell::Opened, Tell::StateChanged]);
    let (_, ending) = story.closed[0].closed.unwrap();
    assert_eq!(ending, IncidentEnding::Disconnected);
}

#[test]
fn the_operators_settings_are_told_to_no_team() {
    let story = Story::run([Refused(true), Wait(DAY), IsSaved, Wait(60)]);
    assert_eq!(story.told(), []);
}

#[test]
fn what_hides_a_connection_that_settles_brings_no_reminder_forward() {
    let story = Story::run([
        SiteLost,
        Wait(60),
        SiteFound,
        Wait(1),
        Refused(true),
        Wait(10),
        SiteLost,
        Refused(false),
        IsSaved,
        Wait(60),
    ]);
    assert_eq!(story.told(), [Tell::Opened]);
    let due_at = story.open.and_then(|it| it.due_at);
    assert_eq!(due_at, Some(START + minutes(DAY)));
}

#[test]
fn a_clock_that_jumps_a_day_sends_one_reminder_and_none_is_lost() {
    let story = Story::run([Dies, Wait(10), Jump(DAY * 10), Wait(10)]);
    assert_eq!(story.told(), [Tell::Opened, Tell::Reminder]);
    let story = Story::run([Dies, Wait(10), Jump(DAY), Jump(-DAY), Wait(DAY * 400)]);
    assert_eq!(story.count(Tell::Reminder), 8);
    let story = Story::run([Dies, Wait(10), Jump(-DAY * 30)]);
    let due_at = story.open.and_then(|it| it.due_at);
    assert!(due_at.is_some_and(|it| it <= story.now + FURTHEST));
    let story = Story::run([Dies, Wait(10), Jump(-DAY * 30), Wait(DAY * 400)]);
    assert_eq!(story.count(Tell::Reminder), 8);
}

#[test]
fn what_an_older_version_made_is_no_news() {
    let mut story = Story::new();
    story.told = None;
    let facts = Facts {
        credential: Some(&story.credential),
        integration: Some(&story.integration),
        attempt: None,
        tokens_open: true,
        provider: None,
        now: START,
        consent_lifetime_days: None,
    };
    let look = Look {
        facts: &facts,
        told: None,
        is_old: true,
        open: None,
        recent: 0,
    };
    let decision = look.decide();
    assert_eq!(
        (decision.tell, decision.told),
        (None, Some(ConnectionState::Connected))
    );
    let new = Look {
        is_old: false,
        ..look
    };
    assert_eq!(new.decide().tell, Some(Tell::StateChanged));
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..20_i64).prop_map(Event::Wait),
        4 => (0..20_000_i64).prop_map(Event::Wait),
        1 => (-20_000..20_000_i64).prop_map(Event::Jump),
        2 => Just(Event::Dies),
        3 => Just(Event::IsSaved),
        2 => Just(Event::Consent),
        2 => Just(Event::SiteLost),
        2 => Just(Event::SiteFound),
        1 => Just(Event::AnotherSite),
        1 => Just(Event::ScopeLost),
        1 => Just(Event::ScopeFound),
        3 => Just(Event::Fails),
        2 => any::<bool>().prop_map(Event::Down),
        2 => any::<bool>().prop_map(Event::Refused),
        1 => Just(Event::Disconnect),
    ]
}

proptest! {
    /// Every incident begins with a notice and, where it ends by working, ends with one; reminders are 8 at
    /// most; nothing is told before it is due, and no look makes another one due at once for ever.
    #[test]
    fn whatever_happens_each_incident_is_told_from_its_beginning_to_its_end(
        events in prop::collection::vec(event(), 1..60),
    ) {
        let story = Story::run(events);
        let works = story.closed.iter().filter(|it| it.closed.is_some_and(|(_, it)| it == IncidentEnding::Works));
        prop_assert_eq!(works.count(), story.count(Tell::WorksAgain));
        prop_assert!(story.count(Tell::Opened) >= story.opened_at.len());
        let incidents = story.closed.iter().chain(&story.open);
        let mut reminders = 0;
        for incident in incidents {
            prop_assert!(incident.reminders <= 8);
            reminders += incident.reminders;
        }
        prop_assert_eq!(usize::try_from(reminders).unwrap(), story.count(Tell::Reminder));
    }
}
