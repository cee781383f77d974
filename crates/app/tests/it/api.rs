//! What other services ask for, over HTTP: every answer and every refusal.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use atlassian_sim::{Endpoint, Fault};
use axum::{
    body::{Body, Bytes},
    http::{Method, Request, StatusCode},
};
use hyper::body::{Body as HttpBody, Frame};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use service::api_keys::{self, KeyWish};
use testkit::{
    app::{Admin, Answer, ORIGIN, SESSION_COOKIE, TestApp, keys_in},
    db_tests, logs, secrets,
};

mod counted;
mod described;
mod keys;
mod limits;
mod refusals;
mod rights;
mod states;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

const CONNECTION: &str = "/api/v1/integrations/jira";
const TOKEN: &str = "/api/v1/integrations/jira/token";
const REJECTED: &str = "/api/v1/integrations/jira/token/rejected";

/// A body that says this and breaks off.
struct BrokenOff(Option<&'static str>);

impl HttpBody for BrokenOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let begun = self
            .0
            .take()
            .map(|it| Frame::data(Bytes::from_static(it.as_bytes())));
        Poll::Ready(Some(begun.ok_or(io::ErrorKind::UnexpectedEof.into())))
    }
}

/// The same as the body of a request.
pub(crate) fn broken_off(begun: &'static str) -> Body {
    Body::new(BrokenOff(Some(begun)))
}

/// A service that has a key.
struct Service {
    app: TestApp,
    key: String,
}

impl Service {
    async fn of(app: &TestApp, admin: &Admin, name: &str) -> Self {
        let page = admin.post(&admin.path("keys"), &[("name", name)]).await;
        let key = keys_in(&page.body).remove(0);
        let app = app.clone();
        Self { app, key }
    }

    async fn get(&self) -> Answer {
        let req = request(Method::GET, CONNECTION, Some(&self.key));
        self.app.send(req.body(Body::empty()).unwrap()).await
    }

    /// One that may not do everything, made as an admin makes it.
    async fn wishing(app: &TestApp, admin: &Admin, wish: KeyWish) -> Self {
        let created = api_keys::create(&app.world.services, &admin.who, &wish);
        let key = created.await.unwrap().shown_once();
        app.world.add_secret(&key.clone().into());
        let app = app.clone();
        Self { app, key }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        let req = request(Method::POST, path, Some(&self.key));
        let req = req.header("content-type", "application/json");
        self.app
            .send(req.body(body.to_string().into()).unwrap())
            .await
    }

    /// A token, without a word of how.
    async fn token(&self) -> Answer {
        let req = request(Method::POST, TOKEN, Some(&self.key));
        self.app.send(req.body(Body::empty()).unwrap()).await
    }
}

/// The key with its last random character changed.
fn mistyped(key: &str) -> String {
    let other = if &key[46..47] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &key[..46], &key[47..])
}

fn request(method: Method, path: &str, key: Option<&str>) -> axum::http::request::Builder {
    let req = Request::builder().method(method).uri(path);
    match key {
        Some(key) => req.header("authorization", format!("Bearer {key}")),
        None => req,
    }
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

/// Whatever is answered here is JSON, and kept by nobody.
#[track_caller]
fn is(answer: &Answer, told: &str) {
    assert_eq!(answer.told(), told, "{}", answer.body);
    let kind = if answer.status.is_success() {
        "application/json"
    } else {
        "application/problem+json"
    };
    assert_eq!(answer.header("content-type"), kind);
    assert_eq!(answer.header("cache-control"), "no-store");
    let challenge = answer.header("www-authenticate");
    let error = match answer.status {
        StatusCode::UNAUTHORIZED if answer.told() == "401 key_missing" => "",
        StatusCode::UNAUTHORIZED => ", error=\"invalid_token\"",
        StatusCode::FORBIDDEN => ", error=\"insufficient_scope\"",
        _ => {
            assert_eq!(challenge, "");
            "none"
        }
    };
    assert!(error == "none" || challenge == format!("Bearer realm=\"Tformance\"{error}"));
    let is_unavailable = answer.status == StatusCode::SERVICE_UNAVAILABLE;
    assert!(!is_unavailable || !answer.header("retry-after").is_empty());
}

/// How many statements it takes. A thread of `SQLite`'s may tell of a few a little later, so that many
/// calls are made.
async fn cost(call: impl AsyncFn()) -> usize {
    const CALLS: usize = 50;
    let before = logs::statements();
    for _ in 0..CALLS {
        call().await;
    }
    (logs::statements() - before + CALLS / 2) / CALLS
}

/// A team with a connection, and a service of it.
async fn connected(app: &TestApp) -> (Admin, Service) {
    let ada = app.admin("Ada", "Acme").await;
    ada.connect("Sam One").await;
    let service = Service::of(app, &ada, "billing").await;
    (ada, service)
}

db_tests! {
    async fn a_service_gets_a_token_that_works(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        let answer = billing.token().await;
        is(&answer, "200");
        let body = json_of(&answer);
        assert_eq!(body["access_token"], app.world.sim.newest_tokens("Sam One").unwrap().access);
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["warning"], Value::Null);
        assert_eq!(body["refreshing"], false);
        assert_eq!(body["scopes"], json!(["offline_access", "read:jira-user", "read:jira-work"]));
        let cloud_id = body["cloud_id"].as_str().unwrap();
        let (_, api_url) = app.world.sim_addresses();
        assert_eq!(body["base_url"], format!("{}/ex/jira/{cloud_id}", api_url.as_str().trim_end_matches('/')));
        let ends_at: jiff::Timestamp = body["expires_at"].as_str().unwrap().parse().unwrap();
        let left = ends_at.duration_since(app.world.now());
        assert!(left > MINUTE * 59 && left <= MINUTE * 60, "{left:?}");
        assert_eq!(app.world.sim.counts().refresh, 0);
    }

    async fn a_service_is_told_of_the_connection(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let billing = Service::of(&app, &ada, "billing").await;
        let answer = billing.get().await;
        is(&answer, "200");
        let nothing = json!({
            "state": "not_connected", "reason": null, "site": null, "account_id": null, "scopes": [],
            "token_valid_until": null, "next_refresh_at": null, "consent_ends_at": null, "warning": null,
        });
        assert_eq!(json_of(&answer), nothing);
        ada.connect("Sam One").await;
        let (credential, integration) = app.world.stored(&ada.who).await;
        let answer = billing.get().await;
        is(&answer, "200");
        let body = json_of(&answer);
        assert_eq!(body["state"], "connected");
        assert_eq!(body["site"]["cloud_id"], integration.site.cloud_id.as_str());
        assert_eq!(body["site"]["url"], integration.site.url.as_str());
        assert_eq!(body["account_id"], credential.account_id.unwrap().as_str());
        assert!(body["next_refresh_at"].as_str().unwrap() < body["token_valid_until"].as_str().unwrap());
        assert!(body["consent_ends_at"].as_str().unwrap().ends_with('Z'));
        let members = body.as_object().unwrap().keys().collect::<Vec<_>>();
        assert_eq!(members.len(), nothing.as_object().unwrap().len());
    }

    async fn a_good_token_costs_one_statement_and_no_transaction(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        assert_eq!(cost(async || is(&billing.token().await, "200")).await, 1, "a token");
        let lasting = json!({"minimum_seconds": 3_000});
        assert_eq!(cost(async || is(&billing.post(TOKEN, lasting.clone()).await, "200")).await, 1, "one that lasts");
        assert_eq!(cost(async || is(&billing.get().await, "200")).await, 1, "the connection");
        let with = |key: &str| Service { app: app.clone(), key: key.to_owned() };
        let malformed = with("tfk_x");
        assert_eq!(cost(async || is(&malformed.token().await, "401 key_malformed")).await, 0, "what is no key");
        let mistyped = with(&mistyped(&billing.key));
        assert_eq!(cost(async || is(&mistyped.token().await, "401 key_mistyped")).await, 0, "what is mistyped");
    }

    async fn a_token_is_not_compressed_and_its_description_is(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        let router = web::router(app.world.services.clone(), web::Settings::new(ORIGIN.parse().unwrap()));
        for (method, path, encoding) in [(Method::POST, TOKEN, None), (Method::GET, "/api/openapi.json", Some("gzip"))] {
            let req = request(method, path, Some(&billing.key)).header("accept-encoding", "gzip");
            let answer = tower::ServiceExt::oneshot(router.clone(), req.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            let found = answer.headers().get("content-encoding");
            assert_eq!(found.map(|it| it.to_str().unwrap()), encoding, "{path}");
        }
    }

    async fn a_token_that_is_asked_to_last_longer_is_replaced_once(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        let first = json_of(&billing.token().await);
        app.world.env.advance(MINUTE * 30);
        let same = json_of(&billing.post(TOKEN, json!({"minimum_seconds": 1_700})).await);
        assert_eq!(same["token_id"], first["token_id"]);
        let answer = billing.post(TOKEN, json!({"minimum_seconds": 3_000, "max_wait_seconds": 60})).await;
        is(&answer, "200");
        let second = json_of(&answer);
        assert!(second["token_id"] != first["token_id"] && second["access_token"] != first["access_token"]);
        assert_eq!(second["warning"], Value::Null);
        // Never a second refresh for the same wish, even where it cannot be met.
        app.world.env.advance(MINUTE * 9 + SignedDuration::from_secs(59));
        for _ in 0..3 {
            let answer = billing.post(TOKEN, json!({"minimum_seconds": 3_000})).await;
            is(&answer, "200");
            let body = json_of(&answer);
            assert_eq!(body["token_id"], second["token_id"]);
        }
        assert_eq!(app.world.sim.counts().refresh, 1);
    }

    async fn a_minimum_that_cannot_be_met_is_told_beside_a_token_that_works(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        app.world.env.advance(MINUTE * 11);
        let answer = billing.post(TOKEN, json!({"minimum_seconds": 3_000})).await;
        is(&answer, "200");
        assert_eq!(app.world.sim.counts().refresh, 1);
        app.world.env.advance(MINUTE * 30);
        app.world.sim.fault(Endpoint::Token, Fault::Status(503));
        let answer = billing.post(TOKEN, json!({"minimum_seconds": 3_000})).await;
        is(&answer, "200");
        assert_eq!(json_of(&answer)["warning"]["code"], "refresh_failing");
    }

    async fn inside_the_margin_the_token_is_served_and_a_refresh_is_told_of(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        app.world.env.advance(MINUTE * 57);
        let answer = billing.token().await;
        is(&answer, "200");
        assert_eq!(json_of(&answer)["refreshing"], true);
        app.world.tasks_done().await;
        let newer = json_of(&billing.token().await);
        assert_eq!(newer["access_token"], app.world.sim.newest_tokens("Sam One").unwrap().access);
        assert!(newer["token_id"] != json_of(&answer)["token_id"]);
    }

    async fn an_expired_token_is_waited_for(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        app.world.env.advance(MINUTE * 120);
        let answer = billing.token().await;
        is(&answer, "200");
        assert_eq!(json_of(&answer)["warning"], Value::Null);
        assert_eq!(app.world.sim.counts().refresh, 1);
    }

    async fn use_is_written_by_a_worker_to_the_minute(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        app.world.env.advance(MINUTE * 5);
        billing.token().await;
        assert!(ada.get(&ada.path("keys")).await.body.contains("not used yet"), "not on the path of a read");
        let write = async || service::worker::note_use::run_once(&app.world.services).await.unwrap().last_uses;
        assert_eq!(write().await, 2, "the key and the credential");
        assert!(ada.get(&ada.path("keys")).await.body.contains("last used"));
        billing.token().await;
        assert_eq!(write().await, 0);
        app.world.env.advance(MINUTE);
        billing.token().await;
        assert_eq!(write().await, 2);
    }

    async fn neither_key_nor_token_is_logged_or_stored(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        billing.token().await;
        billing.post(REJECTED, json!({"token_id": "x"})).await;
        let odd = Service { app: app.clone(), key: format!("{}x", billing.key) };
        is(&odd.token().await, "401 key_malformed");
        app.world.env.advance(MINUTE * 120);
        app.world.sim.fault(Endpoint::Token, Fault::Status(503));
        is(&billing.token().await, "503 provider_unavailable");
        let all = app.world.secrets();
        assert!(all.contains(&billing.key));
        assert_eq!(secrets::find(&logs::written(), &all), None);
        assert_eq!(secrets::find(&app.world.dump().await, &all), None);
    }
}
