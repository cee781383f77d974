//! Every address below `/api`, and the probes: what it takes and what it answers. A test compares this table with
//! the routes; another one looks at every answer that any test gets.

use std::collections::BTreeMap;

use axum::http::StatusCode;

use super::{Object, Schema};
use crate::problem::codes::{self, Explanation};

mod table;

pub(crate) use table::ALL;

/// What an address does, by one method, or by several alike.
#[derive(Debug)]
pub(crate) struct Operation {
    /// As the handler is called.
    pub(crate) id: &'static str,
    /// In capitals.
    pub(crate) methods: &'static [&'static str],
    /// With the names of its parameters.
    pub(crate) path: &'static str,
    /// What it is about.
    pub(crate) group: Group,
    /// In a few words.
    pub(crate) summary: &'static str,
    /// What there is to know, a paragraph each.
    pub(crate) about: &'static [&'static str],
    /// Of the path, and of the headers.
    pub(crate) parameters: &'static [Parameter],
    /// What is sent; it may always be left out where nothing in it has to be there.
    pub(crate) body: Option<Body>,
    /// Answers that are no problems.
    pub(crate) answers: &'static [Answer],
    /// Whether it is passed on to Jira: then Jira's answer is answered, whatever it is.
    pub(crate) is_passed_on: bool,
    /// What may go wrong: the codes.
    pub(crate) problems: &'static [&'static [&'static str]],
}

/// What operations are about; in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// A team's connection with Jira. Each call needs a key.
    Jira,
    /// What you read here.
    Description,
    /// For whoever watches the server.
    Probes,
}

impl Group {
    pub(crate) const ALL: [Self; 3] = [Self::Jira, Self::Description, Self::Probes];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Jira => "Jira",
            Self::Description => "Description",
            Self::Probes => "Probes",
        }
    }

    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Jira => "The connection of the team whose key is sent.",
            Self::Description => "The description of this API. No key is needed.",
            Self::Probes => {
                "For whoever watches the server. No key is needed, and Atlassian is never asked."
            }
        }
    }

    /// Whether its calls need a key. Those of others answer problems as pages, being for people.
    pub(crate) fn needs_key(self) -> bool {
        self == Self::Jira
    }
}

/// A part of the path, or a header.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) about: &'static str,
    pub(crate) example: &'static str,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the path, up to the next `/`.
    Segment,
    /// In the path, to its end.
    Rest,
    /// In a header, which may be left out, with the example as its only value.
    Header,
}

/// What is sent.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) object: fn() -> Schema,
    /// As JSON.
    pub(crate) example: &'static str,
}

impl Body {
    /// Whether it may be left out: nothing in it has to be there.
    pub(crate) fn is_optional(&self) -> bool {
        object(self.object).is_none_or(|it| !it.members.iter().any(|member| it.needs(member)))
    }
}

/// What is answered where nothing went wrong.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) about: &'static str,
    pub(crate) content: Content,
}

/// As what.
#[derive(Debug)]
pub(crate) enum Content {
    /// JSON of ours, with an example.
    Json(fn() -> Schema, &'static str),
    /// A document that has a description of its own.
    Document,
    /// A page.
    Page,
    /// A line of text.
    Text,
}

impl Content {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Json(..) | Self::Document => "application/json",
            Self::Page => "text/html",
            Self::Text => "text/plain",
        }
    }
}

/// The object that a schema names.
pub(crate) fn object(schema: fn() -> Schema) -> Option<Object> {
    match schema() {
        Schema::Object(object) => Some(object()),
        _ => None,
    }
}

impl Operation {
    /// The name of what it does by this method.
    pub(crate) fn id_of(&self, method: &str) -> String {
        match self.methods {
            [_] => self.id.to_owned(),
            _ => format!("{}_{}", self.id, method.to_lowercase()),
        }
    }

    /// Whether a path is one of its addresses.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let rest = self.parameters.iter().find(|it| it.place == Place::Rest);
        if let Some(rest) = rest {
            let before = self.path.strip_suffix(&format!("{{{}}}", rest.name));
            let rest = before.and_then(|before| path.strip_prefix(before));
            return rest.is_some_and(|rest| !rest.is_empty());
        }
        let (mut templates, mut parts) = (self.path.split('/'), path.split('/'));
        loop {
            match (templates.next(), parts.next()) {
                (None, None) => return true,
                (Some(template), Some(part)) if template == part => {}
                (Some(template), Some(part)) if template.starts_with('{') && !part.is_empty() => {}
                _ => return false,
            }
        }
    }

    /// What may go wrong, by status.
    pub(crate) fn codes(&self) -> BTreeMap<StatusCode, Vec<&'static Explanation>> {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let all = self.problems.iter().copied().flatten();
        for it in all.filter_map(|code| codes::find(code)) {
            found.entry(it.status).or_default().push(it);
        }
        found
    }

    /// As what its problems are told.
    pub(crate) fn problem_kind(&self) -> &'static str {
        match self.group {
            Group::Description if self.id != "get_openapi" => "text/html",
            _ => "application/problem+json",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::description::check::fits;

    #[test]
    fn examples_are_what_they_are_examples_of() {
        let mut seen = 0;
        let mut check = |id: &str, schema: fn() -> Schema, example: &str| {
            let value: Value = serde_json::from_str(example).unwrap();
            assert_eq!(fits(&schema(), &value), Vec::<String>::new(), "{id}");
            seen += 1;
        };
        for it in ALL {
            if let Some(body) = &it.body {
                check(it.id, body.object, body.example);
            }
            for answer in it.answers {
                if let Content::Json(schema, example) = answer.content {
                    check(it.id, schema, example);
                }
            }
        }
        assert!(seen >= 5);
    }

    #[test]
    fn operations_tell_codes_that_there_are_and_all_that_services_are_told() {
        let told: BTreeSet<_> = ALL
            .iter()
            .flat_map(|it| it.problems.iter().copied().flatten().copied())
            .collect();
        for code in &told {
            assert!(
                codes::find(code).is_some_and(Explanation::is_of_services),
                "{code}"
            );
        }
        let missing: Vec<_> = codes::all()
            .filter(|it| it.is_of_services() && !told.contains(it.code))
            .map(|it| it.code)
            .collect();
        assert!(missing.is_empty(), "no operation tells {missing:?}");
    }

    #[test]
    fn each_operation_has_a_name_and_an_address_of_its_own() {
        let ids: BTreeSet<_> = ALL.iter().map(|it| it.id).collect();
        let addresses: BTreeSet<_> = ALL.iter().map(|it| (it.methods, it.path)).collect();
        assert_eq!((ids.len(), addresses.len()), (ALL.len(), ALL.len()));
        for it in ALL {
            let in_path = |parameter: &&Parameter| parameter.place != Place::Header;
            let in_path = it.parameters.iter().filter(in_path);
            for parameter in in_path.clone() {
                assert!(
                    it.path.contains(&format!("{{{}}}", parameter.name)),
                    "{}",
                    it.id
                );
            }
            assert_eq!(it.path.matches('{').count(), in_path.count(), "{}", it.id);
            assert!(
                !it.methods.is_empty() && it.answers.is_empty() == it.is_passed_on,
                "{}",
                it.id
            );
        }
    }
}
