//! The page of a connection in every state, and at its extremes.

use super::{
    super::view::{
        Shell,
        banner::Banner,
        health::{
            Fact, HealthPage, HistoryView, RefreshNotice, ServiceLine, Timeline, TimelineLine,
            Value,
            month::{Day, Month},
            notices::{Fate, IncidentLine, NoticeLine},
        },
        jira_card::{FailedRead, JiraCard, JiraState, TestResult, Unknown, WaitsFor},
    },
    Sample, banners, inside,
    integrations::{
        attempt, card, choice, connected, degraded, disconnected, lacking, members_card,
        misconfigured, reconnect_needed, renew_soon, site_lost, waiting,
    },
    moment, sample,
};

fn facts() -> Vec<Fact> {
    let text = |name, it: &str| Fact {
        name,
        value: Value::Text(it.to_owned()),
    };
    let code = |name, it: &str| Fact {
        name,
        value: Value::Code(it.to_owned()),
    };
    let time = |name, absolute, relative, with| Fact {
        name,
        value: Value::Time(moment(absolute, relative), with),
    };
    vec![
        text("Site", "Acme, acme.atlassian.net"),
        code("Cloud id", "11111111-aaaa-4bbb-8ccc-000000000001"),
        code("Atlassian account", "5b10ac8d82e05b22cc7d4ef5"),
        text("Connected by", "Ada Lovelace"),
        time("Consent given", "24 Nov 2026, 10:40 UTC", "3 days ago", ""),
        text("It may", "read issues, read users and stay connected"),
        time(
            "Access token valid until",
            "27 Nov 2026, 09:12 UTC",
            "in 48 minutes",
            "",
        ),
        time(
            "Next refresh",
            "27 Nov 2026, 09:06 UTC",
            "in 42 minutes",
            "",
        ),
        time(
            "Last refresh that succeeded",
            "27 Nov 2026, 08:12 UTC",
            "12 minutes ago",
            "",
        ),
        text("Failures since", "none"),
        time("Consent ends", "24 Nov 2027, 10:40 UTC", "in 362 days", ""),
        time(
            "Refresh token ends",
            "25 Feb 2027, 08:12 UTC",
            "in 90 days",
            ", if nothing refreshes it before",
        ),
    ]
}

fn line(time: &str, icon: &'static str, outcome: &str, took: &str, by: &str) -> TimelineLine {
    TimelineLine {
        at: moment(&format!("27 Nov 2026, {time} UTC"), "today"),
        icon,
        event: "Refresh",
        outcome: outcome.to_owned(),
        took: took.to_owned(),
        by: by.to_owned(),
    }
}

fn timeline() -> Timeline {
    Timeline {
        shown: 0,
        lines: vec![
            line("08:12", "connected", "new token", "214 ms", "the schedule"),
            line(
                "07:18",
                "connected",
                "new token",
                "198 ms",
                "an admin, on this page",
            ),
            line(
                "06:24",
                "degraded",
                "Atlassian gave no answer of use (HTTP 503)",
                "60 s",
                "a call needed a token",
            ),
            TimelineLine {
                event: "Reconnected",
                ..line("06:02", "connected", "a new grant", "", "Ada Lovelace")
            },
            TimelineLine {
                event: "Grant ended",
                ..line(
                    "05:58",
                    "reconnect-needed",
                    "reconnect needed",
                    "",
                    "this server",
                )
            },
        ],
        older: Some("1764223080000-019ab1c2-5d1e-7000-8000-000000000001".to_owned()),
        is_older: false,
    }
}

fn month() -> Month {
    let days = (0..30_i64).map(|it| Day {
        label: format!("{} Nov", it + 1),
        calls: (it * 137) % 1_204,
        failed_calls: if it == 11 { 40 } else { 0 },
        refreshes: if it == 12 { 0 } else { 20 + it % 5 },
        refused: i64::from(it == 13),
        unanswered: if (11..14).contains(&it) { 30 } else { 0 },
    });
    Month::new(days.collect())
}

fn service(name: &str, is_used: bool) -> ServiceLine {
    ServiceLine {
        name: name.to_owned(),
        last_call: is_used.then(|| moment("27 Nov 2026, 08:23 UTC", "1 minute ago")),
        calls_today: if is_used { "12,345" } else { "0" }.to_owned(),
        limited_today: if is_used { "3" } else { "0" }.to_owned(),
    }
}

fn notice(what: &'static str, to: &str, fate: Fate) -> NoticeLine {
    NoticeLine {
        what,
        to: to.to_owned(),
        fate,
    }
}

fn incidents() -> Vec<IncidentLine> {
    let at = || moment("27 Nov 2026, 05:58 UTC", "2 hours ago");
    let why = |it: &str| Some(it.to_owned());
    vec![
        IncidentLine {
            icon: "reconnect-needed",
            title: "Reconnect needed",
            opened: at(),
            closed: None,
            notices: vec![
                notice(
                    "It needs somebody",
                    "mail to Ada Lovelace",
                    Fate::Sent(at()),
                ),
                notice(
                    "It needs somebody",
                    "mail to Grace Hopper",
                    Fate::Waiting {
                        next: Some(moment("27 Nov 2026, 08:28 UTC", "in 4 minutes")),
                        attempts: 3,
                        why: why("the mail server does not answer"),
                    },
                ),
                notice(
                    "It needs somebody",
                    "webhook",
                    Fate::GivenUp {
                        at: at(),
                        why: why("the receiver is disabled: it failed for too long"),
                    },
                ),
            ],
        },
        IncidentLine {
            icon: "site-lost",
            title: "Site no longer available",
            opened: moment("20 Nov 2026, 05:58 UTC", "7 days ago"),
            closed: Some((
                "works again since",
                moment("20 Nov 2026, 09:00 UTC", "7 days ago"),
            )),
            notices: vec![
                notice(
                    "It works again",
                    "mail to a former member",
                    Fate::Dropped(at()),
                ),
                notice(
                    "Reminder",
                    "mail to Ada Lovelace",
                    Fate::Waiting {
                        next: None,
                        attempts: 0,
                        why: None,
                    },
                ),
            ],
        },
    ]
}

fn history() -> HistoryView {
    HistoryView {
        month: Some(month()),
        timeline: timeline(),
        services: vec![service("billing", true), service("search", false)],
        incidents: Vec::new(),
        receiver_disabled: None,
        used_up_until: None,
    }
}

fn nothing_yet() -> HistoryView {
    HistoryView {
        month: None,
        timeline: Timeline {
            shown: 0,
            lines: Vec::new(),
            older: None,
            is_older: false,
        },
        services: Vec::new(),
        incidents: Vec::new(),
        receiver_disabled: None,
        used_up_until: None,
    }
}

fn showing(card: JiraCard) -> HealthPage {
    HealthPage {
        shell: inside(),
        card: card.on_its_own_page(),
        notice: None,
        facts: facts(),
        history: Some(history()),
        can_mail: true,
    }
}

fn page(jira: JiraState) -> HealthPage {
    showing(card(jira))
}

fn without_connection(jira: JiraState) -> HealthPage {
    HealthPage {
        facts: Vec::new(),
        history: Some(nothing_yet()),
        ..page(jira)
    }
}

pub(super) fn states() -> Vec<Sample> {
    let state = |name, jira| sample(name, &page(jira));
    let without = |name, jira| sample(name, &without_connection(jira));
    let needing = |name, jira| {
        sample(
            name,
            &HealthPage {
                shell: Shell {
                    banner: Some(Banner {
                        action: None,
                        ..banners::reconnect()
                    }),
                    ..inside()
                },
                history: Some(HistoryView {
                    incidents: incidents(),
                    ..history()
                }),
                ..page(jira)
            },
        )
    };
    vec![
        state("health-connected", connected()),
        state("health-renew-soon", renew_soon(false)),
        state("health-degraded", degraded(3, false)),
        state("health-waiting", waiting(3, false, false)),
        state("health-misconfigured", misconfigured(false, true)),
        state("health-permissions-missing", lacking("read users")),
        state("health-site-lost", site_lost()),
        needing("health-reconnect-needed", reconnect_needed()),
        without("health-not-connected", JiraState::NotConnected),
        without(
            "health-connecting",
            JiraState::Connecting(attempt(true, false)),
        ),
        without("health-choose-site", choice(true)),
        without("health-disconnected", disconnected()),
        sample(
            "health-unknown-error",
            &HealthPage {
                facts: Vec::new(),
                history: None,
                ..page(JiraState::Unknown(Unknown {
                    failed: Some(FailedRead {
                        code: "store_unavailable".to_owned(),
                        reference: "019ab1c2-5d1e-7000-8000-000000000001".to_owned(),
                    }),
                }))
            },
        ),
        sample(
            "member-health-connected",
            &showing(members_card(connected())),
        ),
        sample(
            "member-health-reconnect-needed",
            &showing(members_card(reconnect_needed())),
        ),
    ]
}

pub(super) fn extremes() -> Vec<Sample> {
    let told = |name, notice| {
        sample(
            name,
            &HealthPage {
                notice: Some(notice),
                ..page(connected())
            },
        )
    };
    let soon = || Some(moment("27 Nov 2026, 08:25 UTC", "in 40 seconds"));
    let long = "a service with a name as long as names may be at all, no less";
    vec![
        told("health-refreshed", RefreshNotice::Done { until: soon() }),
        told("health-too-soon", RefreshNotice::TooSoon { again: soon() }),
        told("health-no-answer", RefreshNotice::NoAnswer { next: soon() }),
        told("health-blocked", RefreshNotice::Blocked),
        told("health-no-grant", RefreshNotice::NoGrant),
        told("health-not-refreshed", RefreshNotice::Failed),
        sample(
            "health-tested",
            &showing(JiraCard {
                test: Some(TestResult::Works {
                    account: Some("Ada Lovelace".to_owned()),
                    took_ms: 182,
                }),
                ..card(connected())
            }),
        ),
        sample(
            "health-attempt",
            &showing(JiraCard {
                attempt: Some(super::super::view::jira_card::Attempt {
                    waits_for: Some(WaitsFor::Site),
                    ..attempt(true, false)
                }),
                ..card(connected())
            }),
        ),
        sample(
            "health-first-day",
            &HealthPage {
                history: Some(nothing_yet()),
                can_mail: false,
                ..page(connected())
            },
        ),
        sample(
            "health-full",
            &HealthPage {
                history: Some(HistoryView {
                    timeline: Timeline {
                        shown: 1,
                        lines: (0..25)
                            .map(|_| {
                                line(
                                    "06:24",
                                    "degraded",
                                    "Atlassian was not reached, or turned it away unread (HTTP 429)",
                                    "60 s",
                                    "a service said its token was refused",
                                )
                            })
                            .collect(),
                        is_older: true,
                        ..timeline()
                    },
                    services: (0..40).map(|_| service(long, true)).collect(),
                    incidents: incidents(),
                    receiver_disabled: soon(),
                    used_up_until: soon(),
                    ..history()
                }),
                can_mail: false,
                ..page(reconnect_needed())
            },
        ),
        sample(
            "health-without-history",
            &HealthPage {
                history: None,
                ..page(connected())
            },
        ),
    ]
}
