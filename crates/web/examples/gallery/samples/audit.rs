//! The audit log, of changes and of calls: full, filtered, empty, with mistakes.

use super::{
    super::view::{
        Field, Section, Shell,
        audit::{AuditPage, ChangeLine, Choice, FilterForm, Log, Select, UsageLine},
    },
    Sample, field, inside, moment, sample, team,
};

const ID: &str = "01234567-89ab-7def-8123-456789abcdef";

fn select(
    name: &'static str,
    label: &'static str,
    options: &[&str],
    chosen: usize,
    error: Option<&str>,
) -> Select {
    let options = options.iter().enumerate();
    Select {
        name,
        label,
        options: options
            .map(|(place, label)| Choice {
                value: if place == 0 {
                    String::new()
                } else {
                    format!("value-{place}")
                },
                label: (*label).to_owned(),
                is_chosen: place == chosen && place != 0,
            })
            .collect(),
        error: error.map(str::to_owned),
    }
}

const KINDS: [&str; 6] = [
    "Any",
    "Connection",
    "Keys",
    "People and roles",
    "Team",
    "Refused callbacks, unreadable secrets",
];
const PEOPLE: [&str; 5] = [
    "Anybody",
    "Ada Lovelace",
    "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh the Younger",
    "Grace Hopper, no longer in the team",
    "This server, the operator, or somebody not signed in",
];
const SERVICES: [&str; 4] = [
    "Any",
    "billing, made 3 Aug 2026",
    "billing, made 21 Nov 2026",
    "reports, revoked 3 Aug 2026",
];

fn form_of_changes(chosen: usize, error: Option<&str>) -> FilterForm {
    FilterForm {
        from: Field::default(),
        to: Field::default(),
        choices: vec![
            select("kind", "What it is about", &KINDS, chosen, error),
            select("person", "Who did it", &PEOPLE, 0, None),
            select("key", "Service", &SERVICES, 0, None),
        ],
    }
}

fn form_of_usage(by_day: bool) -> FilterForm {
    let calls = [
        "Any",
        "State of the connection",
        "Token",
        "Token reported as refused",
        "Jira, through the proxy",
    ];
    let classes = [
        "Any",
        "2xx: done",
        "3xx: elsewhere",
        "4xx: refused",
        "5xx: failed",
    ];
    FilterForm {
        from: Field::default(),
        to: Field::default(),
        choices: vec![
            select("key", "Service", &SERVICES, 0, None),
            select("call", "Call", &calls, 0, None),
            select("status", "Status", &classes, 0, None),
            select(
                "by",
                "Added up by",
                &["Hour", "Day"],
                usize::from(by_day),
                None,
            ),
        ],
    }
}

fn page(log: Log, filter: FilterForm) -> AuditPage {
    AuditPage {
        shell: Shell {
            section: Some(Section::Audit),
            ..inside()
        },
        team: team("Platform", "platform"),
        log,
        filter,
        is_filtered: false,
        is_turned: false,
        query: String::new(),
        newer: None,
        older: None,
    }
}

fn change(time: &str, what: &'static str, detail: &str, subject: &str, by: &str) -> ChangeLine {
    ChangeLine {
        at: moment(&format!("28 Nov 2026, {time} UTC"), "12 minutes ago"),
        what,
        detail: detail.to_owned(),
        is_refused: what.contains("refused") || what.contains("open"),
        subject: subject.to_owned(),
        by: by.to_owned(),
    }
}

fn all_changes() -> Vec<ChangeLine> {
    let site = format!("from site {ID} to site fedcba98-7654-7321-8fed-cba987654321");
    vec![
        change("10:52", "Key revoked", "", "reports", "Ada Lovelace"),
        change(
            "10:40",
            "Way back from Atlassian refused",
            "state expired",
            "Jira",
            "somebody outside the team (89abcdef)",
        ),
        change(
            "10:12",
            "Role changed",
            "now admin",
            "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh the Younger",
            "Ada Lovelace",
        ),
        change("09:58", "Site changed", &site, "Jira", "Ada Lovelace"),
        change(
            "09:57",
            "Stored secret did not open",
            "access token of integration credentials",
            "a stored secret",
            "this server",
        ),
        change(
            "09:30",
            "Grant ended",
            "it was not used for too long",
            "Jira",
            "this server",
        ),
        change(
            "09:02",
            "Key made",
            "",
            "a-service-with-a-rather-long-name-that-nobody-shortened",
            "a former member (4c3d2e1f)",
        ),
        change("08:00", "Team made", "", "the team", "the operator"),
    ]
}

fn call(service: &str, call: &str, status: u16, count: &str) -> UsageLine {
    UsageLine {
        at: moment("28 Nov 2026, 10:00 UTC", "52 minutes ago"),
        service: service.to_owned(),
        call: call.to_owned(),
        status,
        count: count.to_owned(),
    }
}

fn calls() -> Vec<UsageLine> {
    vec![
        call("billing", "Token", 200, "12,345"),
        call(
            "billing",
            "Jira, through the proxy: GET /rest/api/3/issue/{}",
            404,
            "3",
        ),
        call(
            "a-service-with-a-rather-long-name-that-nobody-shortened",
            "Jira, through the proxy: GET /rest/agile/1.0/board/{}/sprint/{}/issue/{}/a-long-part-of-a-path",
            429,
            "1,234,567",
        ),
        call("search", "State of the connection", 200, "60"),
    ]
}

pub(super) fn audit() -> Vec<Sample> {
    let changes = page(Log::Changes(all_changes()), form_of_changes(0, None));
    let usage = page(
        Log::Usage {
            lines: calls(),
            is_by_day: false,
        },
        form_of_usage(false),
    );
    let none = page(Log::Changes(Vec::new()), form_of_changes(2, None));
    let mut wrong = form_of_changes(
        0,
        Some("“What it is about” is none of the choices. Choose one of the list."),
    );
    wrong.from = field("28.11.2026", Some("“From” is no day such as 2026-11-28."));
    vec![
        sample(
            "audit",
            &AuditPage {
                older: Some(format!("?before=1764000000000-{ID}")),
                ..changes.clone()
            },
        ),
        sample(
            "audit-middle",
            &AuditPage {
                is_turned: true,
                is_filtered: true,
                query: "?kind=keys".to_owned(),
                newer: Some(format!("?kind=keys&after=1764000000000-{ID}")),
                older: Some(format!("?kind=keys&before=1764000000000-{ID}")),
                ..changes
            },
        ),
        sample(
            "audit-nothing",
            &AuditPage {
                is_filtered: true,
                query: "?kind=keys".to_owned(),
                ..none.clone()
            },
        ),
        sample(
            "audit-errors",
            &AuditPage {
                is_filtered: true,
                filter: wrong,
                ..none.clone()
            },
        ),
        sample(
            "audit-empty",
            &AuditPage {
                filter: form_of_changes(0, None),
                ..none
            },
        ),
        sample("audit-usage", &usage),
        sample(
            "audit-usage-days",
            &AuditPage {
                log: Log::Usage {
                    lines: calls(),
                    is_by_day: true,
                },
                filter: form_of_usage(true),
                is_filtered: true,
                query: "?by=day".to_owned(),
                ..usage.clone()
            },
        ),
        sample(
            "audit-usage-empty",
            &AuditPage {
                log: Log::Usage {
                    lines: Vec::new(),
                    is_by_day: false,
                },
                ..usage
            },
        ),
    ]
}
