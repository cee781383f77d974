//! What is too large, too slow or too often is refused with a code.

use std::{convert::Infallible, num::NonZeroU32, time::Duration};

use service::Policy;
use testkit::{app::ORIGIN, world::World};

use super::*;

/// A body that never comes.
struct Never;

impl HttpBody for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A service where each key has so many calls a second.
async fn limited(db: testkit::db::TestDb, per_second: u32) -> TestApp {
    let policy = Policy {
        allow_signup: true,
        requests_per_second: NonZeroU32::new(per_second),
        ..Policy::default()
    };
    TestApp::of(World::with_policy(db, policy).await)
}

db_tests! {
    async fn without_a_limit_a_key_may_call_as_often_as_it_likes(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        for _ in 0..300 {
            is(&billing.get().await, "200");
        }
    }

    async fn a_key_that_calls_too_often_is_told_when_to_come_back_and_others_are_not(db: TestDb) {
        let app = limited(db, 5).await;
        let (ada, billing) = connected(&app).await;
        let search = Service::of(&app, &ada, "search").await;
        for n in 0..5 {
            is(&if n % 2 == 0 { billing.token().await } else { billing.get().await }, "200");
        }
        let refused = billing.token().await;
        is(&refused, "429 key_rate_limited");
        assert_eq!(refused.header("retry-after"), "1");
        is(&billing.get().await, "429 key_rate_limited");
        is(&billing.post(TOKEN, json!({"minimum_seconds": -1})).await, "429 key_rate_limited");
        is(&search.token().await, "200");
        app.world.env.advance(SignedDuration::from_millis(200));
        is(&billing.token().await, "200");
        is(&billing.token().await, "429 key_rate_limited");
        app.world.env.advance(SignedDuration::from_secs(1));
        for _ in 0..5 {
            is(&billing.token().await, "200");
        }
    }

    async fn whoever_has_no_connection_is_always_told_that_and_never_to_slow_down(db: TestDb) {
        let app = limited(db, 1).await;
        let ada = app.admin("Ada", "Acme").await;
        let billing = Service::of(&app, &ada, "billing").await;
        for _ in 0..20 {
            is(&billing.token().await, "409 connection_not_connected");
        }
        ada.connect("Sam One").await;
        app.world.env.advance(MINUTE * 120);
        app.world.sim.revoke_grants_of("Sam One");
        is(&billing.token().await, "409 connection_reconnect_needed");
        for _ in 0..20 {
            is(&billing.token().await, "409 connection_reconnect_needed");
            is(&billing.get().await, "200");
        }
        assert_eq!(app.world.sim.counts().refresh_refused, 1);
    }

    async fn a_body_that_does_not_come_is_not_waited_for(db: TestDb) {
        let settings = web::Settings {
            body_time: Duration::from_millis(20),
            ..web::Settings::new(ORIGIN.parse().unwrap())
        };
        let app = TestApp::with(World::new(db).await, settings);
        let (ada, billing) = connected(&app).await;
        for path in [TOKEN, REJECTED] {
            let req = request(Method::POST, path, Some(&billing.key)).header("content-type", "application/json");
            is(&app.send(req.body(Body::new(Never)).unwrap()).await, "408 body_too_slow");
        }
        let form = ada.form(&ada.path("keys")).header("sec-fetch-site", "same-origin").header("origin", ORIGIN);
        assert_eq!(ada.send(form.body(Body::new(Never)).unwrap()).await.told(), "408 body_too_slow");
        // Nobody waits for the body of somebody who is refused anyway.
        let nobody = request(Method::POST, TOKEN, None).body(Body::new(Never)).unwrap();
        is(&app.send(nobody).await, "401 key_missing");
    }

    async fn heads_that_are_too_large_are_refused_everywhere(db: TestDb) {
        let app = TestApp::new(db).await;
        let large = "x".repeat(33 * 1024);
        for path in ["/login", TOKEN, "/healthz", "/assets/x", "/api/docs", "/api/openapi.json"] {
            let long = format!("{path}?{}", "x".repeat(17_000));
            let req = axum::http::Request::builder().uri(long).body(Body::empty()).unwrap();
            assert_eq!(app.send(req).await.told(), "414 address_too_long", "{path}");
            let req = axum::http::Request::builder().uri(path).header("x-large", &large).body(Body::empty()).unwrap();
            assert_eq!(app.send(req).await.told(), "431 headers_too_large", "{path}");
            let mut req = axum::http::Request::builder().uri(path);
            for n in 0..65 {
                req = req.header(format!("x-many-{n}"), "x");
            }
            assert_eq!(app.send(req.body(Body::empty()).unwrap()).await.told(), "431 headers_too_large", "{path}");
        }
    }

    async fn a_method_that_an_address_does_not_take_is_refused_with_those_that_it_does(db: TestDb) {
        let app = TestApp::new(db).await;
        for (path, allowed) in [(CONNECTION, "GET,HEAD"), (TOKEN, "POST"), ("/healthz", "GET,HEAD"), ("/api/openapi.json", "GET,HEAD")] {
            for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
                let answer = app.send(request(method.clone(), path, None).body(Body::empty()).unwrap()).await;
                is(&answer, "405 method_not_allowed");
                assert_eq!(answer.header("allow"), allowed, "{method} {path}");
            }
        }
    }
}
