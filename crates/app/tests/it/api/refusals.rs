//! Requests that cannot be taken: told what is wrong with them, as JSON, and nothing is done.

use std::collections::BTreeSet;

use domain::{credential::RevocationReason, rate_budget::Limit, state::ConnectionState};

use super::*;

async fn raw(
    billing: &Service,
    method: Method,
    path: &str,
    kind: &str,
    body: impl Into<Body>,
) -> Answer {
    let mut req = request(method, path, Some(&billing.key));
    if !kind.is_empty() {
        req = req.header("content-type", kind);
    }
    billing.app.send(req.body(body.into()).unwrap()).await
}

/// The words in quotation marks that look like codes.
fn codes(source: &'static str) -> impl Iterator<Item = &'static str> {
    let quoted = source.split('"').skip(1).step_by(2);
    quoted.filter(|it| {
        it.contains('_')
            && it
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    })
}

#[test]
fn the_page_for_backend_engineers_has_every_code_and_word() {
    let page = include_str!("../../../../../docs/api.md");
    let refusals = codes(include_str!("../../../../web/src/problem/api.rs"));
    let limits = codes(include_str!("../../../../web/src/problem/budget.rs"));
    let warnings = codes(include_str!("../../../../web/src/api/jira/bodies.rs"));
    let states = ConnectionState::ALL.map(ConnectionState::as_str);
    let reasons = RevocationReason::ALL.map(RevocationReason::as_str);
    let words = refusals
        .chain(limits)
        .chain(warnings)
        .chain(states)
        .chain(reasons);
    let words = words.chain(Limit::ALL.map(Limit::as_str));
    let words: BTreeSet<_> = words.collect();
    assert!(words.len() > 40, "only {} words", words.len());
    let missing: Vec<_> = words
        .into_iter()
        .filter(|it| !page.contains(&format!("`{it}`")))
        .collect();
    assert!(missing.is_empty(), "docs/api.md lacks {missing:?}");
}

#[test]
fn the_page_for_backend_engineers_has_what_the_presets_allow() {
    use domain::api_key::{ISSUE_PATHS, SEARCH_PATHS, VERSIONS};
    let page = include_str!("../../../../../docs/api.md");
    let paths = VERSIONS.iter().chain(&ISSUE_PATHS).chain(&SEARCH_PATHS);
    let missing: Vec<_> = paths
        .filter(|it| !page.contains(&format!("`{it}`")))
        .collect();
    assert!(missing.is_empty(), "docs/api.md lacks {missing:?}");
}

db_tests! {
    async fn a_wish_is_checked(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        app.world.env.advance(MINUTE * 30);
        for (body, told) in [
            (json!({"minimum_seconds": -1}), "422 minimum_invalid"),
            (json!({"minimum_seconds": "60"}), "422 minimum_invalid"),
            (json!({"minimum_seconds": 0.5}), "422 minimum_invalid"),
            (json!({"minimum_seconds": [60]}), "422 minimum_invalid"),
            (json!({"minimum_seconds": true}), "422 minimum_invalid"),
            (json!({"minimum_seconds": 3_001}), "422 minimum_too_long"),
            (json!({"minimum_seconds": u64::MAX}), "422 minimum_too_long"),
            (json!({"max_wait_seconds": 61}), "422 max_wait_invalid"),
            (json!({"max_wait_seconds": -1}), "422 max_wait_invalid"),
            (json!({"max_wait_seconds": "x"}), "422 max_wait_invalid"),
        ] {
            is(&billing.post(TOKEN, body.clone()).await, told);
            is(&billing.post(REJECTED, body).await, told);
        }
        assert_eq!(app.world.sim.counts().refresh, 0);
        for body in [json!({}), json!({"minimum_seconds": null}), json!({"minimum_seconds": 0, "max_wait_seconds": 0})] {
            is(&billing.post(TOKEN, body).await, "200");
        }
        is(&billing.post(TOKEN, json!({"minimum_seconds": 3_000})).await, "200");
    }

    async fn a_member_that_is_not_known_is_named(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        let mistyped = billing.post(TOKEN, json!({"minimum_secnds": 3_000})).await;
        is(&mistyped, "422 unknown_field");
        let detail = "It is \"minimum_secnds\". This call knows minimum_seconds, max_wait_seconds.";
        assert_eq!(json_of(&mistyped)["detail"], detail);
        for body in [json!({"token_id": "x"}), json!({"": 1}), json!({"Minimum_Seconds": 1}), json!({"minimum_seconds": 0, "x": null})] {
            is(&billing.post(TOKEN, body).await, "422 unknown_field");
        }
        is(&billing.post(REJECTED, json!({"token_id": "x", "tokenid": "x"})).await, "422 unknown_field");
        // Of a long name the beginning is told.
        let long = billing.post(TOKEN, json!({"x".repeat(5_000): 1})).await;
        is(&long, "422 unknown_field");
        assert!(long.body.len() < 500, "{}", long.body.len());
        assert_eq!(app.world.sim.counts().refresh, 0);
    }

    async fn a_body_is_json_or_nothing(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        for body in ["{", "[]", "null", "\"x\"", "{} {}", "minimum_seconds=0", "\u{0}"] {
            is(&raw(&billing, Method::POST, TOKEN, "application/json", body).await, "400 bad_json");
        }
        is(&raw(&billing, Method::POST, TOKEN, "application/json", vec![0xff, 0xfe]).await, "400 bad_json");
        for kind in ["", "text/plain", "application/x-www-form-urlencoded"] {
            is(&raw(&billing, Method::POST, TOKEN, kind, "{}").await, "415 not_json");
        }
        for kind in ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.acme+json"] {
            is(&raw(&billing, Method::POST, TOKEN, kind, "{}").await, "200");
        }
        let large = format!("{{\"x\": \"{}\"}}", "x".repeat(70_000));
        is(&raw(&billing, Method::POST, TOKEN, "application/json", large).await, "413 too_large");
        let deep = "[".repeat(10_000);
        is(&raw(&billing, Method::POST, TOKEN, "application/json", format!("{{\"x\": {deep}")).await, "400 bad_json");
    }

    async fn a_body_that_breaks_off_is_not_read(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        // Whole as far as it came.
        for (path, begun) in [(TOKEN, "{}"), (TOKEN, ""), (REJECTED, "{\"token_id\": \"x\"}")] {
            is(&raw(&billing, Method::POST, path, "application/json", broken_off(begun)).await, "400 body_incomplete");
        }
    }

    async fn a_report_names_its_token(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        for body in [json!({}), json!({"token_id": null}), json!({"token_id": 7})] {
            is(&billing.post(REJECTED, body).await, "422 token_id_missing");
        }
        for id in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "\u{202e}", &"A".repeat(5_000)] {
            is(&billing.post(REJECTED, json!({"token_id": id})).await, "422 token_id_unknown");
        }
        assert_eq!(app.world.sim.counts().refresh, 0);
    }

    async fn an_address_that_is_none_is_told_as_json(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        for path in ["/api", "/api/", "/api/v1", "/api/v2/integrations/jira", "/api/v1/integrations/github", "/api/v1/integrations/jira/", "/api/v1/%00"] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                is(&raw(&billing, method, path, "", "").await, "404 not_found");
            }
        }
        for (method, path) in [(Method::POST, CONNECTION), (Method::GET, TOKEN), (Method::DELETE, TOKEN), (Method::PUT, REJECTED)] {
            is(&raw(&billing, method, path, "", "").await, "405 method_not_allowed");
        }
        let long = format!("/api/{}", "x".repeat(17_000));
        is(&raw(&billing, Method::GET, &long, "", "").await, "414 address_too_long");
        // Nobody learns what there is without a key, and no page is shown to a browser that strays here.
        let browser = app.visitor();
        is(&browser.get("/api/v1/nothing").await, "404 not_found");
    }
}
