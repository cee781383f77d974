//! What a key may do: by its rights, until its end, for its site.

use domain::{
    api_key::{ChosenRights, Lasting, ProxyRight, Right, Rights},
    text::CloudId,
    usage::{Answer as Came, Call},
};
use service::worker::note_use;

use super::*;

fn only(may: &[Right]) -> Rights {
    let chosen = ChosenRights::new(may.iter().copied(), ProxyRight::default());
    Rights::Chosen(chosen.unwrap())
}

async fn with_rights(app: &TestApp, admin: &Admin, name: &str, rights: Rights) -> Service {
    let wish = KeyWish {
        rights,
        ..KeyWish::named(name)
    };
    Service::wishing(app, admin, wish).await
}

/// What is told to the three calls.
async fn all(service: &Service) -> [String; 3] {
    let report = service.post(REJECTED, json!({"token_id": "x"})).await;
    let answers = [service.get().await, service.token().await, report];
    answers.map(|answer| {
        let told = answer.told();
        is(&answer, &told);
        told
    })
}

db_tests! {
    async fn a_key_does_what_it_may_and_nothing_else(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        assert_eq!(all(&billing).await, ["200", "200", "422 token_id_unknown"]);
        let [no_status, no_token] = ["403 key_may_not_status", "403 key_may_not_token"];
        for (name, rights, told) in [
            ("reads", Rights::ReadEverything, ["200", no_token, no_token]),
            ("issues", Rights::ReadIssues, ["200", no_token, no_token]),
            ("status", only(&[Right::Status]), ["200", no_token, no_token]),
            ("token", only(&[Right::Token]), [no_status, "200", "422 token_id_unknown"]),
            ("proxy", only(&[Right::Proxy]), [no_status, no_token, no_token]),
        ] {
            let service = with_rights(&app, &ada, name, rights).await;
            assert_eq!(all(&service).await, told, "{name}");
        }
    }

    async fn through_the_proxy_a_key_calls_what_it_may_by_the_methods_that_it_may(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        let chosen = |methods: &[&'static str], paths: &[&'static str]| {
            Rights::chosen(["proxy"], methods.to_vec(), paths.to_vec()).unwrap()
        };
        let issues = with_rights(&app, &ada, "issues", Rights::ReadIssues).await;
        let reads = with_rights(&app, &ada, "reads", Rights::ReadEverything).await;
        let narrow = with_rights(&app, &ada, "narrow", chosen(&["GET"], &["/rest/api/3/myself"])).await;
        let tokens = with_rights(&app, &ada, "tokens", only(&[Right::Status, Right::Token])).await;
        let wish = KeyWish { pin: Some(CloudId::parse("another-site").unwrap()), ..KeyWish::named("there") };
        let there = Service::wishing(&app, &ada, wish).await;
        let path = "403 key_path_not_allowed";
        let by_method = "403 key_method_not_allowed";
        let all = [&billing, &issues, &reads, &narrow, &tokens, &there];
        let [no_proxy, elsewhere] = ["403 key_may_not_proxy", "403 key_pinned_elsewhere"];
        for (method, at, told) in [
            (Method::GET, "/rest/api/3/myself", ["200", "200", "200", "200", no_proxy, elsewhere]),
            (Method::HEAD, "/rest/api/3/myself", ["200", "200", "200", "200", no_proxy, elsewhere]),
            (Method::GET, "/rest/api/3/users/search", ["", path, "", path, no_proxy, elsewhere]),
            (Method::POST, "/rest/api/3/search/jql", ["", "", "", path, no_proxy, elsewhere]),
            (Method::DELETE, "/rest/api/3/myself", ["", by_method, by_method, by_method, no_proxy, elsewhere]),
            (Method::GET, "/rest/api/3/myself/../users/search", ["400", path, path, path, no_proxy, elsewhere]),
            (Method::GET, "/rest/api/3/myself/%2e%2e/users", ["400", path, path, path, no_proxy, elsewhere]),
        ] {
            for (service, told) in all.iter().zip(told) {
                let req = request(method.clone(), &format!("{CONNECTION}/proxy{at}"), Some(&service.key));
                let answer = app.send(req.body(Body::empty()).unwrap()).await;
                let source = answer.header("tformance-source");
                match told {
                    // Whatever the simulated Jira says to it: it was asked.
                    "" | "200" => assert_eq!(source, "upstream", "{method} {at}: {}", answer.body),
                    "400" => assert_eq!((answer.status.as_u16(), source), (400, "self")),
                    // Without a body there is no code.
                    _ if method == Method::HEAD => assert_eq!(answer.status.as_u16(), 403),
                    told => is(&answer, told),
                }
                assert!(told != "200" || answer.status == StatusCode::OK, "{method} {at}");
            }
        }
        note_use::run_once(&app.world.services).await.unwrap();
        let mut tx = app.world.services.store.read().await.unwrap();
        let rows = tx.list_key_usage(ada.who.team().id, app.world.now() - MINUTE * 600, 100).await.unwrap();
        let refused = rows.iter().filter(|it| (it.of.call, it.of.http_status) == (Call::Proxy, 403));
        assert_eq!(refused.map(|it| it.count).sum::<u64>(), 26);
    }

    async fn what_a_key_may_not_is_counted_and_told_as_cheaply(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, _) = connected(&app).await;
        let reports = with_rights(&app, &ada, "reports", Rights::ReadIssues).await;
        let refused = async || is(&reports.token().await, "403 key_may_not_token");
        assert_eq!(cost(refused).await, 1);
        reports.post(REJECTED, json!({"token_id": "x"})).await;
        note_use::run_once(&app.world.services).await.unwrap();
        let mut tx = app.world.services.store.read().await.unwrap();
        let since = app.world.now() - MINUTE * 600;
        let rows = tx.list_key_usage(ada.who.team().id, since, 100).await.unwrap();
        let mut rows: Vec<_> = rows.iter().map(|it| (it.of.call, it.of.http_status, it.of.answer, it.count)).collect();
        rows.sort_unstable();
        assert_eq!(rows, [(Call::Token, 403, Came::CallersFault, 50), (Call::Rejected, 403, Came::CallersFault, 1)]);
        assert!(ada.get(&ada.path("keys")).await.body.contains("last used"));
        let text = app.world.services.metrics.text().unwrap();
        assert!(text.contains("tformance_refused_keys_total{reason=\"forbidden\"} 51"), "{text}");
    }

    async fn a_key_ends_when_it_was_made_to(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        let wish = KeyWish { lasting: Lasting::Days(30), ..KeyWish::named("short") };
        let short = Service::wishing(&app, &ada, wish).await;
        let told = async |service: &Service| {
            let (status, token) = (service.get().await, service.token().await);
            [status, token].map(|it| json_of(&it)["warning"]["code"].clone())
        };
        assert_eq!(told(&short).await, [Value::Null, Value::Null]);
        app.world.env.advance(MINUTE * 60 * 24 * 16);
        assert_eq!(told(&short).await, ["key_ends_soon", "key_ends_soon"]);
        assert_eq!(told(&billing).await, [Value::Null, Value::Null]);
        app.world.env.advance(MINUTE * 60 * 24 * 14 - SignedDuration::from_millis(1));
        is(&short.get().await, "200");
        app.world.env.advance(SignedDuration::from_millis(1));
        let expired = ["401 key_expired"; 3];
        assert_eq!(all(&short).await, expired);
        is(&billing.get().await, "200");
        // What ended it first is told, also when it is revoked afterwards.
        let keys = api_keys::list(&app.world.services, &ada.who).await.unwrap();
        let id = keys.iter().find(|it| it.key.name.as_str() == "short").unwrap().key.id;
        api_keys::revoke(&app.world.services, &ada.who, id).await.unwrap();
        is(&short.token().await, "401 key_expired");
    }

    async fn a_pinned_key_is_refused_while_another_site_is_chosen(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        let (_, integration) = app.world.stored(&ada.who).await;
        let pinned = async |name: &str, site: &CloudId| {
            let wish = KeyWish { pin: Some(site.clone()), ..KeyWish::named(name) };
            Service::wishing(&app, &ada, wish).await
        };
        let here = pinned("here", &integration.site.cloud_id).await;
        let there = pinned("there", &CloudId::parse("another-site").unwrap()).await;
        assert_eq!(all(&here).await, ["200", "200", "422 token_id_unknown"]);
        let elsewhere = "403 key_pinned_elsewhere";
        assert_eq!(all(&there).await, ["200", elsewhere, elsewhere]);
        // No site is not another site.
        app.world.disconnect(&ada.who).await;
        for service in [&billing, &here, &there] {
            is(&service.token().await, "409 connection_disconnected");
        }
    }

    async fn a_site_that_is_changed_beneath_a_call_is_not_handed_to_a_pinned_key(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, _) = connected(&app).await;
        let (_, integration) = app.world.stored(&ada.who).await;
        let wish = KeyWish { pin: Some(integration.site.cloud_id), ..KeyWish::named("pinned") };
        let pinned = Service::wishing(&app, &ada, wish).await;
        app.world.env.advance(MINUTE * 120);
        let held = app.world.sim.hold(Endpoint::Token);
        let waiting = tokio::spawn(async move { pinned.token().await });
        held.reached().await;
        app.world.db.raw("UPDATE jira_integrations SET cloud_id = 'another-site'").await.unwrap();
        held.release();
        is(&waiting.await.unwrap(), "403 key_pinned_elsewhere");
    }

    async fn both_keys_of_a_service_work_while_one_replaces_the_other(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, old) = connected(&app).await;
        let services = &app.world.services;
        let id = api_keys::list(services, &ada.who).await.unwrap()[0].key.id;
        let new = api_keys::rotate(services, &ada.who, id).await.unwrap().shown_once();
        app.world.add_secret(&new.clone().into());
        let new = Service { app: app.clone(), key: new };
        is(&old.token().await, "200");
        is(&new.token().await, "200");
        // They are one service to whoever looks at the connection.
        note_use::run_once(services).await.unwrap();
        let page = ada.get(&ada.path("integrations/jira/")).await.body;
        assert_eq!(page.matches("<strong>billing</strong>").count() + page.matches(">billing<").count(), 1, "{page}");
        let question = ada.get(&ada.path("integrations/jira/disconnect")).await;
        assert!(question.body.contains("Calls of billing will fail at once."));
        api_keys::revoke(services, &ada.who, id).await.unwrap();
        is(&old.token().await, "401 key_revoked");
        is(&new.token().await, "200");
    }
}
