//! Requests that change something come from our own pages.

use axum::{
    body::Body,
    http::{Method, header},
};
use testkit::{
    app::{Answer, Browser, ORIGIN, TestApp},
    db_tests,
};

use crate::routes;

const FOREIGN: [&[(&str, &str)]; 8] = [
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("origin", "http://127.0.0.1:9999")],
    &[("origin", "http://localhost:8000")],
    // Our own host, but another scheme: whoever sits between could have made that page.
    &[("origin", "https://127.0.0.1:8000")],
];

/// The last has neither header: no browser, so that nobody's cookie is abused.
const OWN: [&[(&str, &str)]; 4] = [
    &[("sec-fetch-site", "same-origin"), ("origin", ORIGIN)],
    &[("sec-fetch-site", "none")],
    &[("origin", ORIGIN)],
    &[],
];

async fn post(browser: &Browser, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut req = browser.form(path).method(method);
    for (name, value) in headers {
        req = req.header(*name, *value);
    }
    browser.send(req.body(Body::empty()).unwrap()).await
}

async fn everything(app: &TestApp) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for table in [
        "users",
        "sessions",
        "teams",
        "connect_attempts",
        "integration_credentials",
        "audit_events",
    ] {
        all.push(app.world.db.rows(table).await);
    }
    all
}

db_tests! {
    async fn a_form_of_another_site_is_refused_everywhere(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let before = everything(&app).await;
        let posts: Vec<_> = routes::all().into_iter().filter(|it| it.starts_with("POST ")).collect();
        assert!(posts.len() >= 9);
        for route in &posts {
            let path = routes::path_of(route);
            for headers in FOREIGN {
                let answer = post(&ada, Method::POST, &path, headers).await;
                // The interface for services takes a key alone, which no browser sends by itself.
                let refusal = if path.starts_with("/api/") { "401 key_missing" } else { "403 cross_site_request" };
                assert_eq!(answer.told(), refusal, "{route} with {headers:?}");
            }
        }
        // Not only where we have a route, nor only with POST, nor only with a session.
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = post(&app.visitor(), method, "/nothing", FOREIGN[0]).await;
            assert_eq!(answer.told(), "403 cross_site_request");
        }
        assert!(everything(&app).await == before, "something was changed");
    }

    async fn a_form_of_ours_passes_everywhere(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        for route in routes::all().iter().filter(|it| it.starts_with("POST ")) {
            let path = routes::path_of(route);
            for headers in OWN {
                let answer = post(&ada, Method::POST, &path, headers).await;
                assert!(answer.told() != "403 cross_site_request", "{route} with {headers:?}");
            }
        }
    }

    async fn behind_a_proxy_that_changes_the_host_our_origin_is_still_ours(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let path = ada.path("integrations/jira/cancel");
        for (origin, passes) in [(ORIGIN, true), ("https://evil.example", false), ("http://internal:8080", true)] {
            let mut req = ada.form(&path).header(header::ORIGIN, origin).body(Body::empty()).unwrap();
            req.headers_mut().insert(header::HOST, "internal:8080".parse().unwrap());
            let answer = ada.send(req).await;
            assert_eq!(answer.status.as_u16(), if passes { 303 } else { 403 }, "{origin}");
        }
    }

    async fn links_from_other_sites_open_pages_and_change_nothing(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let before = everything(&app).await;
        for route in routes::all().iter().filter(|it| it.starts_with("GET ") && !it.contains("callback")) {
            ada.come_back(&routes::path_of(route)).await;
        }
        // What is for POST does nothing when it is opened as a link.
        for route in ["connect", "cancel", "test"] {
            let answer = ada.come_back(&ada.path(&format!("integrations/jira/{route}"))).await;
            assert_eq!(answer.told(), "405 method_not_allowed");
        }
        assert_eq!(ada.come_back("/logout").await.told(), "405 method_not_allowed");
        assert!(everything(&app).await == before);
        assert!(ada.get(&ada.path("integrations/")).await.body.contains("Connected"));
    }
}
