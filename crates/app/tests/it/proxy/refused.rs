//! Who is refused, and with what: by us, so that nobody takes it for Jira's answer.

use atlassian_sim::{Endpoint, Fault};
use domain::{
    api_key::{ChosenRights, PathPrefix, ProxyRight, Right, Rights},
    text::CloudId,
    usage::Method as How,
};
use secrecy::ExposeSecret as _;
use service::api_keys::{self, KeyWish};
use testkit::app::SESSION_COOKIE;

use super::*;

const MINUTE: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);

async fn with_key(app: &TestApp, key: &str) -> Answer {
    let req =
        Request::get(format!("{PROXY}rest/x")).header("authorization", format!("Bearer {key}"));
    app.send(req.body(Body::empty()).unwrap()).await
}

db_tests! {
    async fn without_a_good_key_nothing_is_passed_on(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let app = &billing.app;
        for method in ["GET", "POST", "OPTIONS", "DELETE", "TRACE"] {
            for path in ["rest/x", "", "../x"] {
                let req = Request::builder().method(method).uri(format!("{PROXY}{path}"));
                let req = req.header("cookie", format!("{SESSION_COOKIE}=x")).header("origin", "https://evil.example");
                let answer = app.send(req.body(Body::empty()).unwrap()).await;
                is_ours(&answer, "401 key_missing");
                assert!(answer.headers.keys().all(|it| !it.as_str().starts_with("access-control-")));
            }
        }
        let session = format!("{SESSION_COOKIE}={}", billing.ada.who.token.expose_secret());
        let req = Request::get(format!("{PROXY}rest/x")).header("cookie", session);
        is_ours(&app.send(req.body(Body::empty()).unwrap()).await, "401 key_missing");
        is_ours(&with_key(app, "tfk_x").await, "401 key_malformed");
        let keys = service::api_keys::list(&app.world.services, &billing.ada.who).await.unwrap();
        billing.ada.post(&billing.ada.path(&format!("keys/{}/revoke", keys[0].key.id)), &[]).await;
        is_ours(&with_key(app, &billing.key).await, "401 key_revoked");
        let long = format!("rest/{}", "x".repeat(17_000));
        is_ours(&billing.get(&long).await, "414 address_too_long");
        assert!(gateway.arrived().is_empty());
    }

    async fn each_state_without_a_token_has_its_code(db: TestDb) {
        let billing = Service::new(db).await;
        let (app, ada) = (&billing.app, &billing.ada);
        let eve = app.admin("Eve", "Evil").await;
        let page = eve.post(&eve.path("keys"), &[("name", "billing")]).await;
        let theirs = keys_in(&page.body).remove(0);
        is_ours(&with_key(app, &theirs).await, "409 connection_not_connected");
        let back = eve.consent("Mia Krystof").await;
        is_ours(&with_key(app, &theirs).await, "409 connection_connecting");
        eve.come_back(&back).await;
        is_ours(&with_key(app, &theirs).await, "409 connection_choose_site");

        app.world.env.advance(MINUTE * 120);
        app.world.sim.fault(Endpoint::Token, Fault::Status(503));
        let answer = billing.get("rest/api/3/myself").await;
        is_ours(&answer, "503 provider_unavailable");
        assert!(!answer.header("retry-after").is_empty());
        app.world.env.advance(MINUTE);
        is_of_jira(&billing.get("rest/api/3/myself").await, 200);
        app.world.sim.revoke_grants_of("Sam One");
        app.world.env.advance(MINUTE * 120);
        is_ours(&billing.get("rest/api/3/myself").await, "409 connection_reconnect_needed");
        ada.connect("Sam One").await;
        is_of_jira(&billing.get("rest/api/3/myself").await, 200);
        app.world.db.raw("UPDATE integration_credentials SET access_token = refresh_token").await.unwrap();
        is_ours(&billing.get("rest/x").await, "503 connection_misconfigured");
        ada.post(&ada.path("integrations/jira/disconnect"), &[]).await;
        is_ours(&billing.get("rest/x").await, "409 connection_disconnected");
        app.world.services.store.close().await;
        is_ours(&billing.get("rest/x").await, "503 store_unavailable");
    }

    async fn the_key_opens_its_own_team_alone(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::new(db).await;
        let eve = billing.app.admin("Eve", "Evil").await;
        eve.connect("Mia Krystof").await;
        let site = billing.app.world.sim.sites_of("Mia Krystof").remove(0);
        eve.choose(&site).await;
        let page = eve.post(&eve.path("keys"), &[("name", "billing")]).await;
        let theirs = keys_in(&page.body).remove(0);
        let app = TestApp::of(billing.app.world.process_at_gateway(&gateway.url, TIMEOUTS));
        is_of_jira(&with_key(&app, &billing.key).await, 200);
        is_of_jira(&with_key(&app, &theirs).await, 200);
        let arrived = gateway.arrived();
        assert!(arrived[0].line().contains(&billing.cloud_id) && arrived[1].line().contains(&site));
        assert!(billing.cloud_id != site && arrived[0].header("authorization") != arrived[1].header("authorization"));
    }

    async fn a_key_passes_on_what_it_may_and_nothing_else(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        let path = PathPrefix::parse("/rest/api/3/issue").unwrap();
        let proxy = ProxyRight::new([How::Get, How::Put], [path]).unwrap();
        let own = ChosenRights::new([Right::Proxy], proxy).unwrap();
        let no_proxy = ChosenRights::new([Right::Token], ProxyRight::default()).unwrap();
        let [no_method, no_path] = ["403 key_method_not_allowed", "403 key_path_not_allowed"];
        for (name, rights, calls) in [
            ("reads", Rights::ReadEverything, [("GET", "rest/x", "200"), ("POST", "rest/api/3/search/jql", "200"), ("POST", "rest/x", no_method), ("DELETE", "rest/x", no_method)]),
            ("issues", Rights::ReadIssues, [("GET", "rest/api/3/issue/A-1", "200"), ("GET", "rest/api/3/users/search", no_path), ("PUT", "rest/api/3/issue/A-1", no_method), ("GET", "rest/api/3/issue/../user", no_path)]),
            ("own", Rights::Chosen(own), [("PUT", "rest/api/3/issue/A-1", "200"), ("POST", "rest/api/3/issue", no_method), ("GET", "rest/api/3/issues", no_path), ("GET", "rest/api/3/issue/%2e%2e/user", no_path)]),
            ("token", Rights::Chosen(no_proxy), [("GET", "rest/x", "403 key_may_not_proxy"); 4]),
        ] {
            let wish = KeyWish { rights, ..KeyWish::named(name) };
            let created = api_keys::create(&billing.app.world.services, &billing.ada.who, &wish).await;
            let key = created.unwrap().shown_once();
            for (method, path, told) in calls {
                let before = gateway.arrived().len();
                let req = Request::builder().method(method).uri(format!("{PROXY}{path}"));
                let req = req.header("authorization", format!("Bearer {key}"));
                let answer = billing.app.send(req.body(Body::empty()).unwrap()).await;
                assert_eq!(answer.told(), told, "{name}: {method} {path}");
                let is_sent = told == "200";
                assert_eq!(answer.header("tformance-source"), if is_sent { "upstream" } else { "self" });
                assert_eq!(gateway.arrived().len() - before, usize::from(is_sent));
            }
        }
    }

    async fn a_key_that_is_pinned_elsewhere_passes_nothing_on(db: TestDb) {
        let gateway = RawGateway::start().await;
        let billing = Service::at(&gateway, db, TIMEOUTS).await;
        for (name, pin, told) in [("here", &*billing.cloud_id, "200"), ("there", "11111111-2222-3333-4444-555555555555", "403 key_pinned_elsewhere")] {
            let wish = KeyWish { pin: Some(CloudId::parse(pin).unwrap()), ..KeyWish::named(name) };
            let created = api_keys::create(&billing.app.world.services, &billing.ada.who, &wish).await;
            let answer = with_key(&billing.app, &created.unwrap().shown_once()).await;
            assert_eq!(answer.told(), told);
        }
        assert_eq!(gateway.arrived().len(), 1);
    }
}
