//! Every call with a good key is counted, by what came of it.

use std::time::Duration;

use domain::usage::{Answer as Came, Call, Method as How};
use service::worker::note_use;
use testkit::app::ORIGIN;

use super::*;

/// What is written for the team of an admin: call, method, status, what came of it, how often.
async fn written(app: &TestApp, admin: &Admin) -> Vec<(Call, How, u16, Came, u64)> {
    let mut tx = app.world.services.store.read().await.unwrap();
    let since = app.world.now() - MINUTE * 600;
    let rows = tx.list_key_usage(admin.who.team().id, since, 100);
    let rows = rows.await.unwrap();
    let told = rows.into_iter().rev().map(|it| {
        assert_eq!(it.of.path_template.as_str(), "");
        (
            it.of.call,
            it.of.method,
            it.of.http_status,
            it.of.answer,
            it.count,
        )
    });
    told.collect()
}

async fn write(app: &TestApp) -> note_use::Done {
    note_use::run_once(&app.world.services).await.unwrap()
}

/// The sums of days, as they lie in the database.
async fn reads_of_the_day(app: &TestApp) -> u64 {
    let mut tx = app.world.services.store.read().await.unwrap();
    let day = domain::usage::day_of(app.world.now());
    let sums = tx.sum_daily_usage(day).await.unwrap();
    sums.iter().map(|it| it.count).sum()
}

db_tests! {
    async fn every_call_with_a_good_key_is_counted_with_what_came_of_it(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        is(&billing.get().await, "200");
        is(&billing.token().await, "200");
        is(&billing.token().await, "200");
        let text = request(Method::POST, TOKEN, Some(&billing.key)).body(Body::from("{")).unwrap();
        is(&app.send(text).await, "415 not_json");
        is(&billing.post(TOKEN, json!({"minimum_seconds": -1})).await, "422 minimum_invalid");
        is(&billing.post(REJECTED, json!({"token_id": "x"})).await, "422 token_id_unknown");
        let odd = Service { app: app.clone(), key: format!("{}x", billing.key) };
        is(&odd.token().await, "401 key_malformed");
        assert!(written(&app, &ada).await.is_empty(), "not on the path of a read");
        assert_eq!(write(&app).await.rows, 5);
        let first = [
            (Call::Token, How::Post, 422, Came::CallersFault, 1),
            (Call::Token, How::Post, 415, Came::CallersFault, 1),
            (Call::Token, How::Post, 200, Came::Served, 2),
            (Call::Status, How::Get, 200, Came::Served, 1),
            (Call::Rejected, How::Post, 422, Came::CallersFault, 1),
        ];
        assert_eq!(written(&app, &ada).await, first);
        assert_eq!(reads_of_the_day(&app).await, 6);

        app.world.env.advance(MINUTE * 120);
        app.world.sim.fault(Endpoint::Token, Fault::Status(503));
        is(&billing.token().await, "503 provider_unavailable");
        app.world.sim.set_client_secret("another secret of the client".into());
        app.world.env.advance(MINUTE);
        is(&billing.token().await, "503 connection_misconfigured");
        app.world.disconnect(&ada.who).await;
        app.world.env.advance(MINUTE);
        is(&billing.token().await, "409 connection_disconnected");
        write(&app).await;
        assert_eq!(written(&app, &ada).await[5..], [
            (Call::Token, How::Post, 503, Came::ProviderOutage, 1),
            (Call::Token, How::Post, 503, Came::OurFault, 1),
            (Call::Token, How::Post, 409, Came::NoGrant, 1),
        ]);
        assert_eq!(write(&app).await, note_use::Done::default(), "written once");
        assert_eq!(reads_of_the_day(&app).await, 9);
        let text = app.world.services.metrics.text().unwrap();
        for line in [
            "tformance_reads_total{call=\"token\",answer=\"served\"} 2",
            "tformance_reads_total{call=\"token\",answer=\"no_grant\"} 1",
            "tformance_reads_total{call=\"rejected\",answer=\"callers_fault\"} 1",
            "tformance_status_calls_total{call=\"status\",answer=\"served\"} 1",
            "tformance_refused_keys_total{reason=\"malformed\"} 1",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    async fn a_caller_that_leaves_is_counted_as_one(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        app.world.env.advance(MINUTE * 120);
        let held = app.world.sim.hold(Endpoint::Token);
        let waiting = tokio::spawn(async move { billing.token().await });
        held.reached().await;
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        held.release();
        app.world.tasks_done().await;
        write(&app).await;
        assert_eq!(written(&app, &ada).await, [(Call::Token, How::Post, 499, Came::CallersFault, 1)]);
    }

    async fn a_call_whose_time_is_up_is_answered_and_counted_as_our_fault(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        app.world.env.advance(MINUTE * 120);
        let held = app.world.sim.hold(Endpoint::Token);
        let settings = web::Settings {
            // Long enough for the key to be found on a busy machine: nothing else ends this call.
            answer_time: Duration::from_secs(5),
            ..web::Settings::new(ORIGIN.parse().unwrap())
        };
        let hurried = Service { app: TestApp::with(app.world.clone(), settings), key: billing.key };
        let answer = hurried.token().await;
        is(&answer, "503 too_slow");
        assert_eq!(answer.header("retry-after"), "5");
        held.release();
        app.world.tasks_done().await;
        write(&app).await;
        assert_eq!(written(&app, &ada).await, [(Call::Token, How::Post, 503, Came::OurFault, 1)]);
    }

    async fn what_the_database_does_not_take_is_written_later_and_once(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        billing.token().await;
        app.world.db.raw("ALTER TABLE daily_usage RENAME TO elsewhere").await.unwrap();
        assert!(note_use::run_once(&app.world.services).await.is_err());
        let text = app.world.services.metrics.text().unwrap();
        assert!(text.contains("tformance_unwritten_usage_rows 1"), "{text}");
        assert!(written(&app, &ada).await.is_empty(), "all of it or nothing");
        billing.token().await;
        app.world.db.raw("ALTER TABLE elsewhere RENAME TO daily_usage").await.unwrap();
        write(&app).await;
        assert_eq!(written(&app, &ada).await, [(Call::Token, How::Post, 200, Came::Served, 2)]);
        assert_eq!(reads_of_the_day(&app).await, 2);
        let text = app.world.services.metrics.text().unwrap();
        assert!(text.contains("tformance_unwritten_usage_rows 0"), "{text}");
    }

    async fn a_team_that_is_deleted_meanwhile_costs_the_others_no_count(db: TestDb) {
        let app = TestApp::new(db).await;
        let (ada, billing) = connected(&app).await;
        let eve = app.admin("Eve", "Evil").await;
        eve.connect("Sam One").await;
        let evil = Service::of(&app, &eve, "billing").await;
        billing.token().await;
        evil.token().await;
        app.world.db.raw("DELETE FROM teams WHERE slug = 'evil'").await.unwrap();
        write(&app).await;
        assert_eq!(written(&app, &ada).await, [(Call::Token, How::Post, 200, Came::Served, 1)]);
        assert_eq!(reads_of_the_day(&app).await, 1);
        assert_eq!(write(&app).await, note_use::Done::default(), "nothing is kept for who is gone");
    }
}
