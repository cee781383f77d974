//! Calls of Jira's interface through us: what goes out, what comes back, and what becomes of either in trouble.

use std::{net::SocketAddr, time::Duration};

use atlassian::Timeouts;
use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::Value;
use testkit::{
    app::{Admin, Answer, ORIGIN, TestApp, keys_in},
    db_tests,
    world::World,
};

use wire::RawGateway;

mod answers;
mod bodies;
mod budget;
mod calls;
mod links;
mod paths;
mod refused;
mod sessions;
mod trouble;
mod wire;

const PROXY: &str = "/api/v1/integrations/jira/proxy/";

/// Long enough for a busy machine, short enough to fail.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(10),
    token: Duration::from_mins(1),
    call: Duration::from_secs(15),
    answer: Duration::from_mins(1),
    idle: Duration::from_mins(1),
};

/// A service that has a key of a team with a connection.
struct Service {
    app: TestApp,
    ada: Admin,
    key: String,
    cloud_id: String,
}

impl Service {
    /// With the simulator as its gateway.
    async fn new(db: testkit::db::TestDb) -> Self {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let page = ada.post(&ada.path("keys"), &[("name", "billing")]).await;
        let key = keys_in(&page.body).remove(0);
        app.world.add_secret(&key.as_str().into());
        let (_, integration) = app.world.stored(&ada.who).await;
        let cloud_id = integration.site.cloud_id.to_string();
        Self {
            app,
            ada,
            key,
            cloud_id,
        }
    }

    /// With a gateway that does what it is told.
    async fn at(gateway: &RawGateway, db: testkit::db::TestDb, timeouts: Timeouts) -> Self {
        let service = Self::new(db).await;
        let world = service.app.world.process_at_gateway(&gateway.url, timeouts);
        let app = TestApp::of(world);
        let ada = app.moved_here(&service.ada);
        Self {
            app,
            ada,
            ..service
        }
    }

    fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let req = Request::builder()
            .method(method)
            .uri(format!("{PROXY}{path}"));
        req.header("authorization", format!("Bearer {}", self.key))
    }

    async fn get(&self, path: &str) -> Answer {
        let req = self.request(Method::GET, path);
        self.app.send(req.body(Body::empty()).unwrap()).await
    }

    async fn send(&self, method: Method, path: &str, body: &'static str) -> Answer {
        let req = self.request(method, path);
        self.app.send(req.body(Body::from(body)).unwrap()).await
    }

    /// A request as bytes, up to its body.
    fn head(&self, line: &str, headers: &str) -> String {
        format!(
            "{line} HTTP/1.1\r\nhost: ours\r\nauthorization: Bearer {}\r\n{headers}\r\n",
            self.key
        )
    }
}

/// Serves this world at a real socket.
async fn serve(world: &World) -> SocketAddr {
    let settings = web::Settings::new(ORIGIN.parse().unwrap());
    let router = web::router(world.services.clone(), settings);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

/// What the gateway answered, with this status.
#[track_caller]
fn is_of_jira(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    assert_eq!(answer.header("tformance-source"), "upstream");
    assert_eq!(answer.header("content-security-policy"), "sandbox");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

/// What we answer, with this status and code.
#[track_caller]
fn is_ours(answer: &Answer, told: &str) {
    assert_eq!(answer.told(), told, "{}", answer.body);
    assert_eq!(answer.header("tformance-source"), "self");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let policy = answer.header("content-security-policy");
    assert!(policy.ends_with("; sandbox"), "{policy}");
}
