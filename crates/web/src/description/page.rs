//! The description as a page for people.

use std::sync::LazyLock;

use url::Url;

use super::{
    Object, Schema,
    operations::{self, ALL, Content, Group, Operation, Place, object},
};
use crate::view::{
    Shell,
    api_docs::{self as view, ApiDocsPage},
};

/// The same for everybody.
static GROUPS: LazyLock<Vec<view::Group>> = LazyLock::new(groups);

fn groups() -> Vec<view::Group> {
    let groups = Group::ALL.map(|group| view::Group {
        name: group.name().to_owned(),
        about: group.about().to_owned(),
        operations: ALL
            .iter()
            .filter(|it| it.group == group)
            .map(operation)
            .collect(),
    });
    Vec::from(groups)
}

/// The page of the server at `base_url`, in `shell`.
pub fn page(shell: Shell, base_url: &Url) -> ApiDocsPage {
    ApiDocsPage {
        shell,
        curl: format!(
            "curl -X POST -H \"Authorization: Bearer $TFORMANCE_KEY\" {}/api/v1/integrations/jira/token",
            base_url.origin().ascii_serialization()
        ),
        groups: &GROUPS,
    }
}

fn operation(it: &Operation) -> view::Operation {
    let parameters = it.parameters.iter().map(|it| view::Member {
        name: it.name.to_owned(),
        kind: match it.place {
            Place::Header => format!("a header, which may be left out; {}", it.example),
            Place::Segment | Place::Rest => format!("of the path; for example {}", it.example),
        },
        about: it.about.to_owned(),
    });
    let problems = it.codes().into_iter().map(|(status, codes)| view::Status {
        status: status.as_u16(),
        codes: codes
            .into_iter()
            .map(|it| view::Code {
                code: it.code.to_owned(),
                title: it.title.to_owned(),
            })
            .collect(),
    });
    view::Operation {
        id: it.id.to_owned(),
        summary: it.summary.to_owned(),
        method: it.methods.join(", "),
        path: it.path.to_owned(),
        about: it.about.iter().map(|it| (*it).to_owned()).collect(),
        parameters: parameters.collect(),
        body: it.body.as_ref().map(|it| view::Body {
            is_optional: it.is_optional(),
            members: members_of(it.object),
            example: it.example.to_owned(),
        }),
        answers: it.answers.iter().map(answer).collect(),
        is_passed_on: it.is_passed_on,
        problems: problems.collect(),
    }
}

fn answer(it: &operations::Answer) -> view::Answer {
    let (members, example) = match it.content {
        Content::Json(schema, example) => (members_of(schema), Some(example.to_owned())),
        Content::Document | Content::Page | Content::Text => (Vec::new(), None),
    };
    view::Answer {
        status: it.status.as_u16(),
        about: it.about.to_owned(),
        kind: it.content.kind().to_owned(),
        members,
        example,
    }
}

fn members_of(schema: fn() -> Schema) -> Vec<view::Member> {
    let mut found = Vec::new();
    if let Some(object) = object(schema) {
        add(&object, "", &mut found);
    }
    found
}

/// Each member, and after an object those that it is made of.
fn add(object: &Object, before: &str, found: &mut Vec<view::Member>) {
    for member in &object.members {
        let name = format!("{before}{}", member.name);
        let mut kind = kind(&member.schema);
        if object.is_request {
            kind.push_str(if object.needs(member) {
                "; has to be there"
            } else {
                "; may be left out"
            });
        }
        found.push(view::Member {
            name: name.clone(),
            kind,
            about: member.about.to_owned(),
        });
        if let Some(inner) = inner(&member.schema) {
            add(&inner, &format!("{name}."), found);
        }
    }
}

fn inner(schema: &Schema) -> Option<Object> {
    match schema {
        Schema::Object(object) => Some(object()),
        Schema::Nullable(of) | Schema::List(of) => inner(of),
        Schema::Text { .. } | Schema::Words(_) | Schema::Whole { .. } | Schema::Flag => None,
    }
}

fn kind(schema: &Schema) -> String {
    match schema {
        Schema::Text { format: None } => "text".to_owned(),
        Schema::Text {
            format: Some("uri"),
        } => "an address".to_owned(),
        Schema::Text { .. } => "a time (RFC 3339)".to_owned(),
        Schema::Words(words) => words.join(", "),
        Schema::Whole { least, most } => format!("a whole number from {least} to {most}"),
        Schema::Flag => "true or false".to_owned(),
        Schema::Nullable(of) => format!("{}, or null", kind(of)),
        Schema::List(of) => format!("a list of: {}", kind(of)),
        Schema::Object(_) => "an object".to_owned(),
    }
}
