//! `/a/{team}/audit`: who changed what, and which service called what; the same as files.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use domain::{audit::AuditGroup, ids::ApiKeyId};
use jiff::Timestamp;
use serde_json::{Value, json};
use service::{
    audit_log::{
        self, Change, ChangeFilter, ChangePlace, Page, ROWS_AT_ONCE, Span, UsageFilter,
        UsageLine as Sum, UsageRow, UsageRowPlace,
    },
    who::Admin,
};

use self::query::{AFTER, AuditQuery, BEFORE, KeyNames, Mistakes, Place, names_of_keys};
use crate::{
    App, audit_view,
    download::{Format, Table, download},
    moment::moment,
    pages::html_with_status,
    problem::Problem,
    shell,
    view::{
        Section,
        audit::{AuditPage, ChangeLine, FilterForm, Log, UsageLine},
        health::number,
    },
    who::AdminOfTeam,
};

mod query;

/// Who changed what.
pub(crate) async fn changes(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = AuditQuery::read(query.as_deref());
    let asked = query.changes();
    changes_page(&app, &admin, &query, asked).await
}

/// Which service called what.
pub(crate) async fn usage(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = AuditQuery::read(query.as_deref());
    let asked = query.usage();
    usage_page(&app, &admin, &query, asked).await
}

async fn changes_page(
    app: &App,
    admin: &Admin,
    query: &AuditQuery,
    asked: Result<ChangeFilter, Mistakes>,
) -> Result<Response, Problem> {
    let now = app.services.env.now();
    let (found, wrong) = match asked {
        Ok(filter) => {
            let (direction, after) = query.turn();
            let found = audit_log::changes(&app.services, admin, &filter, direction, after);
            (found.await?, Mistakes::new())
        }
        Err(wrong) => (nothing(app, admin).await?, wrong),
    };
    let names = names_of_keys(&found.choices, now);
    let lines = found.lines.iter();
    let log = Log::Changes(lines.map(|it| change_line(it, &names, now)).collect());
    let filter = query.form_of_changes(&found.choices, &names, &wrong, now);
    render(app, admin, query, &wrong, (log, filter), found).await
}

async fn usage_page(
    app: &App,
    admin: &Admin,
    query: &AuditQuery,
    asked: Result<(UsageFilter, Span), Mistakes>,
) -> Result<Response, Problem> {
    let now = app.services.env.now();
    let (found, span, wrong) = match asked {
        Ok((filter, span)) => {
            let (direction, after) = query.turn();
            let found = audit_log::usage(&app.services, admin, &filter, span, direction, after);
            (found.await?, span, Mistakes::new())
        }
        Err(wrong) => (nothing(app, admin).await?, Span::Hour, wrong),
    };
    let names = names_of_keys(&found.choices, now);
    let lines = found.lines.iter();
    let log = Log::Usage {
        lines: lines.map(|it| usage_line(it, &names, now)).collect(),
        is_by_day: span == Span::Day,
    };
    let filter = query.form_of_usage(&found.choices, &names, &wrong, now);
    render(app, admin, query, &wrong, (log, filter), found).await
}

/// What can be chosen, where what was chosen cannot be shown.
async fn nothing<T, P>(app: &App, admin: &Admin) -> Result<Page<T, P>, Problem> {
    Ok(Page {
        choices: audit_log::choices(&app.services, admin).await?,
        lines: Vec::new(),
        newer: None,
        older: None,
    })
}

async fn render<T, P: Place>(
    app: &App,
    admin: &Admin,
    query: &AuditQuery,
    wrong: &Mistakes,
    (log, filter): (Log, FilterForm),
    found: Page<T, P>,
) -> Result<Response, Problem> {
    let to = |name| move |it: P| query.link(Some((name, it)));
    let page = AuditPage {
        shell: shell::of_section(app, admin, Section::Audit).await?,
        team: shell::link(admin.team()),
        log,
        filter,
        is_filtered: query.is_filtered::<P>(),
        is_turned: query.turn::<P>().1.is_some(),
        query: query.link::<P>(None),
        newer: found.newer.map(to(AFTER)),
        older: found.older.map(to(BEFORE)),
    };
    let status = if wrong.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    html_with_status(status, &page)
}

fn change_line(change: &Change, names: &KeyNames, now: Timestamp) -> ChangeLine {
    let action = change.event.action;
    // As the filter calls it: of several keys of a service the same name would not do.
    let key = change.event.subject.map(ApiKeyId::from_uuid);
    let key = key.filter(|_| action.group() == AuditGroup::Keys);
    let key = key.and_then(|it| names.get(&it).cloned());
    ChangeLine {
        at: moment(change.event.at, now),
        what: audit_view::what(action),
        detail: audit_view::detail(change),
        is_refused: action.group() == AuditGroup::Refused,
        subject: key.unwrap_or_else(|| audit_view::subject(change)),
        by: audit_view::who(change),
    }
}

fn usage_line(sum: &Sum, names: &KeyNames, now: Timestamp) -> UsageLine {
    let name = names.get(&sum.of.key).cloned();
    UsageLine {
        at: moment(sum.at, now),
        service: name.unwrap_or_else(|| sum.key.to_string()),
        call: audit_view::call(&sum.of),
        status: sum.of.http_status,
        count: number(i64::try_from(sum.count).unwrap_or(i64::MAX)),
    }
}

/// All changes that the filter leaves.
pub(crate) async fn changes_file(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    format: Format,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = AuditQuery::read(query.as_deref());
    let filter = match query.changes() {
        Ok(filter) => filter,
        Err(wrong) => return changes_page(&app, &admin, &query, Err(wrong)).await,
    };
    let table = Table {
        name: file_name(&app, &admin, "changes"),
        columns: &CHANGE_COLUMNS,
        at_once: ROWS_AT_ONCE,
        cells: change_cells,
        place: Change::place,
    };
    let asked = Arc::new((app, admin, filter));
    download(table, format, move |place: Option<ChangePlace>| {
        let asked = Arc::clone(&asked);
        async move {
            let (app, admin, filter) = asked.as_ref();
            audit_log::changes_after(&app.services, admin, filter, place).await
        }
    })
    .await
}

/// All calls that the filter leaves, minute by minute.
pub(crate) async fn usage_file(
    State(app): State<App>,
    AdminOfTeam(admin): AdminOfTeam,
    format: Format,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = AuditQuery::read(query.as_deref());
    let filter = match query.usage() {
        Ok((filter, _)) => filter,
        Err(wrong) => return usage_page(&app, &admin, &query, Err(wrong)).await,
    };
    let table = Table {
        name: file_name(&app, &admin, "usage"),
        columns: &USAGE_COLUMNS,
        at_once: ROWS_AT_ONCE,
        cells: usage_cells,
        place: UsageRow::place,
    };
    let asked = Arc::new((app, admin, filter));
    download(table, format, move |place: Option<UsageRowPlace>| {
        let asked = Arc::clone(&asked);
        async move {
            let (app, admin, filter) = asked.as_ref();
            audit_log::usage_after(&app.services, admin, filter, place.as_ref()).await
        }
    })
    .await
}

/// The team, what it is, and the day on which it was made.
fn file_name(app: &App, admin: &Admin, what: &str) -> String {
    let now = exact(app.services.env.now());
    let day = now.split('T').next().unwrap_or_default();
    format!("{}-{what}-{day}", admin.team().slug)
}

/// As `docs/operations.md` tells them.
const CHANGE_COLUMNS: [&str; 10] = [
    "time",
    "id",
    "action",
    "what",
    "actor_id",
    "actor",
    "subject_id",
    "subject",
    "detail",
    "detail_word",
];

fn change_cells(change: &Change) -> Vec<Value> {
    let event = &change.event;
    vec![
        json!(exact(event.at)),
        json!(event.id.to_string()),
        json!(event.action.as_str()),
        json!(audit_view::what(event.action)),
        json!(event.actor.map(|it| it.to_string())),
        json!(audit_view::who(change)),
        json!(event.subject.map(|it| it.to_string())),
        json!(audit_view::subject(change)),
        json!(audit_view::detail(change)),
        json!(event.detail),
    ]
}

/// As `docs/operations.md` tells them.
const USAGE_COLUMNS: [&str; 9] = [
    "minute",
    "key_id",
    "service",
    "call",
    "method",
    "path_template",
    "status",
    "answer",
    "count",
];

fn usage_cells(row: &UsageRow) -> Vec<Value> {
    let usage = &row.usage;
    vec![
        json!(exact(usage.minute_at)),
        json!(usage.key.to_string()),
        json!(row.key.to_string()),
        json!(usage.of.call.as_str()),
        json!(usage.of.method.as_str()),
        json!(usage.of.path_template.as_str()),
        json!(usage.of.http_status),
        json!(usage.of.answer.as_str()),
        json!(usage.count),
    ]
}

/// For programs, to the millisecond.
fn exact(at: Timestamp) -> String {
    format!("{at:.3}")
}
