//! Whether an answer is one that the description knows: asked by tests, of every answer that they get.

use serde_json::Value;

use super::{
    Described as _, Schema,
    openapi::BUDGET,
    operations::{ALL, Content, Operation},
};
use crate::problem::{LimitBody, ProblemBody};

/// An answer of ours, as far as the description says something of it.
#[derive(Clone, Copy, Debug)]
pub struct Got<'a> {
    /// The status.
    pub status: u16,
    /// The `Content-Type`.
    pub kind: &'a str,
    /// The body.
    pub body: &'a str,
}

/// What of this answer is not in the description; nothing of an address that it does not know, which is a 404.
pub fn undescribed(method: &str, path: &str, got: Got<'_>) -> Vec<String> {
    let here: Vec<_> = ALL.iter().filter(|it| it.is_at(path)).collect();
    if here.is_empty() {
        return Vec::new();
    }
    match here.into_iter().find(|it| it.methods.contains(&method)) {
        Some(operation) => of_operation(operation, got),
        // Answered like `GET`, without the body.
        None if method == "HEAD" || got.status >= 400 => Vec::new(),
        None => vec![format!("{method} is not described, and was not refused")],
    }
}

fn of_operation(it: &Operation, got: Got<'_>) -> Vec<String> {
    let kind = got.kind.split(';').next().unwrap_or_default();
    let answers = it.answers.iter();
    let mut answers = answers
        .filter(|answer| answer.status.as_u16() == got.status && answer.content.kind() == kind);
    if let Some(answer) = answers.next() {
        return match answer.content {
            Content::Json(schema, _) => fits_text(&schema(), got.body),
            Content::Document | Content::Page | Content::Text => Vec::new(),
        };
    }
    let codes = it.codes();
    let codes = codes
        .iter()
        .find(|(status, _)| status.as_u16() == got.status);
    let Some((_, codes)) = codes else {
        return vec![format!("{} does not tell {} as {kind}", it.id, got.status)];
    };
    if kind != it.problem_kind() {
        return vec![format!("{} tells problems as {kind}", it.id)];
    }
    if kind == "text/html" {
        return Vec::new();
    }
    let mut body: Value = serde_json::from_str(got.body).unwrap_or_default();
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    let mut wrong = Vec::new();
    if let (true, Some(members)) = (code.starts_with(BUDGET), body.as_object_mut()) {
        let limit = ["limit", "until"].map(|it| (it.to_owned(), members.remove(it)));
        let limit = limit.into_iter().filter_map(|(name, it)| Some((name, it?)));
        wrong.extend(fits(&LimitBody::schema(), &Value::Object(limit.collect())));
    }
    wrong.extend(fits(&ProblemBody::schema(), &body));
    if !codes.iter().any(|it| it.code == code) {
        wrong.push(format!("{} does not tell {} {code}", it.id, got.status));
    }
    wrong
}

fn fits_text(schema: &Schema, body: &str) -> Vec<String> {
    match serde_json::from_str(body) {
        Ok(value) => fits(schema, &value),
        Err(_) => vec!["a body that is no JSON".to_owned()],
    }
}

/// What of `value` is not as the schema says.
pub(crate) fn fits(schema: &Schema, value: &Value) -> Vec<String> {
    let wrong = |what: &str| vec![format!("{value} is no {what}")];
    match schema {
        Schema::Nullable(_) if value.is_null() => Vec::new(),
        Schema::Nullable(inner) => fits(inner, value),
        Schema::Text { .. } if value.is_string() => Vec::new(),
        Schema::Text { .. } => wrong("text"),
        Schema::Words(words) if value.as_str().is_some_and(|it| words.contains(&it)) => Vec::new(),
        Schema::Words(words) => wrong(&format!("word of {words:?}")),
        Schema::Whole { least, most } => match value.as_u64() {
            Some(it) if (least..=most).contains(&&it) => Vec::new(),
            _ => wrong("number of these"),
        },
        Schema::Flag if value.is_boolean() => Vec::new(),
        Schema::Flag => wrong("flag"),
        Schema::List(of) => match value.as_array() {
            Some(all) => all.iter().flat_map(|it| fits(of, it)).collect(),
            None => wrong("list"),
        },
        Schema::Object(object) => {
            let object = object();
            let Some(members) = value.as_object() else {
                return wrong(object.name);
            };
            let known = |name: &String| object.members.iter().any(|it| it.name == name);
            let more = members.keys().filter(|it| !known(it));
            let mut found: Vec<_> = more
                .map(|it| format!("{} has no {it}", object.name))
                .collect();
            for member in &object.members {
                match members.get(member.name) {
                    Some(value) => found.extend(
                        fits(&member.schema, value)
                            .into_iter()
                            .map(|it| format!("{}.{}: {it}", object.name, member.name)),
                    ),
                    None if object.needs(member) => {
                        found.push(format!("{} lacks {}", object.name, member.name));
                    }
                    None => {}
                }
            }
            found
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "/api/v1/integrations/jira/token";

    fn check(method: &str, path: &str, (status, kind): (u16, &str), body: &str, expected: &str) {
        let got = Got { status, kind, body };
        assert_eq!(undescribed(method, path, got).join("; "), expected);
    }

    fn problem(code: &str, status: u16) -> String {
        format!(r#"{{"type":"/x","title":"No","detail":"No.","code":"{code}","status":{status}}}"#)
    }

    #[test]
    fn what_is_described_passes() {
        let json = (401, "application/problem+json");
        check("POST", TOKEN, json, &problem("key_missing", 401), "");
        check(
            "GET",
            "/healthz",
            (200, "text/plain; charset=utf-8"),
            "ok",
            "",
        );
        check(
            "GET",
            "/api/problems/x",
            (404, "text/html; charset=utf-8"),
            "",
            "",
        );
        check("PUT", TOKEN, (405, "application/problem+json"), "", "");
        check("GET", "/a/x", (500, "text/html"), "", "");
        let proxy = "/api/v1/integrations/jira/proxy/rest/api/3/myself";
        let json = (403, "application/problem+json");
        check(
            "DELETE",
            proxy,
            json,
            &problem("key_path_not_allowed", 403),
            "",
        );
    }

    #[test]
    fn what_is_not_described_is_told() {
        let json = "application/problem+json";
        check(
            "PUT",
            TOKEN,
            (200, json),
            "",
            "PUT is not described, and was not refused",
        );
        check(
            "POST",
            TOKEN,
            (418, json),
            "",
            "get_token does not tell 418 as application/problem+json",
        );
        check(
            "POST",
            TOKEN,
            (401, json),
            &problem("key_odd", 401),
            "get_token does not tell 401 key_odd",
        );
        check(
            "POST",
            TOKEN,
            (401, "text/html"),
            "",
            "get_token tells problems as text/html",
        );
        check(
            "POST",
            TOKEN,
            (200, "application/json"),
            "x",
            "a body that is no JSON",
        );
        let odd = r#"{"state":"odd","reason":null,"site":{"cloud_id":1},"scopes":[1],"more":1}"#;
        check(
            "GET",
            "/api/v1/integrations/jira",
            (200, "application/json"),
            odd,
            "Connection has no more; Connection.state: \"odd\" is no word of [\"reconnect_needed\", \
             \"misconfigured\", \"site_lost\", \"permissions_missing\", \"waiting\", \"degraded\", \
             \"renew_soon\", \"connected\", \"choose_site\", \"connecting\", \"disconnected\", \
             \"not_connected\"]; Connection.site: Site.cloud_id: 1 is no text; Connection.site: Site lacks \
             name; Connection.site: Site lacks url; Connection lacks account_id; Connection.scopes: 1 is no \
             text; Connection lacks token_valid_until; Connection lacks next_refresh_at; Connection lacks \
             consent_ends_at; Connection lacks warning",
        );
    }
}
