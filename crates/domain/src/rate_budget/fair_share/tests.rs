//! One noisy key among quiet ones, played through: against a limit of bursts, and through an hour of points.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use uuid::Uuid;

use super::*;
use crate::{
    ids::TeamId,
    rate_budget::{Budget, Told, next_hour},
    text::ServiceName,
};

fn service(n: usize) -> KeyHolder {
    KeyHolder {
        team: TeamId::from_uuid(Uuid::from_u128(1)),
        service: ServiceName::parse(&format!("service {n}")).unwrap(),
    }
}

fn start() -> Timestamp {
    "2026-11-28T14:00:00Z".parse().unwrap()
}

fn shares(calls: &[u64]) -> Shares {
    let calls = calls.iter().enumerate();
    calls.map(|(n, count)| (service(n), *count)).collect()
}

#[test]
fn who_makes_more_than_one_and_a_half_times_as_many_calls_as_the_others_is_noisy() {
    let noisy = |calls: &[u64]| {
        let shares = shares(calls);
        let all = (0..calls.len()).filter(|it| shares.is_noisy(&service(*it)));
        all.collect::<Vec<_>>()
    };
    for (calls, found) in [
        (vec![], vec![]),
        (vec![1_000], vec![]),
        (vec![60, 40], vec![]),
        (vec![61, 40], vec![0]),
        (vec![1, 100, 1], vec![1]),
        (vec![34, 33, 33], vec![]),
        (vec![100, 100], vec![]),
        (vec![100, 100, 1], vec![0, 1]),
        (vec![0, 1], vec![1]),
    ] {
        assert_eq!(noisy(&calls), found, "{calls:?}");
    }
    let late = shares(&[100, 1]);
    assert!(!late.is_noisy(&service(9)), "who has not called yet");
    assert!(noisy(&[u64::MAX, u64::MAX]).is_empty());
    // Two keys of one service count as one.
    let both = [(service(0), 40), (service(0), 40), (service(1), 20)];
    assert!(both.into_iter().collect::<Shares>().is_noisy(&service(0)));
}

#[test]
fn while_turns_are_taken_each_service_has_an_equal_part_of_a_second() {
    let now = start();
    let second = SignedDuration::from_secs(1);
    let mut turns = Turns::default();
    assert!(turns.is_over(now));
    turns.refused(Some(10), now);
    turns.take(&service(1), now).unwrap();
    for _ in 0..5 {
        turns.take(&service(0), now).unwrap();
    }
    assert_eq!(
        turns.take(&service(0), now),
        Err(now + second),
        "two services, 10 ÷ 2"
    );
    turns.give_back(&service(0));
    turns.take(&service(0), now).unwrap();
    turns.take(&service(1), now).unwrap();
    turns.take(&service(0), now + second).unwrap();
    // Refused again: other processes part the same.
    turns.refused(Some(10), now + second);
    assert_eq!(turns.per_second, 5);
    assert!(!turns.is_over(now + second * 60) && turns.is_over(now + second * 61));
    assert!(turns.is_over(now - second * 60), "the clock was set back");
    turns.refused(None, now + second * 61);
    assert_eq!(turns.per_second, LEAST_DEFAULT_BURST, "anew");
}

#[test]
fn however_often_it_is_refused_each_service_has_one_turn_a_second() {
    let mut turns = Turns::default();
    for _ in 0..100 {
        turns.refused(Some(100), start());
    }
    for n in 0..1_000 {
        turns.take(&service(n), start()).unwrap();
        turns.take(&service(n), start()).unwrap_err();
    }
}

/// Calls in a second that each service makes: one is a hundred times as loud as the others.
const PER_SECOND: [u64; 3] = [1_000, 10, 10];

/// What each process knows of the endpoint.
#[derive(Default)]
struct Process {
    budget: Budget,
    turns: Turns,
}

/// Two minutes against an endpoint that takes 100 calls in a second and then refuses for a second. Processes
/// tell each other nothing here, which is the worst that can be. Gives the part of its calls that each
/// service got through, in percent.
fn bursts(processes: usize, is_fair: bool) -> [u64; 3] {
    let mut processes: Vec<_> = (0..processes).map(|_| Process::default()).collect();
    let (mut asked, mut served) = ([0_u64; 3], [0_u64; 3]);
    let mut tokens = 100_000_u64;
    for milli in 0..120_000_u64 {
        let now = start() + SignedDuration::from_millis(i64::try_from(milli).unwrap());
        // A hundred a second, in parts of a thousand.
        tokens = (tokens + 100).min(100_000);
        for (n, per_second) in PER_SECOND.into_iter().enumerate() {
            // Not all in the same millisecond.
            if !(milli + n as u64 * 7).is_multiple_of(1_000 / per_second) {
                continue;
            }
            let turn = usize::try_from(asked[n]).unwrap() % processes.len();
            let process = &mut processes[turn];
            asked[n] += 1;
            if process.budget.refuses_until(now, 0).is_some() {
                continue;
            }
            let waits = is_fair && !process.turns.is_over(now);
            if waits && process.turns.take(&service(n), now).is_err() {
                continue;
            }
            if tokens >= 1_000 {
                tokens -= 1_000;
                served[n] += 1;
            } else {
                let until = Some(now + SignedDuration::from_secs(1));
                let of = Some(100);
                process.budget = process.budget.after(Told::Refused { until, of }, now, 0);
                process.turns.refused(of, now);
            }
        }
    }
    std::array::from_fn(|n| served[n] * 100 / asked[n])
}

#[test]
fn a_service_a_hundred_times_as_loud_leaves_the_others_their_bursts() {
    for processes in [1, 2, 4] {
        let [loud, one, other] = bursts(processes, true);
        assert!(one >= 90 && other >= 90, "{processes}: {one} {other}");
        assert!(loud <= 10, "{processes}: {loud}");
    }
    let [_, one, other] = bursts(1, false);
    assert!(
        one < 50 && other < 50,
        "it is the rule that does it: {one} {other}"
    );
}

/// An hour of 65,000 points, where each call costs ten; service 0 calls ten times a second, the others once in
/// ten seconds. What is known of who calls is five seconds old. Gives the percentage as above.
fn hour(is_fair: bool) -> [u64; 3] {
    const OF: u64 = 65_000;
    let end = next_hour(start());
    let mut points = OF;
    let mut budget = Budget::default();
    let mut known = Shares::default();
    let (mut asked, mut served) = ([0_u64; 3], [0_u64; 3]);
    for tenth in 0..36_000_u64 {
        let now = start() + SignedDuration::from_millis(i64::try_from(tenth).unwrap() * 100);
        if tenth.is_multiple_of(50) {
            known = shares(&served);
        }
        for n in 0..3 {
            if n > 0 && !tenth.is_multiple_of(100) {
                continue;
            }
            asked[n] += 1;
            let waits = is_fair && budget.is_reserve(now) && known.is_noisy(&service(n));
            if waits || budget.refuses_until(now, 0).is_some() {
                continue;
            }
            points = points.saturating_sub(10);
            served[n] += 1;
            // Told only once little is left.
            if points * 5 < OF {
                let told = Told::Left {
                    points,
                    of: Some(OF),
                    until: end,
                };
                budget = budget.after(told, now, 0);
            }
        }
    }
    std::array::from_fn(|n| served[n] * 100 / asked[n])
}

#[test]
fn a_service_a_hundred_times_as_loud_leaves_the_others_their_hour() {
    let [loud, one, other] = hour(true);
    assert!(one == 100 && other == 100, "{one} {other}");
    assert!((10..20).contains(&loud), "nine tenths are its own: {loud}");
    let [_, one, other] = hour(false);
    assert!(
        one < 25 && other < 25,
        "it is the rule that does it: {one} {other}"
    );
}
