//! The headers that are documented or were seen, and whatever else may come.

use proptest::prelude::*;
use reqwest::header::{HeaderName, HeaderValue};

use super::*;

/// Half past ten minutes past two.
fn now() -> Timestamp {
    "2026-11-28T14:10:30Z".parse().unwrap()
}

/// The top of the hour.
fn hour() -> Timestamp {
    "2026-11-28T15:00:00Z".parse().unwrap()
}

fn at(secs: i64) -> Timestamp {
    now() + SignedDuration::from_secs(secs)
}

fn headers(of: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in of {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// In the middle: nothing is moved.
const DRAWN: u16 = 300;

fn read_refusal(of: &[(&str, &str)]) -> (Limit, Option<Timestamp>, Option<u64>) {
    let reports = read(429, &headers(of), now(), || DRAWN);
    let refusals: Vec<_> = reports
        .iter()
        .filter_map(|it| match it.told {
            Told::Refused { until, of } => Some((it.limit, until, of)),
            Told::Left { .. } => None,
        })
        .collect();
    assert_eq!(refusals.len(), 1, "{reports:?}");
    refusals[0]
}

#[test]
fn each_documented_refusal_is_read() {
    let burst = [
        ("Retry-After", "1"),
        ("X-RateLimit-Limit", "350"),
        ("X-RateLimit-Remaining", "0"),
        ("X-RateLimit-Reset", "2026-11-28T14:10:31Z"),
        ("RateLimit-Reason", "jira-burst-based"),
    ];
    assert_eq!(read_refusal(&burst), (Limit::Burst, Some(at(1)), Some(350)));
    for (reason, limit) in [
        ("jira-quota-global-based", Limit::AppHour),
        ("jira-quota-tenant-based", Limit::SiteHour),
    ] {
        let quota = [
            ("Retry-After", "2970"),
            ("X-RateLimit-Limit", "100000"),
            ("X-RateLimit-Remaining", "0"),
            ("X-RateLimit-Reset", "2026-11-28T15:00:00Z"),
            ("RateLimit-Reason", reason),
        ];
        assert_eq!(read_refusal(&quota), (limit, Some(hour()), Some(100_000)));
    }
    let issue = [
        ("retry-after", "2"),
        ("ratelimit-reason", "jira-per-issue-on-write"),
    ];
    assert_eq!(
        read_refusal(&issue),
        (Limit::IssueWrites, Some(at(2)), None)
    );
    let gateway = [
        ("X-Failure-Category", "FAILURE CLIENT RATE LIMITED"),
        ("X-Ratelimit-Limit", "360000"),
        ("X-Ratelimit-Remaining", "0"),
        ("X-Ratelimit-Reset", "2026-11-28T14:30Z"),
    ];
    assert_eq!(
        read_refusal(&gateway),
        (Limit::Gateway, Some(at(1_170)), Some(360_000))
    );
}

#[test]
fn a_refusal_that_says_little_is_one_of_the_endpoint() {
    assert_eq!(read_refusal(&[]), (Limit::Unnamed, None, None));
    let html = [("Retry-After", "5")];
    assert_eq!(read_refusal(&html), (Limit::Unnamed, Some(at(5)), None));
    let concurrent = [("ratelimit-reason", "jira-max-concurrent-threads-per-user")];
    assert_eq!(read_refusal(&concurrent), (Limit::Burst, None, None));
    let unheard = [("ratelimit-reason", "jira-something-new")];
    assert_eq!(read_refusal(&unheard), (Limit::Unnamed, None, None));
    // What is not said by the reason may be by what is left.
    let by_policy = [("ratelimit", "\"tenant-app-quota\";r=0;t=60")];
    assert_eq!(
        read_refusal(&by_policy),
        (Limit::SiteHour, Some(at(60)), None)
    );
}

#[test]
fn what_is_not_enforced_is_left_alone() {
    let mixed = [
        ("x-ratelimit-reset", "2026-11-28T15:00Z"),
        ("ratelimit-reason", "jira-cost-based"),
        (
            "ratelimit-policy",
            "\"jira-burst-based\";q=100;w=1, \"an-unheard-of-policy\";q=7;w=60",
        ),
        ("beta-retry-after", "2970"),
        ("x-beta-ratelimit-limit", "65000"),
        ("x-beta-ratelimit-remaining", "0"),
        (
            "beta-ratelimit-policy",
            "\"global-app-quota\";q=65000;w=3600",
        ),
        ("beta-ratelimit", "\"global-app-quota\";r=0;t=2970"),
    ];
    assert_eq!(read_refusal(&mixed), (Limit::SiteHour, Some(hour()), None));
    let only_beta = [
        ("beta-ratelimit", "\"global-app-quota\";r=0;t=2970"),
        ("beta-retry-after", "5"),
        ("x-beta-ratelimit-nearlimit", "true"),
        ("x-beta-ratelimit-remaining", "0"),
    ];
    assert_eq!(read(200, &headers(&only_beta), now(), || DRAWN), []);
    assert_eq!(read_refusal(&only_beta), (Limit::Unnamed, None, None));
}

#[test]
fn the_later_of_two_waits_counts_and_of_an_hours_points_the_hour_is_the_end() {
    let wait = |reason, after, reset| {
        let said = [
            ("ratelimit-reason", reason),
            ("retry-after", after),
            ("x-ratelimit-reset", reset),
        ];
        read_refusal(&said).1.unwrap()
    };
    let (quota, burst) = ("jira-quota-global-based", "jira-burst-based");
    // 3600 seconds, ten minutes into the hour.
    assert_eq!(wait(quota, "3600", "2026-11-28T15:00:00Z"), hour());
    assert_eq!(wait(quota, "3600", "2026-11-28T14:20:00Z"), hour());
    assert_eq!(wait(quota, "5", "2026-11-28T15:00:00Z"), hour());
    assert_eq!(wait(burst, "2", "2026-11-28T14:10:31Z"), at(2));
    assert_eq!(wait(burst, "1", "2026-11-28T14:10:33Z"), at(3));
    assert_eq!(wait(burst, "soon", "2026-11-28T14:10:33Z"), at(3));
    assert_eq!(wait(burst, "2", "whenever"), at(2));
}

#[test]
fn times_come_in_many_forms() {
    let reads = |value: &str, expected: Option<i64>| {
        assert_eq!(moment(value, now(), true), expected.map(at), "{value}");
    };
    reads("30", Some(30));
    reads("Sat, 28 Nov 2026 14:11:30 GMT", Some(60));
    reads("2026-11-28T14:11:30Z", Some(60));
    reads("2026-11-28T15:11:30+01:00", Some(60));
    reads("2026-11-28T14:12Z", Some(90));
    reads("2026-11-28T14:12", Some(90));
    reads(&at(60).as_second().to_string(), Some(60));
    reads(&at(60).as_millisecond().to_string(), Some(60));
    for odd in ["", "soon", "NaN", "inf", "99999999999999999999999", "12:00"] {
        reads(odd, None);
    }
    let half = SignedDuration::from_millis(1_500);
    assert_eq!(moment("1.5", now(), true), Some(now() + half));
    // As a wait it is one, however long.
    let epoch = at(60).as_second().to_string();
    assert_ne!(moment(&epoch, now(), false), Some(at(60)));
}

#[test]
fn a_bogus_wait_is_a_short_one_that_differs() {
    for bogus in [
        "0",
        "-5",
        "315360000",
        "Sat, 28 Nov 2020 14:11:30 GMT",
        "2020-11-28T14:11:30Z",
        "2099-11-28T14:11:30Z",
    ] {
        let said = headers(&[("retry-after", bogus)]);
        let mut waits = std::collections::BTreeSet::new();
        for drawn in [0, 150, 300, 450, 600] {
            let report = read(429, &said, now(), || drawn)[0];
            let Told::Refused { until, .. } = report.told else {
                panic!("{report:?}");
            };
            let wait = until.unwrap().duration_since(now());
            assert!((3_500..=6_500).contains(&wait.as_millis()), "{bogus}");
            waits.insert(wait);
        }
        assert_eq!(waits.len(), 5, "{bogus}");
    }
    assert_eq!(read_refusal(&[("retry-after", "soon")]).1, None);
}

#[test]
fn what_is_left_is_told_by_name_in_any_order() {
    let check = |of: &[(&str, &str)], expected: &[(Limit, u64, Option<u64>, Timestamp)]| {
        let reports = read(200, &headers(of), now(), || DRAWN);
        let expected = expected.iter().map(|&(limit, points, of, until)| Report {
            limit,
            told: Told::Left { points, of, until },
        });
        assert_eq!(reports, expected.collect::<Vec<_>>(), "{of:?}");
    };
    let policy = (
        "ratelimit-policy",
        "\"an-unheard-of-policy\";q=7, \"global-app-quota\";w=3600;q=65000",
    );
    // As long as usage is low nothing is told.
    check(&[policy, ("ratelimit", "\"global-app-quota\";t=2970")], &[]);
    let app = (Limit::AppHour, 11_000, Some(65_000), hour());
    check(
        &[policy, ("ratelimit", "\"global-app-quota\";r=11000;t=2970")],
        &[app],
    );
    // A second off is the same hour.
    check(
        &[
            policy,
            ("ratelimit", "\"global-app-quota\"; t=2971 ;r=11000"),
        ],
        &[app],
    );
    let several = "\"jira-burst-based\";r=3;t=1,\"tenant-app-quota\";r=5;t=2970, \"new\";r=0";
    check(
        &[
            ("ratelimit", several),
            ("RateLimit", "\"global-app-quota\";r=9"),
        ],
        &[
            (Limit::SiteHour, 5, None, hour()),
            (Limit::AppHour, 9, None, hour()),
        ],
    );
    // Only the older headers, which name no limit.
    let older = [
        ("x-ratelimit-limit", "65000"),
        ("x-ratelimit-remaining", "500"),
        ("x-ratelimit-nearlimit", "true"),
    ];
    check(&older, &[(Limit::SiteHour, 500, Some(65_000), hour())]);
    check(
        &[&older[..], &[policy]].concat(),
        &[(Limit::AppHour, 500, Some(65_000), hour())],
    );
    check(&older[..2], &[]);
    check(&[("ratelimit", "\"global-app-quota\";r=-1;t=x")], &[]);
    check(&[("ratelimit", ";;=,,\"")], &[]);
}

fn any_headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop::sample::select(vec![
        "retry-after",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-ratelimit-nearlimit",
        "ratelimit-reason",
        "ratelimit-policy",
        "ratelimit",
        "beta-ratelimit",
        "x-failure-category",
    ]);
    let value = prop_oneof![
        "-?[0-9]{1,25}",
        "-?[0-9]{1,9}\\.[0-9e]{1,5}",
        "\\PC{0,60}",
        "\"(global-app-quota|tenant-app-quota|jira-burst-based|x)\";[rtqw]=[0-9]{1,20};[rtqw]=-?[0-9]{1,9}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z?",
        "jira-(quota-global|quota-tenant|burst|per-issue|x)-based",
        "true",
    ];
    prop::collection::vec((name, value), 0..12).prop_map(|all| {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        headers
    })
}

#[test]
fn what_is_left_of_an_hour_that_is_over_says_nothing_of_the_next() {
    // Two seconds were left; the answer took five.
    for (late, told) in [(-2, 1), (3, 0), (20, 0)] {
        let now = next_hour(now()) + SignedDuration::from_secs(late);
        let left = headers(&[("ratelimit", "\"global-app-quota\";r=12;t=2")]);
        assert_eq!(read(200, &left, now, || DRAWN).len(), told, "{late}");
    }
}

proptest! {
    /// Whatever is sent is read without a panic, and no time lies in the past or beyond what is possible.
    #[test]
    fn whatever_is_said_a_wait_is_bounded(headers in any_headers(), status in prop::sample::select(vec![200_u16, 429, 503]), drawn: u16, secs in 0_i64..7_200) {
        let now = at(secs);
        let reports = read(status, &headers, now, || drawn);
        let refusals = reports.iter().filter(|it| matches!(it.told, Told::Refused { .. })).count();
        prop_assert_eq!(refusals, usize::from(status == 429));
        for it in reports {
            match it.told {
                Told::Refused { until: Some(until), .. } => {
                    prop_assert!(until >= now + SignedDuration::from_secs(1), "{it:?}");
                    prop_assert!(until <= it.limit.latest_end(now).max(now + SignedDuration::from_secs(1)), "{it:?}");
                }
                Told::Refused { until: None, .. } => {}
                Told::Left { until, .. } => {
                    prop_assert!(it.limit.is_of_hour() && until > now && until <= next_hour(now), "{it:?}");
                }
            }
        }
    }
}
