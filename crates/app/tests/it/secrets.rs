//! No token, code, session, password or key stands in the clear in what the service writes: pages and
//! headers (every answer of every test is searched, see `testkit::app::rules`), logs, and the database.

use atlassian_sim::{Endpoint, Fault};
use jiff::SignedDuration;
use testkit::{
    app::{TestApp, callback},
    db_tests, logs, secrets,
    world::PASSWORD,
};

db_tests! {
    async fn a_whole_story_leaves_no_secret_behind(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.visitor();
        let form = [("name", "Ada"), ("email", "ada@example.com"), ("password", PASSWORD)];
        ada.post("/signup", &form).await;
        // Wrong once, and once with the address forgotten: the forms come back without the password.
        assert!(!ada.post("/signup", &[("name", "A"), ("email", "x"), ("password", PASSWORD)]).await.body.contains(PASSWORD));
        let wrong = app.visitor();
        wrong.post("/login", &[("email", "bob@example.com"), ("password", PASSWORD)]).await;
        ada.post("/teams/new", &[("name", "Acme")]).await;
        let jira = |rest: &str| format!("/a/acme/integrations/jira/{rest}");
        for (on, fault) in [
            (Endpoint::Token, Fault::Status(503)), (Endpoint::Token, Fault::TruncatedJson),
            (Endpoint::Resources, Fault::TruncatedJson), (Endpoint::Myself, Fault::DropAfterRotation),
        ] {
            app.world.sim.fault(on, fault);
            let away = ada.post(&jira("connect"), &[]).await;
            let query = app.world.consent(&away.location().parse().unwrap(), "Sam One").await;
            ada.come_back(&callback(&query)).await;
            app.visitor().come_back(&callback(&query)).await;
        }
        app.world.env.advance(SignedDuration::from_hours(2));
        app.world.sim.fault(Endpoint::Token, Fault::HtmlWith200);
        ada.post(&jira("test"), &[]).await;
        app.world.env.advance(SignedDuration::from_mins(1));
        app.world.refresh_due().await;
        ada.post(&jira("test"), &[]).await;
        app.world.sim.revoke_grants_of("Sam One");
        app.world.env.advance(SignedDuration::from_hours(2));
        ada.post(&jira("test"), &[]).await;
        ada.get("/a/acme/integrations/").await;
        ada.post(&jira("disconnect"), &[]).await;
        ada.post("/logout", &[]).await;

        let all = app.world.secrets();
        assert!(all.len() >= 15, "{}", all.len());
        let log = logs::written();
        // It is the log of this story, at its most talkative.
        for said in ["answered", "connected", "the code was not exchanged", "Atlassian answered", "DEBUG", "a sign-in was refused"] {
            assert!(log.contains(said), "{said}");
        }
        assert_eq!(secrets::find(&log, &all), None);
        assert_eq!(secrets::find(&app.world.dump().await, &all), None);
        // Nor the names and addresses of people.
        assert!(!log.contains("ada@example.com") && !log.contains("bob@example.com"));
        // Nor the query of the callback, which holds more than the code.
        assert!(!log.contains("state=") && !log.contains("code="));
    }

    async fn a_planted_secret_is_found_in_log_and_database(db: TestDb) {
        let app = TestApp::new(db).await;
        app.world.plants_a_secret();
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let all = app.world.secrets();
        let issued = app.world.sim.newest_tokens("Sam One").unwrap();
        let log = logs::aside(|| tracing::debug!(token = issued.access, "planted"));
        assert_eq!(secrets::find(&log, &all), Some(issued.access.as_str()));
        assert_eq!(secrets::find(&logs::aside(|| tracing::info!("nothing")), &all), None);

        assert_eq!(secrets::find(&app.world.dump().await, &all), None);
        let plant = format!("UPDATE users SET name = '{PASSWORD}'");
        app.world.db.raw(&plant).await.unwrap();
        assert_eq!(secrets::find(&app.world.dump().await, &all), Some(PASSWORD));
    }
}
