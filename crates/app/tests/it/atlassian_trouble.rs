//! Atlassian is down, slow, or answers garbage at each step of the way back: a coded page, what was
//! connected before is untouched, and *Try again* goes on without a new consent.

use std::time::Duration;

use atlassian::Timeouts;
use atlassian_sim::{Endpoint, Fault, Switches};
use domain::state::ConnectionState;
use jiff::SignedDuration;
use testkit::{
    app::{Admin, Answer, TestApp},
    db_tests,
    world::{World, WorldOptions},
};

/// Answers that say nothing of what became of the request, or that it was not taken.
fn no_answers() -> Vec<Fault> {
    let statuses = [408, 429, 500, 502, 503, 504].map(Fault::Status);
    let others = [
        Fault::StatusWithRetryAfter(503, "-1".to_owned()),
        Fault::DropBeforeRotation,
        Fault::DropAfterRotation,
        Fault::HtmlWith200,
        Fault::TruncatedJson,
        Fault::HugeBody(2 * 1024 * 1024),
        Fault::Redirect("http://localhost:1/evil".to_owned()),
    ];
    statuses.into_iter().chain(others).collect()
}

async fn connection(app: &TestApp) -> [Vec<String>; 2] {
    let db = &app.world.db;
    [
        db.rows("integration_credentials").await,
        db.rows("jira_integrations").await,
    ]
}

/// The attempt behind the button of a page.
fn attempt_in(answer: &Answer) -> Option<String> {
    let (_, rest) = answer.body.split_once("name=\"attempt\" value=\"")?;
    Some(rest.split('"').next()?.to_owned())
}

async fn try_again(admin: &Admin, answer: &Answer) -> Answer {
    let attempt = attempt_in(answer).unwrap();
    let path = admin.path("integrations/jira/connect");
    admin.post(&path, &[("attempt", &attempt)]).await
}

/// Whom it happens to: a team without a connection, and one that has something to lose.
async fn teams(app: &TestApp) -> [Admin; 2] {
    let new = app.admin("Ada", "Acme").await;
    let connected = app.another_team(&new, "Beta").await;
    connected.connect("Sam One").await;
    [new, connected]
}

db_tests! {
    async fn at_the_exchange_the_sign_in_is_lost_and_nothing_else(db: TestDb) {
        let app = TestApp::new(db).await;
        let [new, connected] = teams(&app).await;
        let before = connection(&app).await;
        let missing = ["access_token", "token_type"].map(|it| Fault::NullField(it.to_owned()));
        for (index, fault) in no_answers().into_iter().chain([missing[0].clone()]).enumerate() {
            let admin = [&new, &connected][index % 2];
            let path = admin.consent("Sam One").await;
            app.world.sim.fault(Endpoint::Token, fault.clone());
            for told_again in [false, true] {
                let answer = admin.come_back(&path).await;
                assert_eq!(answer.told(), "503 CONNECT_ATLASSIAN_DOWN", "{fault:?} {told_again}");
                assert!(answer.body.contains("Start again") && attempt_in(&answer).is_none(), "{fault:?}");
            }
            assert!(connection(&app).await == before, "{fault:?}");
        }
        assert_eq!(app.world.state(&new.who).await, ConnectionState::NotConnected);
        assert_eq!(app.world.state(&connected.who).await, ConnectionState::Connected);
        assert!(new.connect("Sam One").await.location().contains("notice=connected"));
    }

    async fn refusals_at_the_exchange_say_whose_turn_it_is(db: TestDb) {
        let app = TestApp::new(db).await;
        let [_, connected] = teams(&app).await;
        let before = connection(&app).await;
        let cases = [
            (Fault::Status(404), "400 CONNECT_REFUSED_BY_ATLASSIAN"),
            (Fault::Status(422), "400 CONNECT_REFUSED_BY_ATLASSIAN"),
            (Fault::MissingField("refresh_token".to_owned()), "502 CONNECT_NO_REFRESH_TOKEN"),
            (Fault::NullField("refresh_token".to_owned()), "502 CONNECT_NO_REFRESH_TOKEN"),
        ];
        for (fault, told) in cases {
            app.world.sim.fault(Endpoint::Token, fault.clone());
            assert_eq!(connected.connect("Sam One").await.told(), told, "{fault:?}");
            assert!(connection(&app).await == before, "{fault:?}");
        }
        app.world.sim.set_client_secret("another-secret-by-now".into());
        assert_eq!(connected.connect("Sam One").await.told(), "502 CONNECT_CLIENT_MISCONFIGURED");
        assert!(connection(&app).await == before);
    }

    async fn fields_that_may_be_missing_are_missed_by_nobody(db: TestDb) {
        let app = TestApp::new(db).await;
        let [_, connected] = teams(&app).await;
        for field in ["expires_in", "scope", "token_type"] {
            for fault in [Fault::MissingField(field.to_owned()), Fault::NullField(field.to_owned())] {
                app.world.sim.fault(Endpoint::Token, fault.clone());
                let back = connected.connect("Sam One").await;
                assert_eq!(back.location(), connected.path("integrations/?notice=connected"), "{fault:?}");
                let (credential, _) = app.world.stored(&connected.who).await;
                assert!(credential.scopes.contains("read:jira-work"), "{fault:?}");
                assert!(credential.tokens.unwrap().access_expires_at > app.world.now(), "{fault:?}");
            }
        }
    }

    async fn after_the_exchange_the_sign_in_is_kept_and_goes_on(db: TestDb) {
        let app = TestApp::new(db).await;
        let [new, connected] = teams(&app).await;
        let refusals = [401, 403, 404].map(Fault::Status);
        for (index, fault) in no_answers().into_iter().chain(refusals).enumerate() {
            let admin = [&new, &connected][index % 2];
            let before = connection(&app).await;
            let path = admin.consent("Sam One").await;
            app.world.sim.fault(Endpoint::Resources, fault.clone());
            let answer = admin.come_back(&path).await;
            assert_eq!(answer.told(), "503 CONNECT_ATLASSIAN_DOWN", "{fault:?}");
            assert!(answer.body.contains("your sign-in is kept for 30 minutes") && answer.body.contains("Try again"));
            let counts = app.world.sim.counts();
            // Loading the callback again, or trying while Atlassian is still down, changes nothing.
            let loaded = admin.come_back(&path).await;
            assert_eq!(attempt_in(&loaded), attempt_in(&answer));
            app.world.sim.fault(Endpoint::Resources, fault.clone());
            let still_down = try_again(admin, &loaded).await;
            assert_eq!(still_down.told(), "503 CONNECT_ATLASSIAN_DOWN", "{fault:?}");
            assert!(connection(&app).await == before, "{fault:?}");
            let done = try_again(admin, &still_down).await;
            assert!(done.location().contains("?notice=connected"), "{fault:?}");
            let after = app.world.sim.counts();
            assert_eq!((after.authorize, after.token_requests), (counts.authorize, counts.token_requests), "no new consent");
            if index % 2 == 0 {
                new.post(&new.path("integrations/jira/disconnect"), &[]).await;
            }
        }
    }

    async fn trouble_in_the_picker_keeps_the_choice_open(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Mia Krystof").await;
        let site = app.world.sim.sites_of("Mia Krystof").remove(0);
        let path = ada.path("integrations/jira/sites");
        for fault in [Fault::Status(503), Fault::HtmlWith200, Fault::TruncatedJson] {
            app.world.sim.fault(Endpoint::Resources, fault.clone());
            assert_eq!(ada.get(&path).await.told(), "503 CONNECT_ATLASSIAN_DOWN", "{fault:?}");
            app.world.sim.fault(Endpoint::Resources, fault.clone());
            let answer = ada.choose(&site).await;
            assert_eq!(answer.told(), "503 CONNECT_ATLASSIAN_DOWN", "{fault:?}");
            assert_eq!(try_again(&ada, &answer).await.location(), path, "{fault:?}");
        }
        assert!(ada.get(&path).await.body.contains("acme.atlassian.net"));
        assert_eq!(ada.choose(&site).await.location(), ada.path("integrations/?notice=connected"));
    }

    async fn a_kept_sign_in_is_over_after_half_an_hour(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        app.world.sim.fault(Endpoint::Resources, Fault::Status(503));
        let answer = ada.connect("Sam One").await;
        let page = ada.get(&ada.path("integrations/")).await;
        assert!(page.body.contains("Try again") || page.body.contains("Continue"), "the page leads on as well");
        app.world.env.advance(SignedDuration::from_mins(30));
        assert_eq!(try_again(&ada, &answer).await.told(), "410 CONNECT_CHOICE_EXPIRED");
        assert!(connection(&app).await.iter().all(Vec::is_empty));
    }

    async fn an_account_that_does_not_answer_is_unknown_never_another_one(db: TestDb) {
        let app = TestApp::new(db).await;
        let [new, connected] = teams(&app).await;
        assert!(app.world.stored(&connected.who).await.0.account_id.is_some());
        for (index, fault) in no_answers().into_iter().chain([Fault::Status(401), Fault::Status(404)]).enumerate() {
            let admin = [&new, &connected][index % 2];
            app.world.sim.fault(Endpoint::Myself, fault.clone());
            assert!(admin.connect("Sam One").await.location().contains("?notice=connected"), "{fault:?}");
            // Not guessed from the grant before, whose account it may not be.
            let account = app.world.stored(&admin.who).await.0.account_id;
            assert_eq!(account, None, "{fault:?}");
            if index % 2 == 0 {
                new.post(&new.path("integrations/jira/disconnect"), &[]).await;
            }
        }
    }

    async fn a_site_that_refuses_the_app_is_told_and_nothing_is_changed(db: TestDb) {
        let app = TestApp::new(db).await;
        let [new, connected] = teams(&app).await;
        let before = connection(&app).await;
        let site = app.world.sim.sites_of("Sam One").remove(0);
        assert!(app.world.sim.set_blocked(&site, true));
        for admin in [&new, &connected] {
            let answer = admin.connect("Sam One").await;
            assert_eq!(answer.told(), "409 CONNECT_SITE_REFUSED");
            assert!(answer.body.contains("Solo Works does not accept this app"));
            assert!(connection(&app).await == before);
        }
        // Let in again, the sign-in that waits goes on.
        assert!(app.world.sim.set_blocked(&site, false));
        assert_eq!(new.choose(&site).await.location(), new.path("integrations/?notice=connected"));
    }

    async fn a_consent_without_a_needed_scope_reaches_no_site(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        // The person ticks no site at the consent page.
        app.world.sim.set_switches(Switches { resource_level_grants: true, ..Switches::default() });
        assert_eq!(ada.connect("Mia Krystof").await.told(), "200 CONNECT_NO_SITE");
        assert!(connection(&app).await.iter().all(Vec::is_empty));
    }

    async fn a_permission_that_was_not_granted_is_named_until_it_is(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let withheld = ["read:jira-user".to_owned()].into();
        app.world.sim.set_switches(Switches { withheld_scopes: withheld, ..Switches::default() });
        assert!(ada.connect("Sam One").await.location().contains("?notice=connected"));
        assert_eq!(app.world.state(&ada.who).await, ConnectionState::PermissionsMissing);
        let page = ada.get(&ada.path("integrations/")).await;
        assert!(page.body.contains("permissions missing"));
        app.world.sim.set_switches(Switches::default());
        assert!(ada.connect("Sam One").await.location().contains("notice="));
        assert_eq!(app.world.state(&ada.who).await, ConnectionState::Connected);
        assert!(!ada.get(&ada.path("integrations/")).await.body.contains("permissions missing"));
    }

    async fn an_atlassian_that_never_answers_is_given_up(db: TestDb) {
        let timeouts = Timeouts { token: Duration::from_secs(2), call: Duration::from_secs(2), ..Timeouts::default() };
        let options = WorldOptions { timeouts, ..WorldOptions::default() };
        let app = TestApp::of(World::with_options(db, options).await);
        let [_, connected] = teams(&app).await;
        let before = connection(&app).await;
        app.world.sim.fault(Endpoint::Token, Fault::Hang);
        assert_eq!(connected.connect("Sam One").await.told(), "503 CONNECT_ATLASSIAN_DOWN");
        app.world.sim.fault(Endpoint::Resources, Fault::Hang);
        let answer = connected.connect("Sam One").await;
        assert_eq!(answer.told(), "503 CONNECT_ATLASSIAN_DOWN");
        assert!(connection(&app).await == before);
        app.world.sim.fault(Endpoint::Myself, Fault::Hang);
        assert!(try_again(&connected, &answer).await.location().contains("?notice=connected"));
    }
}
