//! What is known after any reports, in any order.

use proptest::prelude::*;

use super::*;

fn at(secs: i64) -> Timestamp {
    let start: Timestamp = "2026-11-28T14:05:00Z".parse().unwrap();
    start + SignedDuration::from_secs(secs)
}

fn refused(until: Option<Timestamp>) -> Told {
    Told::Refused { until, of: None }
}

fn left(points: u64, until: Timestamp) -> Told {
    let of = Some(65_000);
    Told::Left { points, of, until }
}

fn planned(issue: Option<&str>) -> Planned {
    Planned {
        site: CloudId::parse("cloud-1").unwrap(),
        method: Method::Put,
        template: PathTemplate::new("/rest/api/3/issue/{}"),
        issue: issue.map(str::to_owned),
    }
}

#[test]
fn a_refusal_holds_until_its_end_and_no_longer() {
    let budget = Budget::default().after(refused(Some(at(10))), at(0), 0);
    assert_eq!(budget.refuses_until(at(0), 0), Some(at(10)));
    assert_eq!(budget.refuses_until(at(9), 0), Some(at(10)));
    assert_eq!(budget.refuses_until(at(10), 0), None);
    // An answer that was on its way shortens nothing.
    let budget = budget.after(refused(Some(at(3))), at(1), 0);
    assert_eq!(budget.refuses_until(at(4), 0), Some(at(10)));
}

#[test]
fn what_seems_hours_away_is_from_before_the_clock_was_set() {
    let budget = Budget::default().after(refused(Some(at(3_600))), at(0), 0);
    assert!(budget.is_used_up(at(0)));
    assert!(!budget.is_used_up(at(-7_200)), "set back by two hours");
    let budget = Budget::default().after(left(0, next_hour(at(0))), at(0), 0);
    assert!(!budget.is_used_up(at(-7_200)));
}

#[test]
fn where_no_end_is_named_the_wait_doubles_up_to_half_a_minute() {
    // In the middle: not moved.
    let drawn = 300;
    let mut budget = Budget::default();
    let mut now = at(0);
    for expected in [2, 4, 8, 16, 30, 30] {
        budget = budget.after(refused(None), now, drawn);
        let until = budget.refused_until.unwrap();
        assert_eq!(until.duration_since(now).as_secs(), expected);
        // A hundred that were under way together are one refusal.
        budget = budget.after(refused(None), now, drawn);
        assert_eq!(budget.refused_until, Some(until));
        now = until;
    }
    let later = now + REFUSALS_COUNT_FOR;
    let until = budget.after(refused(None), later, drawn).refused_until;
    assert_eq!(until, Some(later + SignedDuration::from_secs(2)), "anew");
}

#[test]
fn what_is_left_is_for_calls_that_are_not_under_way_yet() {
    let hour = next_hour(at(0));
    let budget = Budget::default().after(left(2, hour), at(0), 0);
    assert_eq!(budget.refuses_until(at(0), 1), None);
    assert_eq!(budget.refuses_until(at(0), 2), Some(hour));
    assert_eq!(budget.refuses_until(hour, 9), None, "anew in the next hour");
    // The last hour's rest says nothing of this one, whichever is heard first.
    let next = Budget::default().after(left(60_000, hour + SignedDuration::from_hours(1)), hour, 0);
    assert_eq!(budget.merged(next), next.merged(budget));
    assert_eq!(next.merged(budget).left_at(hour).unwrap().points, 60_000);
}

#[test]
fn the_last_tenth_of_an_hour_is_a_reserve() {
    let hour = next_hour(at(0));
    let check = |points, is_low, is_reserve| {
        let budget = Budget::default().after(left(points, hour), at(0), 0);
        let told = (budget.is_low(at(0)), budget.is_reserve(at(0)));
        assert_eq!(told, (is_low, is_reserve), "{points}");
        assert!(!budget.is_low(hour) && !budget.is_reserve(hour));
    };
    check(13_000, false, false);
    check(12_999, true, false);
    check(6_500, true, false);
    check(6_499, true, true);
    check(0, true, true);
    let of = None;
    let told = Told::Left {
        points: 1,
        of,
        until: hour,
    };
    assert!(
        !Budget::default().after(told, at(0), 0).is_reserve(at(0)),
        "of how many?"
    );
}

#[test]
fn each_limit_holds_what_it_is_of() {
    let one = planned(Some("PROJ-1"));
    let scopes: Vec<_> = one.budgets().map(|it| (it.limit, it.scope)).collect();
    let endpoint = "PUT /rest/api/3/issue/{}".to_owned();
    assert_eq!(
        scopes,
        [
            (Limit::AppHour, String::new()),
            (Limit::SiteHour, String::new()),
            (Limit::Gateway, String::new()),
            (Limit::Burst, endpoint.clone()),
            (Limit::IssueWrites, "PROJ-1".to_owned()),
            (Limit::Unnamed, endpoint),
        ]
    );
    assert_eq!(one.budget(Limit::AppHour).unwrap().site, None, "all sites");
    assert_eq!(one.budget(Limit::Burst).unwrap().site, Some(one.site));
    assert_eq!(planned(None).budget(Limit::IssueWrites), None);
}

#[test]
fn an_issue_is_known_where_it_is_written_to() {
    let check = |method, path: &str, expected: Option<&str>| {
        assert_eq!(issue_written(method, path).as_deref(), expected, "{path}");
    };
    check(Method::Put, "/rest/api/3/issue/PROJ-1", Some("PROJ-1"));
    check(
        Method::Post,
        "/rest/api/2/issue/proj-1/comment",
        Some("PROJ-1"),
    );
    check(
        Method::Delete,
        "rest/api/3/issue/10001/worklog/7",
        Some("10001"),
    );
    check(Method::Get, "/rest/api/3/issue/PROJ-1", None);
    check(Method::Post, "/rest/api/3/issue", None);
    check(Method::Post, "/rest/api/3/issue/bulk", None);
    check(Method::Post, "/rest/api/3/issue/a%2f1", None);
    check(Method::Put, "/rest/api/3/project/PROJ-1", None);
    check(Method::Put, "", None);
}

#[test]
fn a_wait_is_moved_by_30_percent_at_most() {
    let ten = SignedDuration::from_secs(10);
    for drawn in 0..=u16::MAX {
        let moved = jittered(ten, drawn).as_millis();
        assert!((7_000..=13_000).contains(&moved), "{drawn}: {moved}");
    }
}

fn any_budget() -> impl Strategy<Value = Budget> {
    let time = || prop::option::of(prop::sample::select(vec![at(0), at(60), at(120)]));
    let points = prop::option::of(0_u64..3);
    (time(), 0_u32..3, time(), points, prop::option::of(1_u64..3)).prop_map(
        |(refused_until, refusals, until, points, of)| Budget {
            refused_until,
            refusals: refused_until.map_or(0, |_| refusals),
            left: until
                .zip(points)
                .map(|(until, points)| Left { points, until }),
            of,
        },
    )
}

proptest! {
    /// So that processes may hear of each other in any order, twice or late.
    #[test]
    fn what_is_known_together_does_not_depend_on_the_order(a in any_budget(), b in any_budget(), c in any_budget()) {
        prop_assert_eq!(a.merged(b), b.merged(a));
        prop_assert_eq!(a.merged(b).merged(c), a.merged(b.merged(c)));
        prop_assert_eq!(a.merged(a), a);
        prop_assert_eq!(a.merged(b).merged(b), a.merged(b));
    }

    /// The stricter one counts.
    #[test]
    fn hearing_more_never_allows_more(a in any_budget(), b in any_budget(), secs in 0_i64..300) {
        let both = a.merged(b).refuses_until(at(secs), 0);
        prop_assert!(both >= a.refused_until.filter(|it| *it > at(secs)));
        prop_assert!(both >= b.refused_until.filter(|it| *it > at(secs)));
    }
}
