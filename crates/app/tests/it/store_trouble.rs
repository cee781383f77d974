//! The database only reads, is full, locked, gone half way, or half migrated: a coded page each time, and
//! what was stored before is untouched.

use service::start::{NotReady, readiness};
use store::Store;
use testkit::{
    app::{Admin, TestApp},
    db::{TestDb, raw_on},
    db_tests,
    world::World,
};

use crate::tformance::{Machine, key};

const UNAVAILABLE: &str = "503 store_unavailable";

/// Everything that a connection rests on.
async fn stored(world: &World) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for table in [
        "integration_credentials",
        "jira_integrations",
        "memberships",
        "teams",
    ] {
        all.push(world.db.rows(table).await);
    }
    all
}

/// A connected team, and the same admin at another process, whose connections can be broken alone.
async fn connected(db: TestDb, query: [&str; 2]) -> (TestApp, Admin, TestApp, Admin) {
    let app = TestApp::new(db).await;
    let ada = app.admin("Ada", "Acme").await;
    assert!(
        ada.connect("Sam One")
            .await
            .location()
            .contains("?notice=connected")
    );
    let is_sqlite = matches!(app.world.db.store, Store::Sqlite { .. });
    let query = query[usize::from(!is_sqlite)];
    let broken = TestApp::of(app.world.another_process_at(query).await);
    let there = broken.moved_here(&ada);
    (app, ada, broken, there)
}

/// Everything that writes is refused with a page that tells no internals; reading goes on.
async fn writes_are_refused(admin: &Admin, consented: &str, words: &str) {
    for path in ["integrations/jira/connect", "integrations/jira/disconnect"] {
        let answer = admin.post(&admin.path(path), &[]).await;
        assert_eq!(answer.told(), UNAVAILABLE, "{path}");
        assert!(answer.body.contains("Nothing was changed"));
        assert!(
            !answer.body.contains(words),
            "what the driver says is not shown"
        );
    }
    assert_eq!(admin.come_back(consented).await.told(), UNAVAILABLE);
}

db_tests! {
    async fn a_database_that_only_reads_changes_nothing(db: TestDb) {
        let (app, ada, _, there) = connected(db, ["mode=ro", "options[default_transaction_read_only]=on"]).await;
        let consented = ada.consent("Sam One").await;
        let before = stored(&app.world).await;
        writes_are_refused(&there, &consented, "read-only").await;
        let page = there.get(&there.path("integrations/")).await;
        assert!(page.status.is_success() && page.body.contains("Connected"), "reading goes on");
        assert_eq!(stored(&app.world).await, before);
        // Where it can be written again, the same sign-in goes on.
        assert!(ada.come_back(&consented).await.location().contains("notice="));
    }

    async fn a_database_that_is_full_changes_nothing(db: TestDb) {
        let (app, ada, broken, there) = connected(db, ["mode=rwc", "options[extra_float_digits]=1"]).await;
        let consented = ada.consent("Sam One").await;
        let before = stored(&app.world).await;
        match &broken.world.services.store {
            store @ Store::Sqlite { .. } => raw_on(store, "PRAGMA max_page_count = 1").await.unwrap(),
            Store::Postgres(_) => {
                let full = "
                    CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS
                        $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
                    CREATE TRIGGER is_full BEFORE INSERT ON connect_attempts EXECUTE FUNCTION is_full();";
                app.world.db.raw(full).await.unwrap();
            }
        }
        // What there is has some room left.
        let path = there.path("integrations/jira/connect");
        let mut answer = there.post(&path, &[]).await;
        for _ in 0..200 {
            if answer.status.is_redirection() {
                answer = there.post(&path, &[]).await;
            }
        }
        assert_eq!(answer.told(), UNAVAILABLE);
        assert!(answer.body.contains("Nothing was changed") && !answer.body.contains("extend file"));
        assert!(there.get(&there.path("integrations/")).await.status.is_success(), "reading goes on");
        assert_eq!(stored(&app.world).await, before);
        if let Store::Postgres(_) = &broken.world.services.store {
            app.world.db.raw("DROP TRIGGER is_full ON connect_attempts").await.unwrap();
        }
        assert!(ada.come_back(&consented).await.location().contains("notice="));
    }

    async fn a_database_that_goes_away_on_the_way_leaves_everything_as_it_was(db: TestDb) {
        let (app, ada, broken, there) = connected(db, ["mode=rw", "options[extra_float_digits]=1"]).await;
        let consented = ada.consent("Sam One").await;
        let before = stored(&app.world).await;
        let asked = app.world.sim.counts();
        broken.world.services.store.close().await;
        let page = there.path("integrations/");
        for answer in [there.come_back(&consented).await, there.get(&page).await, there.post(&there.path("integrations/jira/connect"), &[]).await] {
            assert_eq!(answer.told(), UNAVAILABLE);
        }
        assert_eq!(app.world.sim.counts(), asked, "a code is not spent where nothing can be kept");
        assert!(matches!(readiness(&broken.world.services).await, Err(NotReady::Store(_))));
        assert_eq!(stored(&app.world).await, before);
        // A new process on the same database: the same callback, and a trip from the start, go well.
        let again = TestApp::of(app.world.another_process_at("").await);
        let ada = again.moved_here(&ada);
        assert!(ada.come_back(&consented).await.location().contains("notice="));
        assert!(ada.connect("Sam One").await.location().contains("notice="));
    }

    async fn a_half_migrated_database_is_not_served(db: TestDb) {
        let world = World::new(db).await;
        let (url, ring) = (world.db.url.clone(), key("tests", 1));
        let machine = Machine::new().set("DATABASE_URL", url).set("ENCRYPTION_KEYS", ring).set("LISTEN", "127.0.0.1:0");
        assert!(readiness(&world.services).await.is_ok());
        let last = "version = (SELECT max(version) FROM _sqlx_migrations)";
        world.db.raw(&format!("UPDATE _sqlx_migrations SET success = false WHERE {last}")).await.unwrap();
        assert!(matches!(readiness(&world.services).await, Err(NotReady::Schema)));
        let app = TestApp::of(world.clone());
        let ready = app.visitor().get("/readyz").await;
        assert_eq!(ready.told(), "503");
        assert!(ready.body.starts_with("schema: "), "{}", ready.body);
        let refused = machine.serve_once().unwrap_err();
        let is_sqlite = matches!(world.db.store, Store::Sqlite { .. });
        let why = if is_sqlite { "broke off" } else { "not up to date" };
        assert!(refused.contains(why), "{refused}");
        let refused = machine.run(&["migrate"]).refused().to_owned();
        assert!(refused.contains("broke off") && refused.contains("backup"), "{refused}");
        // The operator has put it right.
        world.db.raw(&format!("UPDATE _sqlx_migrations SET success = true WHERE {last}")).await.unwrap();
        assert!(readiness(&world.services).await.is_ok());
    }
}

#[tokio::test]
async fn a_database_that_another_program_holds_is_waited_for_and_given_up() {
    // PostgreSQL has no lock on a whole database; its tables are below.
    let (app, ada, broken, there) = connected(TestDb::sqlite().await, ["mode=rw", ""]).await;
    let consented = ada.consent("Sam One").await;
    let before = stored(&app.world).await;
    // As the service waits, only not for as long.
    let store = &broken.world.services.store;
    raw_on(store, "PRAGMA busy_timeout = 200").await.unwrap();
    let holder = app.world.services.store.write().await.unwrap();
    writes_are_refused(&there, &consented, "locked").await;
    let page = there.get(&there.path("integrations/")).await;
    assert!(page.status.is_success(), "reading goes on");
    holder.commit().await.unwrap();
    assert_eq!(stored(&app.world).await, before);
    let answer = there.come_back(&consented).await;
    assert!(
        answer.location().contains("notice="),
        "the next one waits for nobody"
    );
}

#[tokio::test]
async fn a_table_that_another_program_holds_is_waited_for_and_given_up() {
    let Some(db) = TestDb::postgres().await else {
        return;
    };
    let impatient = "options[lock_timeout]=200";
    let (app, ada, _, there) = connected(db, ["", impatient]).await;
    let (consented, later) = (ada.consent("Sam One").await, ada.consent("Sam One").await);
    let before = stored(&app.world).await;
    let asked = app.world.sim.counts();
    let held = app
        .world
        .db
        .hold_tables("integration_credentials, connect_attempts")
        .await;
    writes_are_refused(&there, &consented, "lock timeout").await;
    assert_eq!(
        app.world.sim.counts(),
        asked,
        "a code is not spent where nothing can be kept"
    );
    // Reading waits for such a lock too: what cannot be read is not "disconnected".
    let page = there.get(&there.path("integrations/")).await;
    assert_eq!(page.status, 503);
    assert!(
        page.body.contains("We could not load the state"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("lock timeout"));
    held.let_go().await;
    assert_eq!(stored(&app.world).await, before);
    let answer = there.come_back(&consented).await;
    assert!(
        answer.location().contains("notice="),
        "the same sign-in goes on"
    );

    // Held from when the code is spent: what was in force stays in force.
    let before = stored(&app.world).await;
    let held = app.world.db.hold_tables("integration_credentials").await;
    let answer = there.come_back(&later).await;
    assert_eq!(answer.told(), UNAVAILABLE);
    held.let_go().await;
    assert_eq!(stored(&app.world).await, before);
    let page = there.get(&there.path("integrations/")).await;
    assert!(page.body.contains("Connected"), "{}", page.body);
    app.world.token(&ada.who).await.unwrap();
    // What was granted is sealed on the attempt: *Continue* goes on from there, without a new consent.
    let exchanges = app.world.sim.counts().token_requests;
    let attempt = app.world.open_attempt(&ada.who).await.unwrap().to_string();
    let connect = there.path("integrations/jira/connect");
    let done = there.post(&connect, &[("attempt", &attempt)]).await;
    assert_eq!(
        done.location(),
        there.path("integrations/?notice=connected")
    );
    assert_eq!(app.world.sim.counts().token_requests, exchanges);
}
