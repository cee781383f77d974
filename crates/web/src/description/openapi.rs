//! The description as a document of `OpenAPI` 3.1.

use std::{collections::BTreeMap, sync::OnceLock};

use axum::body::Bytes;
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    Described as _, Member, Object, Schema,
    operations::{ALL, Answer, Content, Group, Operation, Parameter, Place, object},
};
use crate::problem::{
    LimitBody, ProblemBody,
    codes::{self, Explanation},
};

/// The document of a server, written once.
#[derive(Debug, Default)]
pub(crate) struct Document(OnceLock<Bytes>);

impl Document {
    /// As it is served: the same bytes each time.
    pub(crate) fn text(&self, base_url: &Url) -> Bytes {
        let text = self.0.get_or_init(|| document(base_url).to_string().into());
        text.clone()
    }
}

fn document(base_url: &Url) -> Value {
    let mut objects = BTreeMap::new();
    name_objects(&ProblemBody::schema(), &mut objects);
    let (mut paths, mut shared) = (Map::new(), Map::new());
    for it in ALL {
        let path = paths.entry(it.path).or_insert_with(|| json!({}));
        let mut responses = responses(it, &mut objects);
        if let [_, _, ..] = it.methods {
            // Said once for all methods.
            responses = shared_responses(it, responses, &mut shared);
        }
        if !it.parameters.is_empty() {
            path["parameters"] = it.parameters.iter().map(of_parameter).collect();
        }
        for method in it.methods {
            path[method.to_lowercase()] = operation(it, method, &responses, &mut objects);
        }
    }
    let schemas: Map<_, _> = objects
        .into_iter()
        .map(|(name, it)| (name.to_owned(), of_object(&it)))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tformance",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Access tokens of a team’s connection with Jira, for services that call it.",
            "description": ABOUT,
        },
        "servers": [{ "url": base_url.origin().ascii_serialization() }],
        "tags": Group::ALL.map(|it| json!({ "name": it.name(), "description": it.about() })),
        "externalDocs": { "description": "All codes", "url": codes_url(base_url) },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "tfk_…",
                    "description": "The key of a service. An admin of the team makes it on the page Keys, where it is \
                                    shown once. It names the team.",
                },
            },
            "schemas": schemas,
            "responses": shared,
        },
    })
}

const ABOUT: &str = "Your service never sees a refresh token and never refreshes anything: it asks for a token before it \
    calls Jira, and gets one that works. Bodies are JSON objects. Times are UTC. Answers may gain members. What goes \
    wrong is told as problem details (RFC 9457): decide by code, the words may change.";

fn codes_url(base_url: &Url) -> String {
    format!(
        "{}{}",
        base_url.origin().ascii_serialization(),
        codes::ADDRESS
    )
}

/// Puts the responses of an operation among those that several share, and points there.
fn shared_responses(
    it: &Operation,
    responses: Map<String, Value>,
    shared: &mut Map<String, Value>,
) -> Map<String, Value> {
    let moved = responses.into_iter().map(|(status, told)| {
        let name = format!("{}_{status}", it.id);
        let there = json!({ "$ref": format!("#/components/responses/{name}") });
        shared.insert(name, told);
        (status, there)
    });
    moved.collect()
}

fn operation(
    it: &Operation,
    method: &str,
    responses: &Map<String, Value>,
    objects: &mut Objects,
) -> Value {
    let mut told = json!({
        "operationId": it.id_of(method),
        "tags": [it.group.name()],
        "summary": it.summary,
        "description": it.about.join("\n\n"),
        "responses": responses,
        "security": if it.group.needs_key() { json!([{ "key": [] }]) } else { json!([]) },
    });
    if let Some(body) = &it.body {
        let schema = (body.object)();
        name_objects(&schema, objects);
        told["requestBody"] = json!({
            "required": !body.is_optional(),
            "content": { "application/json": { "schema": of(&schema), "example": read(body.example) } },
        });
    } else if it.is_passed_on && ["POST", "PUT", "PATCH", "DELETE"].contains(&method) {
        told["requestBody"] = json!({
            "description": "Whatever Jira takes, however large.",
            "content": { ANYTHING: {} },
        });
    }
    told
}

/// Of whatever kind Jira answers.
const ANYTHING: &str = "*/*";

fn of_parameter(it: &Parameter) -> Value {
    let is_header = it.place == Place::Header;
    let schema = if is_header {
        json!({ "type": "string", "enum": [it.example] })
    } else {
        json!({ "type": "string", "minLength": 1 })
    };
    json!({
        "name": it.name,
        "in": if is_header { "header" } else { "path" },
        "required": !is_header,
        "description": it.about,
        "schema": schema,
        "example": it.example,
    })
}

fn responses(it: &Operation, objects: &mut Objects) -> Map<String, Value> {
    let mut responses = Map::new();
    for answer in it.answers {
        let told = json!({
            "description": answer.about,
            "headers": headers(&[]),
            "content": { answer.content.kind(): content(answer, objects) },
        });
        responses.insert(answer.status.as_str().to_owned(), told);
    }
    for (status, codes) in it.codes() {
        let told = problem(it, status.as_u16(), &codes);
        responses.insert(status.as_str().to_owned(), told);
    }
    if it.is_passed_on {
        let told = json!({
            "description": "Jira’s answer, as it is.",
            "headers": headers(&["Tformance-Source"]),
            "content": { ANYTHING: {} },
        });
        responses.insert("default".to_owned(), told);
    }
    responses
}

fn content(answer: &Answer, objects: &mut Objects) -> Value {
    match answer.content {
        Content::Json(schema, example) => {
            let schema = schema();
            name_objects(&schema, objects);
            json!({ "schema": of(&schema), "example": read(example) })
        }
        Content::Document => json!({ "schema": { "type": "object" } }),
        Content::Page | Content::Text => json!({ "schema": { "type": "string" } }),
    }
}

/// Examples are constants, and a test reads each.
fn read(example: &str) -> Value {
    serde_json::from_str(example).unwrap_or_default()
}

/// Codes that begin so come with what [`LimitBody`] has.
pub(super) const BUDGET: &str = "budget_";

/// An answer with one of `codes`.
fn problem(it: &Operation, status: u16, codes: &[&Explanation]) -> Value {
    let lines = codes
        .iter()
        .map(|it| format!("- `{}`: {}", it.code, it.title));
    let description = lines.collect::<Vec<_>>().join("\n");
    let tells_when = codes.iter().any(|it| it.again.usual_wait().is_some());
    let more: &[&str] = match status {
        401 | 403 => &["WWW-Authenticate"],
        405 => &["Allow"],
        _ if tells_when => &["Retry-After"],
        _ => &[],
    };
    let kind = it.problem_kind();
    let content = if kind == "text/html" {
        json!({ "schema": { "type": "string" } })
    } else {
        let words: Vec<_> = codes.iter().map(|it| it.code).collect();
        let mut properties = json!({ "code": { "enum": words }, "status": { "const": status } });
        if codes.iter().any(|it| it.code.starts_with(BUDGET)) {
            let limit = object(LimitBody::schema).into_iter();
            for member in limit.flat_map(|it| it.members) {
                properties[member.name] = of_member(&member);
            }
        }
        json!({
            "schema": {
                "allOf": [
                    of(&ProblemBody::schema()),
                    { "properties": properties },
                ],
            },
        })
    };
    let mut content = json!({ kind: content });
    let mut headers = headers(more);
    if it.is_passed_on {
        // Jira may answer with the same status.
        content[ANYTHING] = json!({});
        headers["Tformance-Source"] =
            self::headers(&["Tformance-Source"])["Tformance-Source"].take();
    }
    json!({ "description": description, "headers": headers, "content": content })
}

/// Headers that every answer has, and those that it may have.
fn headers(more: &[&str]) -> Value {
    let mut headers = json!({
        "X-Request-Id": {
            "description": "Under this id the server’s log tells more.",
            "schema": { "type": "string" },
        },
    });
    for name in more {
        let (description, kind) = match *name {
            "Retry-After" => ("After how many seconds to try again.", "integer"),
            "Allow" => ("The methods that the address takes.", "string"),
            "Tformance-Source" => ("Whose answer it is: upstream (Jira’s) or self.", "string"),
            _ => (
                "How to come in. Of a key that opens nothing the error is invalid_token, of one that may not do this insufficient_scope.",
                "string",
            ),
        };
        headers[*name] = json!({ "description": description, "schema": { "type": kind } });
    }
    headers
}

type Objects = BTreeMap<&'static str, Object>;

/// Adds the objects that a schema speaks of.
fn name_objects(schema: &Schema, objects: &mut Objects) {
    match schema {
        Schema::Object(object) => {
            let object = object();
            let members: Vec<_> = object.members.iter().map(|it| it.schema.clone()).collect();
            if objects.insert(object.name, object).is_none() {
                for it in &members {
                    name_objects(it, objects);
                }
            }
        }
        Schema::Nullable(inner) | Schema::List(inner) => name_objects(inner, objects),
        Schema::Text { .. } | Schema::Words(_) | Schema::Whole { .. } | Schema::Flag => {}
    }
}

fn of_member(it: &Member) -> Value {
    let mut schema = of(&it.schema);
    schema["description"] = it.about.into();
    schema
}

fn of_object(it: &Object) -> Value {
    let properties: Map<_, _> = it
        .members
        .iter()
        .map(|member| (member.name.to_owned(), of_member(member)))
        .collect();
    let required: Vec<_> = it
        .members
        .iter()
        .filter(|member| it.needs(member))
        .collect();
    let mut told = json!({
        "type": "object",
        "description": it.about,
        "properties": properties,
    });
    if !required.is_empty() {
        told["required"] = required.iter().map(|it| it.name).collect();
    }
    if it.is_request {
        told["additionalProperties"] = false.into();
    }
    told
}

/// A schema as JSON Schema has it.
pub(super) fn of(schema: &Schema) -> Value {
    match schema {
        Schema::Text { format: None } => json!({ "type": "string" }),
        Schema::Text { format } => json!({ "type": "string", "format": format }),
        Schema::Words(words) => json!({ "type": "string", "enum": words }),
        Schema::Whole { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Schema::Flag => json!({ "type": "boolean" }),
        Schema::List(of_these) => json!({ "type": "array", "items": of(of_these) }),
        Schema::Object(object) => {
            json!({ "$ref": format!("#/components/schemas/{}", object().name) })
        }
        Schema::Nullable(inner) => or_null(of(inner)),
    }
}

fn or_null(mut schema: Value) -> Value {
    let Some(kind) = schema.get("type").cloned() else {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    };
    schema["type"] = json!([kind, "null"]);
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    schema
}
