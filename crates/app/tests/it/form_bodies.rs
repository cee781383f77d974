//! Whatever is posted to whatever page: an answer of ours, never a fault of ours.

use axum::{
    body::Body,
    http::{Method, header},
};
use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};
use testkit::{
    app::{Admin, ORIGIN, TestApp},
    db::TestDb,
};
use url::form_urlencoded;

use crate::routes;

/// Where nothing else is asked for: each case may cost a password's hash. `scripts/fuzz` asks for more.
const CASES: u32 = 48;

/// Names that some form of ours knows.
const FIELDS: [&str; 12] = [
    "name", "email", "password", "current", "new", "confirm", "role", "cloud_id", "change",
    "attempt", "decision", "next",
];

/// Those end the session with which the others are asked.
const ENDS: [&str; 3] = ["/logout", "/account/sign-out-everywhere", "/account/delete"];

/// A body, and what it is said to be.
type Posted = (Vec<u8>, Option<&'static str>);

fn posted() -> impl Strategy<Value = Posted> {
    let name = prop_oneof![
        6 => prop::sample::select(&FIELDS[..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let value = prop_oneof![any::<String>(), "[ -~]{0,40}", "\\PC{0,300}"];
    let fields = prop::collection::vec((name, value), 0..6).prop_map(|fields| {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(fields).finish().into_bytes()
    });
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let kind = prop::sample::select(
        &[
            Some("application/x-www-form-urlencoded"),
            Some("application/x-www-form-urlencoded; charset=utf-16"),
            Some("application/json"),
            Some("multipart/form-data"),
            None,
        ][..],
    );
    prop_oneof![
        4 => fields.prop_map(|it| (it, Some("application/x-www-form-urlencoded"))),
        2 => (bytes, kind),
    ]
}

async fn is_answered(ada: &Admin, path: &str, posted: Posted) -> TestCaseResult {
    let (body, kind) = posted;
    let mut req = ada
        .request(Method::POST, path)
        .header(header::ORIGIN, ORIGIN)
        .header("sec-fetch-site", "same-origin");
    if let Some(kind) = kind {
        req = req.header(header::CONTENT_TYPE, kind);
    }
    // What must hold for every answer is looked at where it is sent.
    let answer = ada.send(req.body(Body::from(body)).unwrap()).await;
    prop_assert!(answer.status.as_u16() < 500, "{path}: {}", answer.told());
    Ok(())
}

#[test]
fn whatever_is_posted_is_answered_calmly() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(async { TestApp::new(TestDb::sqlite().await).await });
    let ada = runtime.block_on(app.admin("Ada", "Acme"));
    let posts: Vec<String> = routes::all()
        .iter()
        .filter(|it| it.starts_with("POST "))
        .map(|it| routes::path_of(it))
        .filter(|it| !ENDS.contains(&it.as_str()) && !it.starts_with("/api/"))
        .collect();
    assert!(posts.len() >= 9);
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    let to = prop::sample::select(posts);
    let done = TestRunner::new(config).run(&(to, posted()), |(path, posted)| {
        runtime.block_on(is_answered(&ada, &path, posted))
    });
    done.unwrap();
}
