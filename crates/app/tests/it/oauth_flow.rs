//! To Atlassian and back over HTTP, and what is stored in the end.

use std::collections::BTreeMap;

use atlassian_sim::Switches;
use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use testkit::{
    app::{Admin, TestApp, callback, encoded},
    db_tests,
    world::PASSWORD,
};
use url::Url;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn query_of(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// What is stored is what the simulator issued last to this account, all of it.
async fn assert_stored_as_issued(app: &TestApp, admin: &Admin, account: &str) {
    let (credential, integration) = app.world.stored(&admin.who).await;
    let issued = app.world.sim.newest_tokens(account).unwrap();
    let opened = app.world.open_tokens(&credential);
    assert_eq!(opened.access.expose_secret(), issued.access);
    assert_eq!(opened.refresh.expose_secret(), issued.refresh);
    let tokens = credential.tokens.as_ref().unwrap();
    assert_eq!(tokens.access_expires_at, app.world.now() + HOUR);
    let scopes: Vec<_> = credential.scopes.iter().collect();
    assert_eq!(
        scopes,
        ["offline_access", "read:jira-user", "read:jira-work"]
    );
    let account_id = credential
        .account_id
        .as_ref()
        .map(domain::text::AccountId::as_str);
    assert_eq!(account_id, Some(issued.account_id.as_str()));
    assert_eq!(integration.credential, credential.id);
    let reached = app.world.sim.sites_of(account);
    assert!(reached.contains(&integration.site.cloud_id.to_string()));
}

db_tests! {
    async fn somebody_new_gets_from_signing_up_to_connected(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.visitor();
        let home = ada.get("/").await;
        assert_eq!((home.status, home.location()), (StatusCode::SEE_OTHER, "/login"));
        assert_eq!(ada.get("/signup").await.text_of("h1"), Some("Create your account"));
        let form = [("name", "Ada"), ("email", "ada@example.com"), ("password", PASSWORD)];
        assert_eq!(ada.post("/signup", &form).await.location(), "/");
        assert_eq!(ada.get("/").await.location(), "/teams/new");
        let made = ada.post("/teams/new", &[("name", "Acme")]).await;
        assert_eq!(made.location(), "/a/acme/integrations/");
        let empty = ada.get(made.location()).await;
        assert!(empty.body.contains("Not connected") && empty.body.contains("Connect Jira"));

        let away = ada.post("/a/acme/integrations/jira/connect", &[]).await;
        assert_eq!(away.status, StatusCode::SEE_OTHER);
        let query = app.world.consent(&away.location().parse().unwrap(), "Sam One").await;
        let back = ada.come_back(&callback(&query)).await;
        assert_eq!(back.status, StatusCode::SEE_OTHER);
        let page = ada.get(back.location()).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("Connected") && page.body.contains("solo-works.atlassian.net"));

        ada.post("/logout", &[]).await;
        let asked = ada.get("/a/acme/integrations/").await;
        assert_eq!(asked.location(), "/login?next=%2Fa%2Facme%2Fintegrations%2F");
        let form = [("email", "ada@example.com"), ("password", PASSWORD), ("next", "/a/acme/integrations/")];
        assert_eq!(ada.post("/login", &form).await.location(), "/a/acme/integrations/");
        assert!(ada.get("/a/acme/integrations/").await.body.contains("Connected"));
    }

    async fn with_one_site_everything_that_was_granted_is_stored(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let back = ada.connect("Sam One").await;
        assert_eq!(back.location(), ada.path("integrations/?notice=connected_only_site"));
        assert_stored_as_issued(&app, &ada, "Sam One").await;

        app.world.env.advance(HOUR * 2);
        let token = app.world.token(&ada.who).await.unwrap();
        let issued = app.world.sim.newest_tokens("Sam One").unwrap();
        assert_eq!(token.access.expose_secret(), issued.access, "the first use, two hours later");
        assert_stored_as_issued(&app, &ada, "Sam One").await;
        let tested = ada.post(&ada.path("integrations/jira/test"), &[]).await;
        assert!(tested.body.contains("Sam One"), "Jira itself takes the token");
    }

    async fn with_three_sites_the_chosen_one_is_stored(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let choices = [("Acme", "https://acme.atlassian.net"), ("Beta Labs", "https://beta-labs.atlassian.net")];
        for (index, (name, url)) in choices.into_iter().enumerate() {
            let back = ada.connect("Mia Krystof").await;
            assert_eq!(back.location(), ada.path("integrations/jira/sites"));
            let picker = ada.get(back.location()).await;
            assert_eq!(picker.text_of("h1"), Some("Which Jira site should Acme use?"));
            assert_eq!(picker.body.matches("type=\"radio\"").count(), 3);
            assert!(!picker.body.contains("checked"), "nothing is chosen for the person");
            let cloud_id = app.world.sim.sites_of("Mia Krystof")[index].clone();
            let chosen = ada.choose(&cloud_id).await;
            assert_eq!(chosen.location(), ada.path("integrations/?notice=connected"));
            assert_stored_as_issued(&app, &ada, "Mia Krystof").await;
            let site = app.world.stored(&ada.who).await.1.site;
            let stored = (site.cloud_id.as_str(), site.name.as_str(), site.url.as_str());
            assert_eq!(stored, (cloud_id.as_str(), name, url), "id, name and address belong together");
            app.world.env.advance(HOUR * 2);
            app.world.token(&ada.who).await.unwrap();
            ada.post(&ada.path("integrations/jira/disconnect"), &[]).await;
        }
    }

    async fn the_redirect_uri_is_the_configured_one_whatever_the_host_says(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let forge = |mut req: axum::http::Request<Body>| {
            let forged = [
                ("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https"),
                ("forwarded", "host=evil.example;proto=https"), ("x-original-url", "/evil"),
            ];
            for (name, value) in forged {
                req.headers_mut().insert(name, value.parse().unwrap());
            }
            req
        };
        let form = ada.form(&ada.path("integrations/jira/connect")).header("sec-fetch-site", "same-origin");
        let away = ada.send(forge(form.body(Body::from(encoded(&[]))).unwrap())).await;
        let url: Url = away.location().parse().unwrap();
        assert_eq!(query_of(&url)["redirect_uri"], app.world.redirect_uri().as_str());
        assert!(!away.location().contains("evil"));
        // The simulator takes the registered URI alone, both here and when the code is exchanged.
        let query = app.world.consent(&url, "Sam One").await;
        let back = ada.request(Method::GET, &callback(&query)).body(Body::empty()).unwrap();
        let back = ada.send(forge(back)).await;
        assert_eq!(back.location(), ada.path("integrations/?notice=connected_only_site"));
        assert_eq!(app.world.sim.counts().exchange, 1);
        let page = ada.send(forge(ada.request(Method::GET, back.location()).body(Body::empty()).unwrap())).await;
        assert!(!page.body.contains("evil"));
        let nobody = app.visitor();
        let asked = nobody.send(forge(nobody.request(Method::GET, "/").body(Body::empty()).unwrap())).await;
        assert_eq!(asked.location(), "/login");
    }

    async fn every_attempt_has_a_challenge_of_its_own_and_the_matching_verifier(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        app.world.sim.set_switches(Switches { enforce_pkce: true, ..Switches::default() });
        let (first, second) = (ada.begin().await, ada.begin().await);
        let (one, other) = (query_of(&first), query_of(&second));
        for query in [&one, &other] {
            assert_eq!(query["code_challenge_method"], "S256");
            assert_eq!(query["code_challenge"].len(), 43);
            assert_eq!((&*query["audience"], &*query["response_type"], &*query["prompt"]), ("api.atlassian.com", "code", "consent"));
            assert_eq!(query["scope"], "read:jira-work read:jira-user offline_access");
        }
        assert!(one["code_challenge"] != other["code_challenge"] && one["state"] != other["state"]);
        assert!(first.query().unwrap().contains("%20") && !first.query().unwrap().contains('+'));
        for url in [second, first] {
            let query = app.world.consent(&url, "Sam One").await;
            assert_eq!(ada.come_back(&callback(&query)).await.status, StatusCode::SEE_OTHER);
        }
        assert_eq!(app.world.sim.counts().verifier_matched, 2);
    }

    async fn the_button_leads_out_of_the_pages_that_have_it(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let policy = |it: &testkit::app::Answer| it.header(header::CONTENT_SECURITY_POLICY.as_str()).to_owned();
        let integrations = ada.get(&ada.path("integrations/")).await;
        assert!(!policy(&integrations).contains("form-action"), "Chromium would stop the way to Atlassian");
        let denied = ada.begin().await;
        let query = app.world.cancel_consent(&denied, "Sam One").await;
        let page = ada.come_back(&callback(&query)).await;
        assert!(page.body.contains("Try again") && !policy(&page).contains("form-action"));
        assert!(policy(&ada.get("/teams/new").await).contains("form-action 'self'"));
    }
}
