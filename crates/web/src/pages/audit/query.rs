//! What was asked for in the address of the audit pages: filters and places, read, checked, and written again.

use std::collections::{BTreeMap, HashMap};

use domain::{
    audit::AuditGroup,
    ids::{ApiKeyId, UserId},
    usage::{Call, Method, PathTemplate},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use service::audit_log::{
    AuditKey, AuditPerson, ChangeFilter, ChangePlace, Choices, Direction, DoneBy, Span, UsageCall,
    UsageFilter, UsagePlace,
};
use url::form_urlencoded;
use uuid::Uuid;

use crate::{
    audit_view::{call_kind, former_member, group, short},
    moment::moment,
    view::{
        Field,
        audit::{Choice, FilterForm, Select},
    },
};

/// The hundreds of status codes.
const CLASSES: [(u8, &str, &str); 4] = [
    (2, "2xx", "2xx: done"),
    (3, "3xx", "3xx: elsewhere"),
    (4, "4xx", "4xx: refused"),
    (5, "5xx", "5xx: failed"),
];

/// No choice but this one means that no account did it.
const NOBODY: &str = "nobody";

/// As the rows say it.
const NOBODY_LABEL: &str = "This server, the operator, or somebody not signed in";

const NO_CHOICE: &str = "is none of the choices. Choose one of the list.";

/// The field with the place after which the older ones are.
pub(super) const BEFORE: &str = "before";

/// The field with the place before which the newer ones are.
pub(super) const AFTER: &str = "after";

/// A place in a log, as it stands in an address; of which log says its type.
pub(super) trait Place: Sized {
    /// What the log is filtered by.
    const FILTERS: &'static [&'static str];

    fn read(text: &str) -> Option<Self>;
    fn written(&self) -> String;
}

/// The fields of an address. Of a field that is there twice the first counts; what is none of ours is left out.
#[derive(Clone, Debug, Default)]
pub(super) struct AuditQuery {
    fields: BTreeMap<String, String>,
}

/// What is wrong with a field: a sentence.
pub(super) type Mistakes = BTreeMap<&'static str, String>;

impl AuditQuery {
    pub(super) fn read(query: Option<&str>) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let value = value.trim().to_owned();
            if !value.is_empty() {
                fields.entry(name.into_owned()).or_insert(value);
            }
        }
        Self { fields }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// Which changes are wanted.
    pub(super) fn changes(&self) -> Result<ChangeFilter, Mistakes> {
        let mut wrong = Mistakes::new();
        let (from, to) = self.days(&mut wrong);
        let kinds = AuditGroup::OF_TEAMS;
        let kind = self.one_of("kind", &mut wrong, |text| {
            kinds.into_iter().find(|it| it.as_str() == text)
        });
        let by = self.one_of("person", &mut wrong, |text| match text {
            NOBODY => Some(DoneBy::Nobody),
            id => id.parse::<UserId>().ok().map(DoneBy::Person),
        });
        let filter = ChangeFilter {
            from,
            to,
            group: kind,
            by: by.unwrap_or(DoneBy::Anybody),
            key: self.one_of("key", &mut wrong, |text| text.parse().ok()),
        };
        if wrong.is_empty() {
            Ok(filter)
        } else {
            Err(wrong)
        }
    }

    /// Which calls are wanted, and how they are added up.
    pub(super) fn usage(&self) -> Result<(UsageFilter, Span), Mistakes> {
        let mut wrong = Mistakes::new();
        let (from, to) = self.days(&mut wrong);
        let filter = UsageFilter {
            from,
            to,
            key: self.one_of("key", &mut wrong, |text| text.parse().ok()),
            call: self.one_of("call", &mut wrong, call_of),
            status_class: self.one_of("status", &mut wrong, |text| {
                let found = CLASSES.iter().find(|(_, word, _)| *word == text);
                found.map(|(class, ..)| *class)
            }),
        };
        let span = self.one_of("by", &mut wrong, |text| match text {
            "hour" => Some(Span::Hour),
            "day" => Some(Span::Day),
            _ => None,
        });
        if wrong.is_empty() {
            Ok((filter, span.unwrap_or(Span::Hour)))
        } else {
            Err(wrong)
        }
    }

    /// The first moment, and the first one that is too late.
    fn days(&self, wrong: &mut Mistakes) -> (Option<Timestamp>, Option<Timestamp>) {
        let mut day = |name, label: &str| {
            let text = self.get(name)?;
            let read = day_of(text);
            if read.is_none() {
                wrong.insert(name, format!("{label} is no day such as 2026-11-28."));
            }
            read
        };
        let (from, to) = (day("from", "“From”"), day("to", "“To”"));
        let start = from.and_then(start_of);
        if from.is_some() && start.is_none() {
            let told = "“From” is later than any day that can be. Choose one such as 2026-11-28.";
            wrong.insert("from", told.to_owned());
        }
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            wrong.insert("to", "“To” is before “From”.".to_owned());
        }
        // A day whose end is later than any moment leaves whatever there is before it.
        let end = to.and_then(|it| it.tomorrow().ok()).and_then(start_of);
        (start, end)
    }

    fn one_of<T>(
        &self,
        name: &'static str,
        wrong: &mut Mistakes,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.get(name)?;
        let found = read(text);
        if found.is_none() {
            wrong.insert(name, format!("“{}” {NO_CHOICE}", label(name)));
        }
        found
    }

    /// Which part of the log. A place that cannot be read is the newest: a link that was cut is no mistake.
    pub(super) fn turn<P: Place>(&self) -> (Direction, Option<P>) {
        let place = |name| self.get(name).and_then(P::read);
        match (place(BEFORE), place(AFTER)) {
            (None, Some(place)) => (Direction::Forwards, Some(place)),
            (place, _) => (Direction::Backwards, place),
        }
    }

    /// Whether anything of the log is left out.
    pub(super) fn is_filtered<P: Place>(&self) -> bool {
        P::FILTERS.iter().any(|it| self.get(it).is_some())
    }

    /// The filter of the log as a query with its `?`, and at its end a place where there is one.
    pub(super) fn link<P: Place>(&self, place: Option<(&str, P)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in P::FILTERS {
            if let Some(value) = self.get(name) {
                query.append_pair(name, value);
            }
        }
        if let Some((name, place)) = place {
            query.append_pair(name, &place.written());
        }
        let query = query.finish();
        if query.is_empty() {
            query
        } else {
            format!("?{query}")
        }
    }

    /// The form of changes as it was sent.
    pub(super) fn form_of_changes(
        &self,
        choices: &Choices,
        names: &KeyNames,
        wrong: &Mistakes,
        now: Timestamp,
    ) -> FilterForm {
        let kinds = AuditGroup::OF_TEAMS.map(|it| (it.as_str().to_owned(), group(it).to_owned()));
        let people = choices.people.iter();
        let people = people.map(|it| (it.id.to_string(), person(it)));
        let mut people: Vec<_> = people.collect();
        people.push((NOBODY.to_owned(), NOBODY_LABEL.to_owned()));
        self.form(
            wrong,
            [
                ("kind", "Any", kinds.to_vec(), None),
                (
                    "person",
                    "Anybody",
                    people,
                    Some(former_member as fn(_) -> _),
                ),
                (
                    "key",
                    "Any",
                    keys(choices, names, now),
                    Some(key_that_is_gone),
                ),
            ],
        )
    }

    /// The form of calls as it was sent.
    pub(super) fn form_of_usage(
        &self,
        choices: &Choices,
        names: &KeyNames,
        wrong: &Mistakes,
        now: Timestamp,
    ) -> FilterForm {
        let calls = Call::ALL.map(|it| (it.as_str().to_owned(), call_kind(it).to_owned()));
        let classes = CLASSES.map(|(_, word, label)| (word.to_owned(), label.to_owned()));
        let day = ("day".to_owned(), "Day".to_owned());
        self.form(
            wrong,
            [
                (
                    "key",
                    "Any",
                    keys(choices, names, now),
                    Some(key_that_is_gone as fn(_) -> _),
                ),
                ("call", "Any", calls.to_vec(), None),
                ("status", "Any", classes.to_vec(), None),
                ("by", "Hour", vec![day], None),
            ],
        )
    }

    fn form<const N: usize>(&self, wrong: &Mistakes, selects: [Offered; N]) -> FilterForm {
        let field = |name: &str| Field {
            value: self.get(name).unwrap_or_default().to_owned(),
            error: wrong.get(name).cloned(),
        };
        FilterForm {
            from: field("from"),
            to: field("to"),
            choices: selects.map(|it| self.select(wrong, it)).to_vec(),
        }
    }

    /// What was chosen stays chosen, also where it is not offered any more.
    fn select(&self, wrong: &Mistakes, (name, any, offered, gone): Offered) -> Select {
        let chosen = self.get(name);
        let is_offered = offered.iter().any(|(value, _)| chosen == Some(value));
        let mut options = vec![Choice {
            value: String::new(),
            label: any.to_owned(),
            is_chosen: false,
        }];
        options.extend(offered.into_iter().map(|(value, label)| Choice {
            is_chosen: chosen == Some(&value),
            value,
            label,
        }));
        let id = chosen.filter(|_| !is_offered);
        if let Some((id, gone)) = id.and_then(|it| Uuid::try_parse(it).ok()).zip(gone) {
            options.push(Choice {
                value: id.to_string(),
                label: gone(id),
                is_chosen: true,
            });
        }
        Select {
            name,
            label: label(name),
            options,
            error: wrong.get(name).cloned(),
        }
    }
}

/// The name of a field, what none of its choices is called, its choices, and what one is called that is gone.
type Offered = (
    &'static str,
    &'static str,
    Vec<(String, String)>,
    Option<fn(Uuid) -> String>,
);

fn label(name: &str) -> &'static str {
    match name {
        "kind" => "What it is about",
        "person" => "Who did it",
        "key" => "Service",
        "call" => "Call",
        "status" => "Status",
        _ => "Added up by",
    }
}

fn person(person: &AuditPerson) -> String {
    match &person.name {
        Some(name) if person.is_member => name.to_string(),
        Some(name) => format!("{name}, no longer in the team"),
        None => former_member(person.id.uuid()),
    }
}

/// What keys are called on these pages.
pub(super) type KeyNames = HashMap<ApiKeyId, String>;

/// What each key is called: its service, and of several of one service when each was made, or which it is.
pub(super) fn names_of_keys(choices: &Choices, now: Timestamp) -> KeyNames {
    let day = |it: &AuditKey| moment(it.created_at, now).day().to_owned();
    let mut of_service = HashMap::<_, u32>::new();
    let mut of_day = HashMap::<_, u32>::new();
    for it in &choices.keys {
        *of_service.entry(&it.name).or_default() += 1;
        *of_day.entry((&it.name, day(it))).or_default() += 1;
    }
    let is_one = |count: Option<&u32>| count.is_some_and(|it| *it == 1);
    let name_of = |it: &AuditKey| match (&it.name, day(it)) {
        (name, _) if is_one(of_service.get(name)) => name.to_string(),
        (name, day) if is_one(of_day.get(&(name, day.clone()))) => format!("{name}, made {day}"),
        (name, day) => format!("{name}, made {day} ({})", short(it.id.uuid())),
    };
    let keys = choices.keys.iter();
    keys.map(|it| (it.id, name_of(it))).collect()
}

fn keys(choices: &Choices, names: &KeyNames, now: Timestamp) -> Vec<(String, String)> {
    let keys = choices.keys.iter();
    keys.map(|it| {
        let name = names.get(&it.id).cloned().unwrap_or_default();
        let label = match it.revoked_at {
            Some(at) => format!("{name}, revoked {}", moment(at, now).day()),
            None => name,
        };
        (it.id.to_string(), label)
    })
    .collect()
}

fn key_that_is_gone(id: Uuid) -> String {
    format!("a key that is gone ({})", short(id))
}

/// A day as browsers send it, and nothing else that could be read as one.
fn day_of(text: &str) -> Option<Date> {
    let is_plain = text.len() == 10 && text.bytes().all(|it| it.is_ascii_digit() || it == b'-');
    text.parse().ok().filter(|_| is_plain)
}

fn start_of(day: Date) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(day.into()).ok()
}

fn call_of(text: &str) -> Option<Call> {
    Call::ALL.into_iter().find(|it| it.as_str() == text)
}

impl Place for ChangePlace {
    const FILTERS: &'static [&'static str] = &["from", "to", "kind", "person", "key"];

    fn read(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('-')?;
        Some(Self {
            at: millisecond(at)?,
            id: Uuid::try_parse(id).ok()?,
        })
    }

    fn written(&self) -> String {
        format!("{}-{}", self.at.as_millisecond(), self.id)
    }
}

impl Place for UsagePlace {
    const FILTERS: &'static [&'static str] = &["from", "to", "key", "call", "status", "by"];

    fn read(text: &str) -> Option<Self> {
        let Some((at, of)) = text.split_once('~') else {
            let at = millisecond(text)?;
            return Some(Self { at, of: None });
        };
        let mut parts = of.splitn(5, '~');
        let mut part = || parts.next();
        let key = part()?.parse::<ApiKeyId>().ok()?;
        let call = call_of(part()?)?;
        let method = part()?;
        let of = UsageCall {
            key,
            call,
            method: Method::ALL.into_iter().find(|it| it.as_str() == method)?,
            http_status: part()?.parse().ok()?,
            path_template: PathTemplate::new(part()?),
        };
        Some(Self {
            at: millisecond(at)?,
            of: Some(of),
        })
    }

    fn written(&self) -> String {
        let at = self.at.as_millisecond();
        let Some(it) = &self.of else {
            return at.to_string();
        };
        let (call, method) = (it.call.as_str(), it.method.as_str());
        let (status, path) = (it.http_status, it.path_template.as_str());
        format!("{at}~{}~{call}~{method}~{status}~{path}", it.key)
    }
}

fn millisecond(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(text.parse().ok()?).ok()
}

#[cfg(test)]
mod tests;
