//! What a connection's state means for a service: served, served with a warning, or refused with the state.

use super::*;

/// What is answered: the status and code of a token, and its warning.
async fn token(billing: &Service) -> (String, Value) {
    let answer = billing.token().await;
    let warning = if answer.status == StatusCode::OK {
        json_of(&answer)["warning"]["code"].clone()
    } else {
        Value::Null
    };
    is(&answer, &answer.told());
    (answer.told(), warning)
}

/// That the state is told with the words of the table.
async fn expect(billing: &Service, state: &str, told: &str, warning: Value) {
    let connection = json_of(&billing.get().await);
    assert_eq!(connection["state"], state);
    assert_eq!(connection["warning"]["code"], warning, "{state}");
    assert_eq!(token(billing).await, (told.to_owned(), warning), "{state}");
}

async fn set(app: &TestApp, sql: &str) {
    app.world.db.raw(sql).await.unwrap();
}

db_tests! {
    async fn without_a_grant_the_state_is_the_code(db: TestDb) {
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        let billing = Service::of(&app, &ada, "billing").await;
        expect(&billing, "not_connected", "409 connection_not_connected", Value::Null).await;
        let back = ada.consent("Mia Krystof").await;
        expect(&billing, "connecting", "409 connection_connecting", Value::Null).await;
        ada.come_back(&back).await;
        expect(&billing, "choose_site", "409 connection_choose_site", Value::Null).await;
        let site = app.world.sim.sites_of("Mia Krystof").remove(0);
        ada.choose(&site).await;
        expect(&billing, "connected", "200", Value::Null).await;
        let token_id = json_of(&billing.token().await)["token_id"].clone();
        ada.post(&ada.path("integrations/jira/disconnect"), &[]).await;
        expect(&billing, "disconnected", "409 connection_disconnected", Value::Null).await;
        is(&billing.post(REJECTED, json!({"token_id": token_id})).await, "409 connection_disconnected");
        ada.begin().await;
        expect(&billing, "connecting", "409 connection_connecting", Value::Null).await;
    }

    async fn a_dead_grant_is_told_at_once_and_costs_no_call(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        app.world.sim.revoke_grants_of("Sam One");
        app.world.env.advance(MINUTE * 120);
        is(&billing.token().await, "409 connection_reconnect_needed");
        let asked = app.world.sim.counts().refresh;
        for _ in 0..10 {
            expect(&billing, "reconnect_needed", "409 connection_reconnect_needed", Value::Null).await;
        }
        assert_eq!(app.world.sim.counts().refresh, asked);
        assert_eq!(json_of(&billing.get().await)["reason"], "grant_revoked");
        ada.connect("Sam One").await;
        expect(&billing, "connected", "200", Value::Null).await;
    }

    async fn with_a_grant_a_good_token_is_served_with_the_first_warning(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        let days = |n: i64| app.world.now().as_millisecond() - n * 24 * 3_600_000;
        set(&app, &format!("UPDATE integration_credentials SET consented_at = {}", days(350))).await;
        expect(&billing, "renew_soon", "200", json!("renew_soon")).await;
        set(&app, "UPDATE integration_credentials SET consecutive_failures = 1, last_outcome = 'not_sent'").await;
        expect(&billing, "degraded", "200", json!("refresh_failing")).await;
        set(&app, "UPDATE integration_credentials SET scopes = '[\"read:jira-work\",\"offline_access\"]'").await;
        expect(&billing, "permissions_missing", "200", json!("permissions_missing")).await;
        set(&app, "UPDATE jira_integrations SET lost_at = 1").await;
        expect(&billing, "site_lost", "200", json!("site_lost")).await;
        set(&app, "UPDATE integration_credentials SET last_outcome = 'misconfigured'").await;
        expect(&billing, "misconfigured", "200", json!("misconfigured")).await;
    }

    async fn while_atlassian_is_away_nobody_waits_and_everybody_is_told_how_long(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        app.world.env.advance(MINUTE * 120);
        app.world.sim.fault(Endpoint::Token, Fault::Status(503));
        is(&billing.token().await, "503 provider_unavailable");
        let asked = app.world.sim.counts().refresh;
        let answer = billing.token().await;
        is(&answer, "503 provider_unavailable");
        let wait: i64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=900).contains(&wait), "{wait}");
        assert_eq!(app.world.sim.counts().refresh, asked, "nobody causes a call");
        assert_eq!(json_of(&billing.get().await)["state"], "waiting");
        app.world.env.advance(SignedDuration::from_secs(wait));
        is(&billing.token().await, "200");
        assert_eq!(json_of(&billing.get().await)["state"], "connected");
    }

    async fn a_row_that_does_not_open_is_the_operators_fault(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        set(&app, "UPDATE integration_credentials SET access_token = refresh_token").await;
        let answer = billing.token().await;
        is(&answer, "503 connection_misconfigured");
        let connection = json_of(&billing.get().await);
        assert_eq!((&connection["state"], &connection["reason"]), (&json!("misconfigured"), &json!("tokens_unreadable")));
    }

    async fn a_refused_client_is_the_operators_fault(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        app.world.env.advance(MINUTE * 120);
        app.world.sim.set_client_secret("another secret of the client".into());
        is(&billing.token().await, "503 connection_misconfigured");
    }

    async fn a_rejected_token_is_replaced_or_shown_to_work(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        let first = json_of(&billing.token().await);
        let report = async |id: &Value| billing.post(REJECTED, json!({"token_id": id})).await;
        // Another one is there already: nothing is asked.
        app.world.env.advance(MINUTE * 57);
        billing.token().await;
        app.world.tasks_done().await;
        let answer = report(&first["token_id"]).await;
        is(&answer, "200");
        let second = json_of(&answer);
        assert!(second["access_token"] != first["access_token"]);
        assert_eq!(app.world.sim.counts().refresh, 1);
        // Atlassian takes it: nothing is spent.
        let answer = report(&second["token_id"]).await;
        is(&answer, "200");
        let same = json_of(&answer);
        assert_eq!((&same["token_id"], &same["warning"]["code"]), (&second["token_id"], &json!("token_works")));
        assert_eq!(app.world.sim.counts().refresh, 1);
    }

    async fn a_store_that_is_away_is_told_as_such(db: TestDb) {
        let app = TestApp::new(db).await;
        let (_, billing) = connected(&app).await;
        app.world.services.store.close().await;
        is(&billing.token().await, "503 store_unavailable");
        is(&billing.get().await, "503 store_unavailable");
    }
}
