//! Several tabs, teams and people at once: each trip ends where it began, once.

use atlassian_sim::Endpoint;
use axum::http::StatusCode;
use domain::{attempt::AttemptOutcome, audit::AuditAction, credential::Generation};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use testkit::{
    app::{TestApp, callback},
    db_tests,
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

db_tests! {
    async fn two_teams_in_two_tabs_each_end_at_their_own(db: TestDb) {
        let app = TestApp::new(db).await;
        let acme = app.admin("Ada", "Acme").await;
        let beta = app.another_team(&acme, "Beta").await;
        let (to_acme, to_beta) = (acme.begin().await, beta.begin().await);
        let from_beta = callback(&app.world.consent(&to_beta, "Sam One").await);
        let from_acme = callback(&app.world.consent(&to_acme, "Mia Krystof").await);
        // It is one browser: either tab may come back first, and both cookies are the same.
        assert_eq!(acme.come_back(&from_beta).await.location(), beta.path("integrations/?notice=connected_only_site"));
        assert_eq!(beta.come_back(&from_acme).await.location(), acme.path("integrations/jira/sites"));
        assert!(app.world.credential(&acme.who).await.is_none(), "the choice of the one is not made by the other");
        let site = app.world.sim.sites_of("Mia Krystof").remove(0);
        assert_eq!(beta.choose(&site).await.told(), "410 CONNECT_CHOICE_EXPIRED");
        assert_eq!(acme.choose(&site).await.status, StatusCode::SEE_OTHER);
        let name = async |it| app.world.stored(it).await.1.site.name.to_string();
        assert_eq!((name(&acme.who).await, name(&beta.who).await), ("Acme".to_owned(), "Solo Works".to_owned()));
    }

    async fn two_attempts_of_one_team_both_end_and_the_later_one_is_a_reconnect(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let (first, second) = (ada.begin().await, ada.begin().await);
        let second = callback(&app.world.consent(&second, "Sam One").await);
        let first = callback(&app.world.consent(&first, "Sam One").await);
        assert_eq!(ada.come_back(&second).await.location(), ada.path("integrations/?notice=connected_only_site"));
        let before = app.world.stored(&ada.who).await;
        assert_eq!(ada.come_back(&first).await.location(), ada.path("integrations/?notice=connected"));
        let after = app.world.stored(&ada.who).await;
        assert_eq!((after.0.id, after.0.generation), (before.0.id, before.0.generation.next()));
        assert_eq!(after.1, before.1);
        let log = app.world.audit(&ada.who).await;
        let count = |action| log.iter().filter(|it| **it == action).count();
        assert_eq!((count(AuditAction::Connected), count(AuditAction::Reconnected)), (1, 1));
    }

    async fn two_attempts_at_the_very_same_time_leave_one_whole_pair(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let (one, other) = (ada.consent("Sam One").await, ada.consent("Sam One").await);
        let (one, other) = tokio::join!(ada.come_back(&one), ada.come_back(&other));
        let connected = [&one, &other].iter().filter(|it| it.header("location").contains("notice=connected")).count();
        assert!(connected >= 1, "{} {}", one.told(), other.told());
        for answer in [&one, &other] {
            assert!(answer.status == StatusCode::SEE_OTHER || answer.told() == "409 CONNECT_INTERRUPTED");
        }
        let (credential, _) = app.world.stored(&ada.who).await;
        assert_eq!(credential.generation, Generation(connected.try_into().unwrap()));
        // Access and refresh token are of one grant: the simulator takes the one and rotates the other.
        app.world.env.advance(HOUR * 2);
        app.world.token(&ada.who).await.unwrap();
    }

    async fn connecting_what_is_connected_keeps_id_and_site(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Mia Krystof").await;
        let site = app.world.sim.sites_of("Mia Krystof").remove(1);
        ada.choose(&site).await;
        let before = app.world.stored(&ada.who).await;
        app.world.env.advance(HOUR);
        let back = ada.connect("Mia Krystof").await;
        assert_eq!(back.location(), ada.path("integrations/?notice=connected"), "the site is not asked for again");
        let after = app.world.stored(&ada.who).await;
        assert_eq!((after.0.id, after.0.generation), (before.0.id, before.0.generation.next()));
        assert_eq!(after.1, before.1);
        let issued = app.world.sim.newest_tokens("Mia Krystof").unwrap();
        let opened = app.world.open_tokens(&after.0);
        assert_eq!((opened.access.expose_secret(), opened.refresh.expose_secret()), (&*issued.access, &*issued.refresh));
        assert_eq!(after.0.tokens.unwrap().access_expires_at, app.world.now() + HOUR, "no field of the old pair is left");
    }

    async fn another_atlassian_account_is_not_taken_silently(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let before = app.world.stored(&ada.who).await;
        let sites = ada.connect("Mia Krystof").await;
        assert_eq!(sites.location(), ada.path("integrations/jira/sites"), "a site of hers is no choice of ours");
        let site = app.world.sim.sites_of("Mia Krystof").remove(0);
        let account = ada.path("integrations/jira/account");
        assert_eq!(ada.choose(&site).await.location(), account);
        let question = ada.get(&account).await;
        assert_eq!(question.told(), "409 CONNECT_WRONG_ACCOUNT");
        assert!(question.body.contains("You signed in as Mia Krystof, but the connection of Acme belongs to Sam One."));
        assert_eq!(app.world.stored(&ada.who).await, before);
        for (decision, told) in [("", "422 bad_form"), ("maybe", "422 bad_form")] {
            assert_eq!(ada.post(&account, &[("decision", decision)]).await.told(), told);
        }
        let again = ada.post(&account, &[("decision", "again")]).await;
        assert!(again.location().contains("/authorize?"));
        assert!(app.world.attempts(&ada.who).await.iter().all(|it| it.grant.is_none()));
        assert_eq!(ada.post(&account, &[("decision", "switch")]).await.told(), "410 CONNECT_CHOICE_EXPIRED");
        assert_eq!(app.world.stored(&ada.who).await, before);

        ada.connect("Mia Krystof").await;
        assert_eq!(ada.choose(&site).await.location(), account);
        let switched = ada.post(&account, &[("decision", "switch")]).await;
        assert_eq!(switched.location(), ada.path("integrations/?notice=connected"));
        assert_eq!(app.world.stored(&ada.who).await.1.site.cloud_id.as_str(), site);
    }

    async fn a_disconnect_between_going_and_coming_back_makes_it_a_connect(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let before = app.world.stored(&ada.who).await;
        let path = ada.consent("Sam One").await;
        let gone = ada.post(&ada.path("integrations/jira/disconnect"), &[]).await;
        assert_eq!(gone.location(), ada.path("integrations/?notice=disconnected"));
        assert!(app.world.credential(&ada.who).await.unwrap().tokens.is_none());
        assert!(ada.get(gone.location()).await.body.contains("Connecting"), "the trip is still under way");
        assert_eq!(ada.come_back(&path).await.location(), ada.path("integrations/?notice=connected_only_site"));
        let after = app.world.stored(&ada.who).await;
        assert_eq!(after.0.id, before.0.id, "the row of the team is the same");
        assert!(after.0.generation > before.0.generation.next());
        assert!(after.0.disconnected_at.is_none());
        let log = app.world.audit(&ada.who).await;
        assert_eq!(log.iter().filter(|it| **it == AuditAction::Connected).count(), 2);
    }

    async fn a_disconnect_while_a_refresh_is_under_way_stays(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        app.world.env.advance(HOUR * 2);
        let held = app.world.sim.hold(Endpoint::Token);
        let (test, disconnect) = (ada.path("integrations/jira/test"), ada.path("integrations/jira/disconnect"));
        let tested = ada.post(&test, &[]);
        let meanwhile = async {
            held.reached().await;
            let gone = ada.post(&disconnect, &[]).await;
            held.release();
            gone
        };
        let (tested, gone) = tokio::join!(tested, meanwhile);
        assert_eq!(gone.location(), ada.path("integrations/?notice=disconnected"));
        assert_eq!(tested.status, StatusCode::OK);
        app.world.tasks_done().await;
        let credential = app.world.credential(&ada.who).await.unwrap();
        assert!(credential.tokens.is_none(), "what the refresh brought is discarded");
        assert!(app.world.db.rows("jira_integrations").await.is_empty());
        assert!(ada.get(&ada.path("integrations/")).await.body.contains("Disconnected"));
        // Twice is no mistake.
        let again = ada.post(&disconnect, &[]).await;
        assert_eq!(again.status, StatusCode::SEE_OTHER);
        assert_eq!(ada.get(&disconnect).await.location(), ada.path("integrations/"));
    }

    async fn a_sign_in_discarded_in_another_tab_cannot_come_back(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let path = ada.consent("Sam One").await;
        ada.post(&ada.path("integrations/jira/cancel"), &[]).await;
        let back = ada.come_back(&path).await;
        assert_eq!(back.told(), "410 CONNECT_CHOICE_EXPIRED");
        assert_eq!(app.world.sim.counts().exchange, 0);
        assert_eq!(app.world.attempts(&ada.who).await[0].outcome, Some(AttemptOutcome::Discarded));
        assert!(app.world.credential(&ada.who).await.is_none());
    }

    async fn a_callback_loaded_twice_at_once_exchanges_the_code_once(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let path = ada.consent("Sam One").await;
        let (one, other) = tokio::join!(ada.come_back(&path), ada.come_back(&path));
        let connected = ada.path("integrations/?notice=connected_only_site");
        assert_eq!([&one, &other].iter().filter(|it| it.header("location") == connected).count(), 1);
        // Also a request that Atlassian refuses would be one too many: it ends what the first one got.
        assert_eq!(app.world.sim.counts().token_requests, 1);
        assert_eq!(app.world.stored(&ada.who).await.0.generation, Generation(1));
    }

    async fn continue_goes_on_with_the_open_attempt(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let first = ada.begin().await;
        let page = ada.get(&ada.path("integrations/")).await;
        assert!(page.body.contains("Connecting"));
        let attempt = app.world.open_attempt(&ada.who).await.unwrap().to_string();
        assert!(page.body.contains(&format!("name=\"attempt\" value=\"{attempt}\"")));
        let connect = ada.path("integrations/jira/connect");
        let again = ada.post(&connect, &[("attempt", &attempt)]).await;
        assert_eq!(again.location(), first.as_str(), "the same trip");
        let bob = app.another_admin(&ada, "Bob").await;
        assert_eq!(bob.post(&connect, &[("attempt", &attempt)]).await.told(), "403 CONNECT_STATE_UNKNOWN");
        assert_eq!(ada.post(&connect, &[("attempt", "x")]).await.told(), "422 bad_form");
        let unknown = ada.who.team().id.to_string();
        assert_eq!(ada.post(&connect, &[("attempt", &unknown)]).await.told(), "403 CONNECT_STATE_UNKNOWN");
        app.world.env.advance(SignedDuration::from_mins(10));
        assert_eq!(ada.post(&connect, &[("attempt", &attempt)]).await.told(), "410 CONNECT_STATE_EXPIRED");
    }

    async fn a_trip_from_which_nobody_came_back_is_told_for_a_day_or_until_another(db: TestDb) {
        const MINUTE: SignedDuration = SignedDuration::from_mins(1);
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let page = async || ada.get(&ada.path("integrations/")).await.body;
        let (lapse, help) = ("and did not come back", "Saw an error at Atlassian?");
        ada.begin().await;
        app.world.env.advance(MINUTE * 10);
        let told = page().await;
        assert!(told.contains("Ada went to Atlassian on ") && told.contains(lapse) && told.contains(help));
        assert!(told.contains("Not connected") && !told.contains("Connecting"), "it is beside the state");
        app.world.env.advance(HOUR * 23);
        assert!(page().await.contains(lapse));
        app.world.env.advance(HOUR);
        assert!(!page().await.contains(lapse));

        ada.begin().await;
        app.world.env.advance(MINUTE * 10);
        assert!(page().await.contains(lapse));
        ada.connect("Sam One").await;
        let told = page().await;
        assert!(told.contains("Connected") && !told.contains(lapse), "what came after it went well");
        // Beside a connection in force it is told as well: somebody wanted something of it.
        app.world.env.advance(MINUTE);
        ada.begin().await;
        app.world.env.advance(MINUTE * 10);
        let told = page().await;
        assert!(told.contains("Connected") && told.contains(lapse) && told.contains("Test connection"));
    }
}
