//! The issues of a site: made from its projects, the same each time, and kept nowhere.

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use serde_json::{Value, json};

use crate::{
    jira::person,
    state::{Inner, JiraSite, later},
};

/// So many in each project.
const PER_PROJECT: usize = 12;

/// What an issue has: id, name, type.
pub(crate) const FIELDS: [(&str, &str, &str); 13] = [
    ("summary", "Summary", "string"),
    ("status", "Status", "status"),
    ("issuetype", "Issue Type", "issuetype"),
    ("project", "Project", "project"),
    ("priority", "Priority", "priority"),
    ("assignee", "Assignee", "user"),
    ("reporter", "Reporter", "user"),
    ("created", "Created", "datetime"),
    ("updated", "Updated", "datetime"),
    ("resolutiondate", "Resolved", "datetime"),
    ("duedate", "Due date", "date"),
    ("description", "Description", "doc"),
    ("customfield_10016", "Story point estimate", "number"),
];

/// Name, id and category of a status.
pub(crate) type Status = (&'static str, &'static str, &'static str);

/// In the order in which an issue goes through them.
pub(crate) const STATUSES: [Status; 3] = [
    ("To Do", "10000", "new"),
    ("In Progress", "3", "indeterminate"),
    ("Done", "10001", "done"),
];

/// One issue.
#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) id: usize,
    pub(crate) key: String,
    pub(crate) project: (usize, String, String),
    number: usize,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// How far it has come in [`STATUSES`].
    pub(crate) progress: usize,
    pub(crate) assignee: Option<String>,
    pub(crate) reporter: Option<String>,
}

/// A change of an issue's status.
pub(crate) struct Change {
    pub(crate) id: usize,
    pub(crate) at: Timestamp,
    pub(crate) from: Status,
    pub(crate) to: Status,
}

/// Time that somebody spent on an issue.
pub(crate) struct Worklog {
    pub(crate) id: usize,
    pub(crate) started_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) seconds: usize,
}

/// Of the project at this place of its site.
pub(crate) fn project_id(index: usize) -> String {
    index.saturating_add(10_000).to_string()
}

fn hours(count: usize) -> SignedDuration {
    SignedDuration::from_hours(i64::try_from(count).unwrap_or(0))
}

/// All issues of a site, by project and number.
pub(crate) fn of_site(inner: &Inner, site: &JiraSite) -> Vec<Issue> {
    let people: Vec<_> = inner
        .kept
        .accounts
        .iter()
        .filter(|it| it.sites.contains(&site.cloud_id))
        .map(|it| it.id.clone())
        .collect();
    let mut all = Vec::new();
    for (index, (key, name)) in site.projects.iter().enumerate() {
        for number in 1..=PER_PROJECT {
            let created_at = later(epoch(), hours(26 * number + index % 24));
            let progress = number % 3;
            let whom = |shift: usize| people.get((number + shift) % people.len().max(1)).cloned();
            all.push(Issue {
                id: 20_000 + index * 100 + number,
                key: format!("{key}-{number}"),
                project: (index, key.clone(), name.clone()),
                number,
                created_at,
                updated_at: later(created_at, hours(3 * progress + 1)),
                progress,
                assignee: whom(0).filter(|_| number % 5 != 0),
                reporter: whom(1),
            });
        }
    }
    all
}

/// Monday, 5 January 2026, 08:00 UTC: when all projects began.
fn epoch() -> Timestamp {
    let began = civil::date(2026, 1, 5).at(8, 0, 0, 0);
    let at = TimeZone::UTC.to_timestamp(began);
    at.unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Finds an issue by its id or key.
pub(crate) fn find<'a>(issues: &'a [Issue], id_or_key: &str) -> Option<&'a Issue> {
    issues
        .iter()
        .find(|it| it.key.eq_ignore_ascii_case(id_or_key) || it.id.to_string() == id_or_key)
}

/// A time as Jira writes it: the person's zone, no colon in the offset.
pub(crate) fn jira_time(at: Timestamp, offset_hours: i32) -> String {
    let local = later(at, SignedDuration::from_hours(offset_hours.into()));
    let sign = if offset_hours < 0 { '-' } else { '+' };
    let offset = format!("{sign}{:02}00", offset_hours.abs());
    format!("{}{offset}", local.strftime("%Y-%m-%dT%H:%M:%S.%3f"))
}

impl Issue {
    pub(crate) fn status(&self) -> Status {
        STATUSES.get(self.progress).copied().unwrap_or(STATUSES[0])
    }

    pub(crate) fn kind(&self) -> &'static str {
        if self.number.is_multiple_of(4) {
            "Bug"
        } else {
            "Task"
        }
    }

    /// Every step that it has come, oldest first.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let steps = STATUSES.windows(2).take(self.progress).enumerate();
        steps
            .filter_map(|(step, pair)| {
                let [from, to] = pair else { return None };
                Some(Change {
                    id: self.id * 10 + step,
                    at: later(self.created_at, hours(3 * step + 3)),
                    from: *from,
                    to: *to,
                })
            })
            .collect()
    }

    /// What was booked on it: nothing, or two hours and one.
    pub(crate) fn worklogs(&self) -> Vec<Worklog> {
        let count = if self.number.is_multiple_of(4) { 2 } else { 0 };
        let worklogs = (0..count).map(|it| Worklog {
            id: self.id * 10 + it,
            started_at: later(self.created_at, hours(it)),
            updated_at: later(self.created_at, hours(it + 2)),
            seconds: 7_200 >> it,
        });
        worklogs.collect()
    }

    /// One field.
    pub(crate) fn field(&self, inner: &Inner, name: &str, offset_hours: i32) -> Option<Value> {
        let time = |at| Value::from(jira_time(at, offset_hours));
        let user = |id: &Option<String>| {
            let account = id.as_ref().and_then(|it| inner.account(it));
            account.map_or(Value::Null, person)
        };
        Some(match name {
            "summary" => format!("{} {} of {}", self.kind(), self.number, self.project.2).into(),
            "status" => status_json(self.status()),
            "issuetype" => json!({ "name": self.kind(), "subtask": false }),
            "project" => json!({
                "id": project_id(self.project.0), "key": self.project.1, "name": self.project.2,
            }),
            "priority" => json!({ "id": "3", "name": "Medium" }),
            "assignee" => user(&self.assignee),
            "reporter" => user(&self.reporter),
            "created" => time(self.created_at),
            "updated" => time(self.updated_at),
            "resolutiondate" if self.progress == 2 => time(self.updated_at),
            "duedate" if self.number.is_multiple_of(3) => "2026-03-31".into(),
            "description" if self.number.is_multiple_of(2) => document("What is to be done."),
            "customfield_10016" => json!(self.number % 5 + 1),
            "resolutiondate" | "duedate" | "description" => Value::Null,
            _ => return None,
        })
    }
}

fn status_json((name, id, category): Status) -> Value {
    json!({ "id": id, "name": name, "statusCategory": { "key": category } })
}

/// Rich text as version 3 sends it.
pub(crate) fn document(text: &str) -> Value {
    json!({
        "type": "doc", "version": 1,
        "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": text }] }],
    })
}
