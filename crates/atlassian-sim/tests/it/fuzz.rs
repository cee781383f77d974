//! Anything at all is sent: the simulator stands, and every answer is one that is documented.

use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use crate::support::{CALLBACK, CLIENT_ID, Local, MIA, SECRET, Said};

/// Cases of each kind: about a second each.
const CASES: usize = 100;

fn samples<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> Vec<T> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..CASES)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

fn word(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(of).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn field() -> impl Strategy<Value = (String, Value)> {
    let name = word(&[
        "grant_type",
        "client_id",
        "client_secret",
        "code",
        "redirect_uri",
        "refresh_token",
        "code_verifier",
    ]);
    let text = word(&[
        "authorization_code",
        "refresh_token",
        CLIENT_ID,
        SECRET,
        CALLBACK,
        "x",
        "",
    ]);
    let value = prop_oneof![
        6 => text.prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!([{}])),
    ];
    (name, value)
}

#[track_caller]
fn is_documented(said: &Said) {
    let error = said.json()["error"].as_str().unwrap_or_default().to_owned();
    let documented = [
        (400, "invalid_request"),
        (401, "access_denied"),
        (403, "unauthorized_client"),
    ];
    assert!(
        documented.contains(&(said.status, &error)),
        "{} {}",
        said.status,
        said.text
    );
}

#[tokio::test]
async fn the_token_endpoint_takes_anything() {
    let local = Local::start().await;
    for fields in samples(vec(field(), 0..8)) {
        let body: serde_json::Map<_, _> = fields.into_iter().collect();
        is_documented(&local.token(body.into()).await);
    }
    for fields in samples(vec(field(), 0..6)) {
        // As a client that is known, so that what lies behind is reached.
        let mut body: serde_json::Map<_, _> = fields.into_iter().collect();
        body.insert("client_id".to_owned(), CLIENT_ID.into());
        body.insert("client_secret".to_owned(), SECRET.into());
        is_documented(&local.token(body.into()).await);
    }
    let kind = word(&[
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
    ]);
    for (kind, body) in samples((kind, vec(any::<u8>(), 0..300))) {
        let Ok(kind) = reqwest::header::HeaderValue::from_str(&kind) else {
            continue;
        };
        let request = local
            .http
            .post(local.auth("oauth/token"))
            .header("content-type", kind);
        is_documented(&local.send(request.body(body)).await);
    }
    assert!(!local.pair(MIA).await.refresh.is_empty(), "it still works");
}

#[tokio::test]
async fn authorize_and_consent_take_anything() {
    let local = Local::start().await;
    let name = word(&[
        "audience",
        "client_id",
        "scope",
        "redirect_uri",
        "state",
        "response_type",
        "code_challenge",
    ]);
    let value = word(&[
        "api.atlassian.com",
        CLIENT_ID,
        "read:jira-work",
        CALLBACK,
        "code",
        "s",
    ]);
    for changes in samples(vec((name, value), 0..4)) {
        let changes: Vec<_> = changes
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        let said = local.send(local.http.get(local.authorize(&changes))).await;
        match said.status {
            302 => assert!(
                said.header("location")
                    .unwrap()
                    .starts_with(local.sim.api_url().as_str())
            ),
            status => assert_eq!(status, 400),
        }
    }
    for (path, fields) in samples((
        prop::sample::select(&["login", "oauth2/authorize/server/decide"][..]),
        vec(
            (
                word(&["context", "account", "decision", "site"]),
                any::<String>(),
            ),
            0..5,
        ),
    )) {
        let cookie = format!(
            "atlassian_sim_account={}",
            local.sim.state().account_id(MIA).unwrap()
        );
        let request = local.http.post(local.api(path)).header("cookie", cookie);
        let said = local.send(request.form(&fields)).await;
        assert!(
            [302, 400, 422].contains(&said.status),
            "{} {}",
            said.status,
            said.text
        );
    }
}

#[tokio::test]
async fn queries_filters_and_page_tokens_take_anything() {
    let local = Local::start().await;
    let token = local.pair(MIA).await.access;
    let path = format!("ex/jira/{}/rest/api/3/search/jql", local.site(MIA));
    let part = word(&[
        "project",
        "=",
        "!=",
        "in",
        "not",
        "(",
        ")",
        ",",
        "PLAT",
        "and",
        "or",
        "order",
        "by",
        "updated",
        ">=",
        "-1d",
        "-99999999999w",
        "\"",
        "is",
        "empty",
        "9999-12-31",
        "now()",
    ]);
    let jql = vec(part, 0..10).prop_map(|it| it.join(" "));
    for (jql, length, page) in samples((jql, any::<u64>(), word(&["MTB8", "x"]))) {
        let mut body = json!({ "jql": jql, "maxResults": length });
        if length % 4 == 0 {
            body["nextPageToken"] = page.into();
        }
        let said = local.post(&token, &path, &body).await;
        assert!([200, 400].contains(&said.status), "{jql}: {}", said.status);
    }
}
