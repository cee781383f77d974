//! How many statements a page costs. The driver tells of each; they are counted as it does.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicUsize, Ordering},
};

use domain::{
    audit::{AuditAction, AuditEvent},
    credential::RefreshOutcome,
    ids::{AuditEventId, RefreshEventId},
    refresh_event::{RefreshCause, RefreshEvent},
    usage::{Call, CountedCall, KeyUsage, Method, PathTemplate, minute_of},
};
use jiff::SignedDuration;
use testkit::{app::TestApp, db_tests};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, filter::Targets, layer::Context, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Counts the queries that it is told of. A connection that the pool opens is set up with statements of
/// its own, which are none of a page's.
struct Counter;

/// Whether a statement is such a one.
#[derive(Default)]
struct IsSetUp(bool);

impl Visit for IsSetUp {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 |= field.name() == "summary" && format!("{value:?}").contains("PRAGMA");
    }
}

impl<S: Subscriber> Layer<S> for Counter {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut is_set_up = IsSetUp::default();
        event.record(&mut is_set_up);
        if !is_set_up.0 {
            COUNT.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Each test is a process of its own.
fn start_counting() {
    let statements = Targets::new().with_target("sqlx::query", Level::TRACE);
    tracing_subscriber::registry()
        .with(Counter.with_filter(statements))
        .init();
}

/// As many refreshes as a busy connection has in more than a year.
async fn add_refreshes(app: &TestApp, of: &testkit::app::Admin, count: i64) {
    let (credential, _) = app.world.stored(&of.who).await;
    let now = app.world.now();
    let env = app.world.services.env.as_ref();
    let mut tx = app.world.services.store.write().await.unwrap();
    for n in 0..count {
        let is_bad = n % 7 == 0;
        let event = RefreshEvent {
            id: RefreshEventId::new(env),
            team: credential.team,
            credential: credential.id,
            generation: credential.generation,
            cause: RefreshCause::Schedule,
            outcome: if is_bad {
                RefreshOutcome::NotSent
            } else {
                RefreshOutcome::Ok
            },
            http_status: is_bad.then_some(429),
            duration_ms: 123,
            at: now - SignedDuration::from_mins(n * 5),
        };
        tx.add_refresh_event(&event).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// As many changes, and as many minutes with calls.
async fn add_to_the_log(app: &TestApp, of: &testkit::app::Admin, count: i64) {
    let wish = service::api_keys::KeyWish::named("billing");
    let made = service::api_keys::create(&app.world.services, &of.who, &wish).await;
    let key = made.unwrap().key.id;
    let team = of.who.team().id;
    let now = app.world.now();
    let env = app.world.services.env.as_ref();
    let mut tx = app.world.services.store.write().await.unwrap();
    let mut calls = Vec::new();
    for n in 0..count {
        let event = AuditEvent {
            id: AuditEventId::new(env),
            at: now - SignedDuration::from_mins(n),
            team: Some(team),
            actor: None,
            action: AuditAction::ApiKeyCreated,
            subject: Some(key.uuid()),
            detail: None,
        };
        tx.add_audit_event(&event).await.unwrap();
        calls.push(KeyUsage {
            key,
            team,
            minute_at: minute_of(event.at),
            of: CountedCall {
                call: Call::Token,
                method: Method::Post,
                path_template: PathTemplate::NONE,
                http_status: 200,
                answer: domain::usage::Answer::Served,
            },
            count: 1,
        });
    }
    tx.add_key_usage(&calls, now).await.unwrap();
    tx.commit().await.unwrap();
}

db_tests! {
    async fn the_page_of_a_connection_asks_at_most_six_times_whatever_happened_to_it(db: TestDb) {
        start_counting();
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let max = app.member(&ada, "Max").await;
        add_refreshes(&app, &ada, 10_000).await;
        for query in ["", "?show=failures", "?show=changes"] {
            let path = ada.path(&format!("integrations/jira/{query}"));
            for browser in [&**ada, &**max] {
                COUNT.store(0, Ordering::Relaxed);
                let page = browser.get(&path).await;
                let count = COUNT.load(Ordering::Relaxed);
                assert!(page.body.contains("Connected") && page.body.contains("month-calls"), "{}", page.body);
                assert!((1..=6).contains(&count), "{count} statements");
                assert!(page.body.len() < 60_000, "{} bytes", page.body.len());
            }
        }
    }

    async fn the_banner_costs_no_statement(db: TestDb) {
        start_counting();
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        let max = app.member(&ada, "Max").await;
        app.world.db.raw("UPDATE integration_credentials SET revoked_at = 1, revocation_reason = 'grant_revoked'").await.unwrap();
        for (path, most) in [("integrations/", 4), ("settings", 3)] {
            for browser in [&**ada, &**max] {
                COUNT.store(0, Ordering::Relaxed);
                let page = browser.get(&ada.path(path)).await;
                let count = COUNT.load(Ordering::Relaxed);
                assert!(page.body.contains("needs to be reconnected"), "{}", page.body);
                assert!((1..=most).contains(&count), "{path}: {count} statements");
            }
        }
    }

    async fn the_audit_pages_ask_at_most_five_times_whatever_there_is(db: TestDb) {
        start_counting();
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        add_to_the_log(&app, &ada, 10_000).await;
        for (rest, most) in [
            ("audit", 4),
            ("audit?kind=keys&person=nobody&from=2026-01-01&to=2027-01-01", 4),
            ("audit/usage", 5),
            ("audit/usage?by=day&call=token&status=2xx&from=2026-01-01", 5),
            // Who asks, and one batch, which is not full.
            ("audit/changes.csv?kind=team", 2),
            ("audit/usage.csv?from=2027-01-01", 2),
        ] {
            COUNT.store(0, Ordering::Relaxed);
            let page = ada.get(&ada.path(rest)).await;
            let count = COUNT.load(Ordering::Relaxed);
            assert_eq!(page.status, 200, "{rest}");
            assert!((1..=most).contains(&count), "{rest}: {count} statements");
            assert!(page.body.len() < 60_000, "{rest}: {} bytes", page.body.len());
        }
    }

    async fn the_integrations_page_asks_at_most_four_times(db: TestDb) {
        start_counting();
        let app = TestApp::new(db).await;
        let ada = app.admin("Ada", "Acme").await;
        ada.connect("Sam One").await;
        app.world.db.raw("INSERT INTO provider_health (provider, is_down, probes, created_at, updated_at) \
                          VALUES ('jira', TRUE, 0, 0, 0) ON CONFLICT (provider) DO NOTHING").await.unwrap();
        let path = ada.path("integrations/");
        COUNT.store(0, Ordering::Relaxed);
        let page = ada.get(&path).await;
        let count = COUNT.load(Ordering::Relaxed);
        assert!(page.body.contains("Connected"), "{}", page.body);
        assert!((1..=4).contains(&count), "{count} statements");
    }
}
