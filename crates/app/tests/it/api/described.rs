//! The description: complete, as it was, and for people as well.

use std::collections::BTreeSet;

use super::*;
use crate::routes;

/// What is answered to whatever is none of ours, or has nothing to pass on.
const NONE_OF_OURS: [&str; 5] = [
    "ANY /api",
    "ANY /api/",
    "ANY /api/{*rest}",
    "ANY /api/v1/integrations/jira/proxy",
    "ANY /api/v1/integrations/jira/proxy/",
];

const PASSED_ON: &str = "ANY /api/v1/integrations/jira/proxy/{*path}";

async fn document(app: &TestApp) -> String {
    let req = request(Method::GET, "/api/openapi.json", None);
    let answer = app.send(req.body(Body::empty()).unwrap()).await;
    is(&answer, "200");
    answer.body
}

db_tests! {
    async fn every_route_for_programs_is_described_and_nothing_else(db: TestDb) {
        let app = TestApp::new(db).await;
        let document: Value = serde_json::from_str(&document(&app).await).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys().filter(|it| *it != "parameters");
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        });
        let described: BTreeSet<_> = operations.collect();
        let is_for_programs = |it: &String| it.contains(" /api") || it.ends_with('z');
        let mut routes: BTreeSet<_> = routes::all().into_iter().filter(is_for_programs).collect();
        for route in NONE_OF_OURS {
            assert!(routes.remove(route), "{route}");
        }
        // What is passed on is passed on by these methods.
        assert!(routes.remove(PASSED_ON));
        for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] {
            routes.insert(PASSED_ON.replace("ANY", method).replace("{*path}", "{path}"));
        }
        assert_eq!(described, routes);
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["servers"][0]["url"], "http://127.0.0.1:8000");
    }

    async fn each_code_is_explained_at_the_address_that_a_problem_tells(db: TestDb) {
        let app = TestApp::new(db).await;
        let refused = request(Method::POST, TOKEN, None).body(Body::empty()).unwrap();
        let problem = json_of(&app.send(refused).await);
        let address = problem["type"].as_str().unwrap();
        assert_eq!(address, "http://127.0.0.1:8000/api/problems/key_missing");
        let visitor = app.visitor();
        let page = visitor.get(address.strip_prefix("http://127.0.0.1:8000").unwrap()).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("A key is missing") && page.body.contains("<code>key_missing</code>"));
        // The list leads to each of them.
        let list = visitor.get("/api/problems").await;
        let links = list.body.split("href=\"/api/problems/").skip(1);
        let codes: Vec<_> = links.map(|it| it.split('"').next().unwrap().to_owned()).collect();
        assert!(codes.len() > 60, "{}", codes.len());
        for code in codes {
            assert_eq!(visitor.get(&format!("/api/problems/{code}")).await.status, StatusCode::OK, "{code}");
        }
        for odd in ["nothing", "KEY_MISSING", "%00", "%ff", "key_missing%20"] {
            assert_eq!(visitor.get(&format!("/api/problems/{odd}")).await.told(), "404 not_found", "{odd}");
        }
    }

    async fn the_page_for_people_has_everything_and_needs_nobody(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        for (page, is_known) in [(app.visitor().get("/api/docs").await, false), (ada.get("/api/docs").await, true)] {
            assert_eq!(page.status, StatusCode::OK);
            assert_eq!(page.body.contains("Ada"), is_known);
            for expected in [
                "POST /api/v1/integrations/jira/token/rejected", "minimum_seconds", "consent_ends_at", "site.cloud_id",
                "href=\"/api/problems/key_revoked\"", "href=\"/api/openapi.json\"",
                "http://127.0.0.1:8000/api/v1/integrations/jira/token",
            ] {
                assert!(page.body.contains(expected), "{expected}");
            }
        }
        let lost = app.visitor().get("/no/such/page").await;
        assert!(lost.body.contains("href=\"/api/problems/not_found\"") && lost.body.contains("href=\"/api/docs\""));
    }
}

#[tokio::test]
async fn the_document_is_as_it_was() {
    let app = TestApp::new(testkit::db::TestDb::sqlite().await).await;
    let text = document(&app).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    insta::assert_snapshot!("openapi", format!("{document:#}"));
    assert!(text.len() < 60_000, "{} bytes", text.len());
}
