//! What must hold for every answer of the service, whatever was asked.

use axum::http::{Method, StatusCode, header};
use web::description::check::{self, Got};

use super::{Answer, SESSION_COOKIE};
use crate::secrets;

/// Headers with one value wherever we answer.
const FIXED: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Elements that have no end.
const VOID: [&str; 6] = ["meta", "link", "input", "br", "hr", "img"];

/// The rules that an answer breaks, in words; none if all is well.
pub fn broken(path: &str, answer: &Answer, secrets: &[String]) -> Vec<String> {
    let mut broken = Vec::new();
    headers(path, answer, &mut broken);
    no_secrets(answer, secrets, &mut broken);
    if is_of_jira(answer) {
        return broken;
    }
    let kind = answer.header("content-type");
    let is_page = kind.starts_with("text/html");
    if is_page {
        page(&answer.body, &mut broken);
    }
    if answer.status == StatusCode::INTERNAL_SERVER_ERROR {
        broken.push("it is our fault".to_owned());
    }
    if answer.status.as_u16() >= 400 {
        if is_page {
            error_page(answer, &mut broken);
        } else if kind.starts_with("application/problem+json") {
            problem(answer, &mut broken);
        } else if path != "/readyz" {
            broken.push(format!("an error as {kind:?}"));
        }
    }
    broken
}

/// The same for an answer to `HEAD`, which has no body.
pub fn broken_head(path: &str, answer: &Answer) -> Vec<String> {
    let mut broken = Vec::new();
    headers(path, answer, &mut broken);
    if !answer.body.is_empty() {
        broken.push("a body".to_owned());
    }
    broken
}

/// What of an answer the description of the API does not know.
pub fn undescribed(method: &Method, path: &str, answer: &Answer) -> Vec<String> {
    if is_of_jira(answer) {
        return Vec::new();
    }
    let got = Got {
        status: answer.status.as_u16(),
        kind: answer.header("content-type"),
        body: &answer.body,
    };
    check::undescribed(method.as_str(), path, got)
}

fn headers(path: &str, answer: &Answer, broken: &mut Vec<String>) {
    let id = answer.header("x-request-id");
    if id.len() != 36 || id.matches('-').count() != 4 {
        broken.push(format!("the request id is {id:?}"));
    }
    for (name, value) in FIXED {
        if answer.header(name) != value {
            broken.push(format!("{name} is {:?}", answer.header(name)));
        }
    }
    let policy = answer.header("content-security-policy");
    if is_of_jira(answer) {
        if policy != "sandbox" || answer.headers.contains_key(header::SET_COOKIE) {
            broken.push(format!(
                "an answer of Jira's is not in a sandbox: {policy:?}"
            ));
        }
    } else {
        our_policy(policy, broken);
    }
    let is_asset = path.starts_with("/assets/") && answer.status.is_success();
    let caching = if is_asset {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    if answer.header("cache-control") != caching {
        let got = answer.header("cache-control");
        broken.push(format!("it may be cached: {got:?}"));
    }
}

/// Whatever Jira answered, its words, status and kind are its own.
fn is_of_jira(answer: &Answer) -> bool {
    answer.header("tformance-source") == "upstream"
}

fn our_policy(policy: &str, broken: &mut Vec<String>) {
    let must = [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ];
    if must.iter().any(|it| !policy.contains(it))
        || policy.contains("unsafe")
        || policy.contains('*')
    {
        broken.push(format!("the content security policy is {policy:?}"));
    }
}

/// A session may be given in the cookie that is for it, and nowhere else.
fn no_secrets(answer: &Answer, secrets: &[String], broken: &mut Vec<String>) {
    if secrets::find(&answer.body, secrets).is_some() {
        broken.push("the body holds a secret".to_owned());
    }
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let is_session = name == header::SET_COOKIE && value.starts_with(SESSION_COOKIE);
        if is_session {
            let rules = ["; HttpOnly", "; SameSite=Lax", "; Path=/"];
            if rules.iter().any(|it| !value.contains(it)) {
                broken.push("the session's cookie is not bound".to_owned());
            }
        } else if secrets::find(&value, secrets).is_some() {
            broken.push(format!("the header {name} holds a secret"));
        }
    }
}

fn page(body: &str, broken: &mut Vec<String>) {
    let mut want = |holds: bool, what: &str| {
        if !holds {
            broken.push(what.to_owned());
        }
    };
    want(body.starts_with("<!doctype html>"), "no doctype");
    want(body.contains("<html lang=\"en\">"), "no language");
    want(body.matches("<h1").count() == 1, "not one h1");
    let title = between(body, "<title>", "</title>").unwrap_or_default();
    want(title.trim_start_matches("Error: ").len() > 3, "no title");
    want(
        !body.contains("<script>") && !body.contains(" style=") && !body.contains(" onclick="),
        "something inline, which the content security policy stops",
    );
    if let Some(what) = unbalanced(body) {
        broken.push(what);
    }
}

fn error_page(answer: &Answer, broken: &mut Vec<String>) {
    let title = between(&answer.body, "<title>", "</title>").unwrap_or_default();
    if !title.starts_with("Error: ") {
        broken.push(format!("an error with the title {title:?}"));
    }
    // A form that comes back with what is wrong in it is one as well.
    let is_form = answer.status == StatusCode::UNPROCESSABLE_ENTITY
        && answer.body.contains("class=\"summary\" role=\"alert\"");
    if is_form {
        return;
    }
    if answer.code().is_none_or(|it| it.is_empty()) {
        broken.push("an error page without a code".to_owned());
    }
    if answer.fact("Reference") != Some(answer.header("x-request-id")) {
        broken.push("an error page whose reference is not the request".to_owned());
    }
}

fn problem(answer: &Answer, broken: &mut Vec<String>) {
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let has_text = |name: &str| body[name].as_str().is_some_and(|it| !it.is_empty());
    if !["type", "title", "detail", "code"]
        .into_iter()
        .all(has_text)
    {
        broken.push("a problem that does not say what it is".to_owned());
    }
    let (address, code) = (body["type"].as_str(), body["code"].as_str());
    let explained = format!("/api/problems/{}", code.unwrap_or_default());
    if !address.is_some_and(|it| it.starts_with("http") && it.ends_with(&explained)) {
        broken.push(format!("a problem that is explained at {address:?}"));
    }
    if body["status"] != answer.status.as_u16() {
        broken.push("a problem of another status".to_owned());
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}

/// An element that is not closed, or closed and not open. Values are escaped, so that every `<` begins
/// a tag and every `>` ends one.
fn unbalanced(body: &str) -> Option<String> {
    let mut open = Vec::new();
    for tag in body.split('<').skip(1) {
        let Some((tag, _)) = tag.split_once('>') else {
            return Some(format!("the tag <{tag:.40} has no end"));
        };
        if tag.starts_with('!') || tag.ends_with('/') {
            continue;
        }
        let name = tag.split_ascii_whitespace().next().unwrap_or_default();
        match name.strip_prefix('/') {
            None if VOID.contains(&name) => {}
            None => open.push(name),
            Some(closed) => {
                let last = open.pop();
                if last != Some(closed) {
                    return Some(format!("</{closed}> where {last:?} is open"));
                }
            }
        }
    }
    open.last().map(|it| format!("<{it}> is not closed"))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::*;

    const ID: &str = "01234567-89ab-7def-8123-456789abcdef";
    const GOOD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sites</title>\
        </head><body><h1>Sites</h1></body></html>";

    fn answer(status: u16, kind: &'static str, body: &str) -> Answer {
        let policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
        let more = [
            ("x-request-id", ID),
            ("content-security-policy", policy),
            ("cache-control", "no-store"),
            ("content-type", kind),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in FIXED.into_iter().chain(more) {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.to_owned(),
        }
    }

    #[track_caller]
    fn check(answer: &Answer, expected: &str) {
        let secrets = ["the very secret of it".to_owned()];
        assert_eq!(broken("/x", answer, &secrets).join("; "), expected);
    }

    #[test]
    fn a_good_page_breaks_no_rule() {
        check(&answer(200, "text/html; charset=utf-8", GOOD), "");
        check(&answer(200, "text/plain", "ok"), "");
    }

    #[test]
    fn every_rule_can_be_broken() {
        let page = |body: String| answer(200, "text/html", &body);
        check(&page(GOOD.replace(" lang=\"en\"", "")), "no language");
        check(&page(GOOD.replace("<!doctype html>", "")), "no doctype");
        check(&page(GOOD.replace("h1", "h2")), "not one h1");
        check(&page(GOOD.replace("Sites</title>", "</title>")), "no title");
        check(
            &page(GOOD.replace("</body>", "<p></body>")),
            "</body> where Some(\"p\") is open",
        );
        check(
            &page(GOOD.replace("Sites</h1>", "the very secret of it</h1>")),
            "the body holds a secret",
        );
        check(
            &page(GOOD.replace("<h1>", "<h1 style=\"x\">")),
            "something inline, which the content security policy stops",
        );
        for (name, _) in FIXED {
            let mut without = page(GOOD.to_owned());
            without.headers.remove(name);
            check(&without, &format!("{name} is \"\""));
        }
        let mut bad = page(GOOD.to_owned());
        let secret = HeaderValue::from_static("/?x=the+very+secret+of+it");
        bad.headers.insert("location", secret);
        bad.headers.remove("cache-control");
        check(
            &bad,
            "it may be cached: \"\"; the header location holds a secret",
        );
    }

    #[test]
    fn an_error_says_what_it_is() {
        let title = "an error with the title \"Sites\"";
        check(
            &answer(404, "text/html", GOOD),
            &format!(
                "{title}; an error page without a code; an error page whose reference is not the request"
            ),
        );
        let coded = GOOD.replace("<title>", "<title>Error: ").replace(
            "</body>",
            &format!("<dl><div><dt>Code</dt><dd><code>X</code></dd></div><div><dt>Reference</dt><dd><code>{ID}</code></dd></div></dl></body>"),
        );
        check(&answer(404, "text/html", &coded), "");
        check(&answer(500, "text/html", &coded), "it is our fault");
        check(
            &answer(404, "text/plain", "no"),
            "an error as \"text/plain\"",
        );
        let json = r#"{"type":"http://x/api/problems/x","title":"No","detail":"No.","code":"x","status":404}"#;
        let kind = "application/problem+json";
        check(&answer(404, kind, json), "");
        check(&answer(403, kind, json), "a problem of another status");
        check(
            &answer(404, kind, &json.replace("http://x", "")),
            "a problem that is explained at Some(\"/api/problems/x\")",
        );
        check(
            &answer(404, kind, r#"{"status":404}"#),
            "a problem that does not say what it is; a problem that is explained at None",
        );
    }
}
