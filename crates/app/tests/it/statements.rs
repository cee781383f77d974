//! How many statements a page costs. The driver tells of each; they are counted as it does.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicUsize, Ordering},
};

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

db_tests! {
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
