//! Tokens that are refused, connections that die: what is tried again, and how often.

use std::{
    convert::Infallible,
    io::Write as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use atlassian_sim::{Endpoint, ExpiredToken};
use axum::body::Bytes;
use domain::state::ConnectionState;
use flate2::{Compression, write::GzEncoder};
use hyper::body::{Body as HttpBody, Frame};
use jiff::SignedDuration;
use tokio::sync::oneshot;

use super::{
    wire::{Deaf, Play, RawCaller, said},
    *,
};

const UNAUTHORIZED: &str = r#"{"code":401,"message":"Unauthorized"}"#;
const NO_SCOPE: &str = r#"{"code":401,"message":"Unauthorized; scope does not match"}"#;

fn refusal(status: &str, body: &str) -> Play {
    Play::Say(said(status, "content-type: application/json\r\n", body))
}

/// A call whose token ends while the gateway has it in hand.
async fn ended_on_the_way(billing: &Service, method: Method, body: &'static str) -> Answer {
    let held = billing.app.world.sim.hold(Endpoint::Jira);
    let calling = billing.send(method, "rest/api/3/search/jql?jql=project=SOLO", body);
    let (answer, ()) = tokio::join!(calling, async {
        held.reached().await;
        billing.app.world.env.advance(SignedDuration::from_mins(61));
        held.release();
    });
    answer
}

/// A body that says when it is read, and comes when it is told to.
struct Late {
    is_read: Option<oneshot::Sender<()>>,
    comes: oneshot::Receiver<()>,
    has_come: bool,
}

impl Late {
    fn body() -> (Body, oneshot::Receiver<()>, oneshot::Sender<()>) {
        let (is_read, read) = oneshot::channel();
        let (come, comes) = oneshot::channel();
        let body = Self {
            is_read: Some(is_read),
            comes,
            has_come: false,
        };
        (Body::new(body), read, come)
    }
}

impl HttpBody for Late {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(is_read) = self.is_read.take() {
            is_read.send(()).unwrap();
        }
        if self.has_come {
            return Poll::Ready(None);
        }
        ready!(Pin::new(&mut self.comes).poll(cx)).unwrap();
        self.has_come = true;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"late")))))
    }
}

db_tests! {
    async fn a_token_that_ended_on_the_way_is_replaced_and_the_call_made_again(db: TestDb) {
        let billing = Service::new(db).await;
        let sim = &billing.app.world.sim;
        for (n, how) in [ExpiredToken::Unauthorized, ExpiredToken::Forbidden, ExpiredToken::NotFound].into_iter().enumerate() {
            let mut switches = sim.switches();
            switches.expired_token = how;
            sim.set_switches(switches);
            let answer = ended_on_the_way(&billing, Method::GET, "").await;
            is_of_jira(&answer, 200);
            assert!(json_of(&answer)["issues"].is_array());
            assert_eq!(sim.counts().refresh, n as u64 + 1);
        }
        // A small body is sent again as well.
        let answer = ended_on_the_way(&billing, Method::POST, r#"{"jql":"project = SOLO"}"#).await;
        is_of_jira(&answer, 200);
        assert_eq!(sim.counts().refresh, 4);
    }

    async fn a_refused_token_is_replaced_once_and_the_call_made_once_more(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        gateway.play(refusal("401 X", UNAUTHORIZED));
        gateway.say_json("{\"a\":1}");
        let answer = billing.send(Method::PUT, "rest/x?a=b", "small").await;
        is_of_jira(&answer, 200);
        assert_eq!(answer.body, "{\"a\":1}");
        let arrived = gateway.arrived();
        assert_eq!(arrived.len(), 2);
        assert!(arrived[0].line() == arrived[1].line() && arrived[0].body == arrived[1].body && arrived[0].body == b"small");
        assert!(arrived[0].header("authorization") != arrived[1].header("authorization"));
        assert_eq!((gateway.proofs.lock().unwrap().0, billing.app.world.sim.counts().refresh), (1, 1));
        // The next refusals cost nothing for half a minute, and are passed on.
        for _ in 0..5 {
            gateway.play(refusal("401 X", UNAUTHORIZED));
            let answer = billing.get("rest/x").await;
            is_of_jira(&answer, 401);
            assert_eq!(answer.body, UNAUTHORIZED);
        }
        assert_eq!((gateway.proofs.lock().unwrap().0, billing.app.world.sim.counts().refresh), (1, 1));
        billing.app.world.env.advance(SignedDuration::from_secs(31));
        gateway.play(refusal("401 X", UNAUTHORIZED));
        gateway.play(refusal("401 X", UNAUTHORIZED));
        is_of_jira(&billing.get("rest/x").await, 401);
        assert_eq!(billing.app.world.sim.counts().refresh, 2);
    }

    async fn whose_key_or_site_goes_while_a_token_is_replaced_has_no_second_try(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let world = &billing.app.world;
        let keys = service::api_keys::list(&world.services, &billing.ada.who).await.unwrap();
        let (app, key) = (billing.app.clone(), billing.key.clone());
        let refused = async || {
            gateway.play(refusal("401 X", UNAUTHORIZED));
            let held = world.sim.hold(Endpoint::Token);
            let req = Request::get(format!("{PROXY}rest/x")).header("authorization", format!("Bearer {key}"));
            let (app, req) = (app.clone(), req.body(Body::empty()).unwrap());
            let call = tokio::spawn(async move { app.send(req).await });
            held.reached().await;
            (held, call)
        };
        let (held, call) = refused().await;
        let elsewhere = "UPDATE jira_integrations SET cloud_id = 'elsewhere'";
        world.db.raw(elsewhere).await.unwrap();
        held.release();
        let answer = call.await.unwrap();
        is_of_jira(&answer, 401);
        assert_eq!(answer.body, UNAUTHORIZED);
        world.env.advance(SignedDuration::from_secs(31));
        let (held, call) = refused().await;
        service::api_keys::revoke(&world.services, &billing.ada.who, keys[0].key.id).await.unwrap();
        held.release();
        is_ours(&call.await.unwrap(), "401 key_revoked");
        assert_eq!((gateway.arrived().len(), world.sim.counts().refresh), (2, 2));
    }

    async fn a_newer_token_is_only_for_who_still_has_key_and_site(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let world = &billing.app.world;
        let other = world.another_process(testkit::world::key_ring("tests", 1));
        let keys = service::api_keys::list(&world.services, &billing.ada.who).await.unwrap();
        for round in ["nothing", "the site", "the key"] {
            // It has its token when its body is read; then another process has the next one.
            let (body, is_read, comes) = Late::body();
            let req = billing.request(Method::POST, "rest/x").body(body).unwrap();
            let app = billing.app.clone();
            let call = tokio::spawn(async move { app.send(req).await });
            is_read.await.unwrap();
            world.env.advance(SignedDuration::from_hours(2));
            other.token(&billing.ada.who).await.unwrap();
            match round {
                "the site" => world.db.raw("UPDATE jira_integrations SET cloud_id = 'elsewhere'").await.unwrap(),
                "the key" => {
                    let id = keys[0].key.id;
                    assert!(service::api_keys::revoke(&other.services, &billing.ada.who, id).await.unwrap());
                }
                _ => gateway.play(refusal("401 X", UNAUTHORIZED)),
            }
            let sent = gateway.arrived().len();
            match round {
                "nothing" => gateway.say_json("{}"),
                _ => gateway.play(refusal("401 X", UNAUTHORIZED)),
            }
            comes.send(()).unwrap();
            let answer = call.await.unwrap();
            match round {
                "nothing" => is_of_jira(&answer, 200),
                "the site" => is_of_jira(&answer, 401),
                _ => is_ours(&answer, "401 key_revoked"),
            }
            let tries = if round == "nothing" { 2 } else { 1 };
            assert_eq!(gateway.arrived().len(), sent + tries, "{round}");
        }
        assert_eq!(world.sim.counts().refresh, 3, "none for who was refused");
    }

    async fn fifty_who_are_refused_at_once_cause_one_refresh(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let address = serve(&billing.app.world).await;
        let request = billing.head(&format!("GET {PROXY}rest/x"), "connection: close\r\n");
        for _ in 0..50 {
            gateway.play(refusal("401 X", UNAUTHORIZED));
        }
        let mut callers = Vec::new();
        for _ in 0..50 {
            callers.push(RawCaller::send(address, request.as_bytes()).await);
        }
        for caller in &mut callers {
            let (head, _) = caller.head().await;
            assert!(head.starts_with("HTTP/1.1 200 ") || head.starts_with("HTTP/1.1 401 "), "{head}");
        }
        assert_eq!(billing.app.world.sim.counts().refresh, 1);
    }

    async fn a_token_that_atlassian_takes_elsewhere_is_not_spent(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        gateway.proofs.lock().unwrap().1 = 200;
        gateway.play(refusal("401 X", UNAUTHORIZED));
        let answer = billing.get("rest/x").await;
        is_of_jira(&answer, 401);
        assert_eq!(answer.body, UNAUTHORIZED);
        assert_eq!((gateway.proofs.lock().unwrap().0, billing.app.world.sim.counts().refresh), (1, 0));
        assert_eq!(gateway.arrived().len(), 1);
    }

    async fn what_a_refresh_would_not_mend_is_passed_on(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        for (status, body) in [
            ("401 X", NO_SCOPE),
            ("401 X", r#"{"errorMessages":["Unauthorized; scope does not match"]}"#),
            ("403 X", r#"{"errorMessages":["You may not."]}"#),
            ("404 X", r#"{"errorMessages":["Issue does not exist"]}"#),
            ("429 X", "slow down"),
            ("500 X", "<html>"),
            ("502 X", "<html>"),
            ("503 X", "<html>"),
        ] {
            gateway.play(refusal(status, body));
            let answer = billing.get("rest/x").await;
            is_of_jira(&answer, status[..3].parse().unwrap());
            assert_eq!(answer.body, body);
            // A 429 is waited for before the next call is made.
            billing.app.world.env.advance(SignedDuration::from_secs(5));
        }
        assert_eq!((gateway.arrived().len(), gateway.proofs.lock().unwrap().0), (8, 0));
        assert_eq!(billing.app.world.sim.counts().refresh, 0);
    }

    async fn a_refusal_is_read_though_it_is_compressed(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(NO_SCOPE.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let headers = format!("content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len());
        gateway.play(Play::Say([format!("HTTP/1.1 401 X\r\n{headers}").as_bytes(), &packed].concat()));
        let address = serve(&billing.app.world).await;
        let request = billing.head(&format!("GET {PROXY}rest/x"), "connection: close\r\n");
        let answer = RawCaller::send(address, request.as_bytes()).await.all().await;
        assert!(answer.starts_with(b"HTTP/1.1 401 ") && answer.ends_with(&packed));
        // A refresh would not mend it: nobody asked whether the token is good.
        assert_eq!((gateway.proofs.lock().unwrap().0, billing.app.world.sim.counts().refresh), (0, 0));
    }

    async fn a_body_that_flowed_by_is_not_sent_again_and_the_next_call_has_a_new_token(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        gateway.play(refusal("401 X", UNAUTHORIZED));
        let req = billing.request(Method::PUT, "rest/x");
        let answer = billing.app.send(req.body(vec![b'x'; 70_000].into()).unwrap()).await;
        is_of_jira(&answer, 401);
        assert_eq!(answer.body, UNAUTHORIZED);
        is_of_jira(&billing.get("rest/x").await, 200);
        let arrived = gateway.arrived();
        assert_eq!((arrived.len(), arrived[0].length), (2, 70_000));
        assert!(arrived[0].header("authorization") != arrived[1].header("authorization"));
        assert_eq!(billing.app.world.sim.counts().refresh, 1);
    }

    async fn a_grant_that_turns_out_to_be_dead_is_told_as_that(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        billing.app.world.sim.revoke_grants_of("Sam One");
        gateway.play(refusal("401 X", UNAUTHORIZED));
        is_ours(&billing.get("rest/x").await, "409 connection_reconnect_needed");
    }

    async fn a_site_that_refuses_the_app_is_noted_as_lost(db: TestDb) {
        let billing = Service::new(db).await;
        let world = &billing.app.world;
        assert_eq!(world.state(&billing.ada.who).await, ConnectionState::Connected);
        world.sim.set_blocked(&billing.cloud_id, true);
        for _ in 0..3 {
            let answer = billing.get("rest/api/3/myself").await;
            is_of_jira(&answer, 403);
            assert!(answer.body.contains("not installed on this instance"));
        }
        world.tasks_done().await;
        assert_eq!(world.state(&billing.ada.who).await, ConnectionState::SiteLost);
        assert_eq!(world.sim.counts().resources, 2, "once to connect, and once for three refusals");
    }

    async fn what_only_reads_is_tried_three_times_and_what_changes_once(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        for (method, tries) in [("GET", 3), ("OPTIONS", 3), ("POST", 1), ("PATCH", 1), ("PUT", 1), ("DELETE", 1)] {
            let before = gateway.arrived().len();
            for _ in 0..tries {
                gateway.play(Play::SayAndCut(Vec::new()));
            }
            is_ours(&billing.send(method.parse().unwrap(), "rest/x", "").await, "502 upstream_lost");
            assert_eq!(gateway.arrived().len() - before, tries, "{method}");
        }
        // The third time is luck.
        gateway.play(Play::SayAndCut(Vec::new()));
        gateway.play(Play::SayAndCut(b"HTTP/1.1 200".to_vec()));
        gateway.say_json("{}");
        is_of_jira(&billing.get("rest/x").await, 200);
    }

    async fn where_nothing_was_sent_what_may_be_done_twice_is_tried_again(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        for (method, tries) in [("GET", 3), ("PUT", 3), ("DELETE", 3), ("POST", 1), ("PATCH", 1)] {
            // Secured connections, and nobody on the other side who knows of that: each ends before a byte of the call.
            let deaf = Deaf::start().await;
            let app = TestApp::of(billing.app.world.process_at_gateway(&deaf.url, TIMEOUTS));
            let there = Service { app, ada: billing.app.moved_here(&billing.ada), key: billing.key.clone(), cloud_id: billing.cloud_id.clone() };
            is_ours(&there.send(method.parse().unwrap(), "rest/x", "x").await, "502 upstream_unreachable");
            assert_eq!(deaf.connections(), tries, "{method}");
        }
    }

    async fn where_nothing_can_be_sent_that_is_told(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        // Nobody listens there: it is below what a test may bind.
        let nowhere = "http://127.0.0.1:1".parse().unwrap();
        let app = TestApp::of(billing.app.world.process_at_gateway(&nowhere, TIMEOUTS));
        let billing = Service { app, ..billing };
        for method in ["GET", "POST", "PUT"] {
            is_ours(&billing.send(method.parse().unwrap(), "rest/x", "x").await, "502 upstream_unreachable");
        }
    }
}
