//! Who is let in: a key and nothing else.

use domain::{
    api_key::{Lasting, Rights},
    session::TokenHash,
};
use testkit::world::SignedInAdmin;

use super::*;

/// Asks for everything with this header.
async fn with(app: &TestApp, authorization: Option<&str>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (method, path) in [
        (Method::GET, CONNECTION),
        (Method::POST, TOKEN),
        (Method::POST, REJECTED),
    ] {
        let mut req = request(method, path, None);
        if let Some(value) = authorization {
            req = req.header("authorization", value);
        }
        answers.push(app.send(req.body(Body::empty()).unwrap()).await);
    }
    answers
}

async fn refused(app: &TestApp, authorization: Option<&str>, told: &str) {
    for answer in with(app, authorization).await {
        is(&answer, told);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer realm=\"Tformance\""));
        assert_eq!(
            challenge.contains("invalid_token"),
            told != "401 key_missing"
        );
    }
}

fn cookie(admin: &SignedInAdmin) -> String {
    format!("{SESSION_COOKIE}={}", admin.token.expose_secret())
}

db_tests! {
    async fn what_is_no_key_is_refused_by_its_kind(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        let key = &billing.key;
        refused(&app, None, "401 key_missing").await;
        for other in ["", "Basic YTpi", key, "Bearer", &format!("Token {key}")] {
            refused(&app, Some(other), "401 key_missing").await;
        }
        for bad in ["x", "tfk_", &key[4..], &key.to_uppercase(), &format!("{key}="), &format!("{key} {key}"), &key[..52], "tfk_\u{e9}"] {
            refused(&app, Some(&format!("Bearer {bad}")), "401 key_malformed").await;
        }
        refused(&app, Some(&format!("Bearer {}", mistyped(key))), "401 key_mistyped").await;
        let other = vault::token_hash::generate_key(app.world.env.as_ref());
        for unknown in [other.expose_secret(), &format!("tfk_{}", "A".repeat(43))] {
            refused(&app, Some(&format!("Bearer {unknown}")), "401 key_unknown").await;
        }
        for scheme in ["bearer", "BEARER", "Bearer "] {
            let answers = with(&app, Some(&format!("{scheme} {key}"))).await;
            is(&answers[1], "200");
        }
        let twice = request(Method::POST, TOKEN, Some(key)).header("authorization", format!("Bearer {key}"));
        is(&app.send(twice.body(Body::empty()).unwrap()).await, "401 key_missing");
    }

    async fn a_revoked_key_is_refused_from_the_next_call_on(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        let search = Service::of(&app, &ada, "search").await;
        is(&billing.token().await, "200");
        let keys = service::api_keys::list(&app.world.services, &ada.who).await.unwrap();
        let id = keys.iter().find(|it| it.key.name.as_str() == "billing").unwrap().key.id;
        ada.post(&ada.path(&format!("keys/{id}/revoke")), &[]).await;
        assert_eq!(mistyped(&billing.key).len(), billing.key.len());
        refused(&app, Some(&format!("Bearer {}", mistyped(&billing.key))), "401 key_mistyped").await;
        refused(&app, Some(&format!("Bearer {}", billing.key)), "401 key_revoked").await;
        is(&search.token().await, "200");
    }

    async fn a_key_opens_its_own_team_and_goes_with_it(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        let eve = app.admin("Eve", "Evil").await;
        let theirs = Service::of(&app, &eve, "billing").await;
        is(&theirs.token().await, "409 connection_not_connected");
        assert_eq!(json_of(&theirs.get().await)["state"], "not_connected");
        eve.connect("Sam One").await;
        let (ours, others) = (json_of(&billing.token().await), json_of(&theirs.token().await));
        assert!(ours["access_token"] != others["access_token"]);
        // The id of another team's token names nothing here.
        let reported = theirs.post(REJECTED, json!({"token_id": ours["token_id"]})).await;
        is(&reported, "422 token_id_unknown");
        assert_eq!(app.world.sim.counts().refresh, 0);
        ada.post(&ada.path("settings/delete"), &[("confirm", "Acme")]).await;
        refused(&app, Some(&format!("Bearer {}", billing.key)), "401 key_unknown").await;
        is(&theirs.token().await, "200");
    }

    async fn a_session_is_no_key_and_a_key_is_no_session(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        for (method, path) in [(Method::GET, CONNECTION), (Method::POST, TOKEN), (Method::POST, REJECTED)] {
            let req = request(method, path, None).header("cookie", cookie(&ada.who));
            is(&app.send(req.body(Body::empty()).unwrap()).await, "401 key_missing");
        }
        let page = request(Method::GET, "/a/acme/integrations/", Some(&billing.key));
        let page = app.send(page.body(Body::empty()).unwrap()).await;
        assert!(page.location().starts_with("/login"));
        // Neither spoils the other.
        let both = request(Method::POST, TOKEN, Some(&billing.key)).header("cookie", "tformance_session=x");
        is(&app.send(both.body(Body::empty()).unwrap()).await, "200");
    }

    async fn bad_keys_are_slowed_down_by_address_and_good_ones_never(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        let from = service::throttle::ClientAddress::of([192, 0, 2, 7].into());
        let ask = async |key: &str| {
            let req = request(Method::POST, TOKEN, Some(key)).extension(from);
            app.send(req.body(Body::empty()).unwrap()).await
        };
        let unknown = format!("tfk_{}", "A".repeat(43));
        for n in 0..100 {
            is(&ask(if n % 2 == 0 { "x" } else { &unknown }).await, if n % 2 == 0 { "401 key_malformed" } else { "401 key_unknown" });
        }
        let slowed = ask(&unknown).await;
        assert_eq!(slowed.told(), "429 too_many_failures");
        assert_eq!(slowed.header("retry-after"), "601");
        assert_eq!(ask("x").await.told(), "429 too_many_failures");
        is(&ask(&billing.key).await, "200");
        refused(&app, Some(&format!("Bearer {unknown}")), "401 key_unknown").await;
    }

    async fn who_has_a_key_of_ours_is_told_its_end_however_often_and_beside_whom(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        let wish = KeyWish { lasting: Lasting::Days(1), ..KeyWish::named("short") };
        let short = Service::wishing(&app, &ada, wish).await;
        let wish = KeyWish { rights: Rights::ReadIssues, ..KeyWish::named("reports") };
        let narrow = Service::wishing(&app, &ada, wish).await;
        let keys = service::api_keys::list(&app.world.services, &ada.who).await.unwrap();
        let id = keys.iter().find(|it| it.key.name.as_str() == "billing").unwrap().key.id;
        for service in [&billing, &short] {
            is(&service.token().await, "200");
        }
        service::api_keys::revoke(&app.world.services, &ada.who, id).await.unwrap();
        app.world.env.advance(MINUTE * 60 * 24);
        let from = service::throttle::ClientAddress::of([192, 0, 2, 7].into());
        let ask = async |key: &str| {
            let req = request(Method::POST, TOKEN, Some(key)).extension(from);
            app.send(req.body(Body::empty()).unwrap()).await
        };
        let all = [(&billing, "401 key_revoked"), (&short, "401 key_expired"), (&narrow, "403 key_may_not_token")];
        for _ in 0..101 {
            for (service, told) in &all {
                is(&ask(&service.key).await, told);
            }
        }
        for _ in 0..100 {
            is(&ask("x").await, "401 key_malformed");
        }
        is(&ask(&mistyped(&short.key)).await, "429 too_many_failures");
        for (service, told) in &all {
            is(&ask(&service.key).await, told);
        }
    }

    async fn a_key_of_before_the_checksum_goes_on_working(db: TestDb) {
        use sha2::{Digest as _, Sha256};
        let app = TestApp::new(db).await;
        let (ada, _) = connected(&app).await;
        let key = format!("tfk_{}", "Old-key_".repeat(6).split_at(43).0);
        app.world.add_secret(&key.clone().into());
        let hash = TokenHash(Sha256::digest(&key).into());
        let keys = service::api_keys::list(&app.world.services, &ada.who).await.unwrap();
        let mut tx = app.world.services.store.write().await.unwrap();
        let made = domain::api_key::ApiKey {
            id: domain::ids::ApiKeyId::new(app.world.env.as_ref()),
            name: domain::text::ServiceName::parse("old").unwrap(),
            ..keys[0].key.clone()
        };
        assert!(tx.add_api_key(made.team, &made, &hash).await.unwrap());
        tx.commit().await.unwrap();
        let old = Service { app: app.clone(), key };
        is(&old.token().await, "200");
        is(&old.get().await, "200");
    }

    async fn a_key_that_ends_while_a_token_is_waited_for_gets_none(db: TestDb) {
        const DAY: SignedDuration = SignedDuration::from_hours(24);
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        let world = &app.world;
        let other = world.another_process(testkit::world::key_ring("tests", 1));
        let proxied = "/api/v1/integrations/jira/proxy/rest/api/3/search/jql";
        for (n, path) in [TOKEN, REJECTED, proxied].into_iter().enumerate() {
            for told in ["401 key_revoked", "401 key_expired", "200"] {
                let newest = json_of(&billing.token().await)["token_id"].clone();
                let lasting = Lasting::Days(1);
                let wish = KeyWish { lasting, ..KeyWish::named(&format!("{n} {told}")) };
                let made = api_keys::create(&world.services, &ada.who, &wish).await.unwrap();
                world.add_secret(&made.shown_once().into());
                let service = Service { app: app.clone(), key: made.shown_once() };
                world.env.advance(DAY - MINUTE);
                let before = world.sim.counts();
                let held = world.sim.hold(Endpoint::Token);
                let waiting = tokio::spawn(async move {
                    let body = match path {
                        TOKEN => json!({}),
                        REJECTED => json!({"token_id": newest}),
                        _ => json!({"jql": "project = SOLO"}),
                    };
                    service.post(path, body).await
                });
                held.reached().await;
                match told {
                    "401 key_revoked" => {
                        let done = api_keys::revoke(&other.services, &ada.who, made.key.id).await;
                        assert!(done.unwrap());
                    }
                    "401 key_expired" => world.env.advance(MINUTE),
                    _ => {}
                }
                held.release();
                let answer = waiting.await.unwrap();
                assert_eq!(answer.told(), told, "{path}: {}", answer.body);
                let after = world.sim.counts();
                assert_eq!(after.refresh, before.refresh + 1, "{path} {told}");
                let passed_on = u64::from(path == proxied && told == "200");
                assert_eq!(after.search_jql, before.search_jql + passed_on, "{path} {told}");
            }
        }
    }
}
