//! What was kept for long enough is removed, a bounded number of rows at once, beside everything else.

use domain::{
    retention::{Kept, Retention},
    usage::{Answer, Call, CountedCall, KeyUsage, Method, PathTemplate, minute_of},
};
use jiff::SignedDuration;
use service::{Policy, api_keys::KeyWish, worker::retain};
use testkit::{
    db_tests,
    world::{SignedInAdmin, World},
};
use tokio_util::sync::CancellationToken;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A key that was used in so many minutes before now.
async fn used(world: &World, admin: &SignedInAdmin, minutes: i32) {
    service::api_keys::create(&world.services, admin, &KeyWish::named("billing"))
        .await
        .unwrap();
    let mut tx = world.services.store.write().await.unwrap();
    let team = admin.team().id;
    let key = tx.list_api_keys(team).await.unwrap().remove(0).key.id;
    let rows: Vec<_> = (0..minutes)
        .map(|minute| KeyUsage {
            key,
            team,
            minute_at: minute_of(world.now() - SignedDuration::from_mins(minute.into())),
            of: CountedCall {
                call: Call::Token,
                method: Method::Post,
                path_template: PathTemplate::NONE,
                http_status: 200,
                answer: Answer::Served,
            },
            count: 1,
        })
        .collect();
    tx.add_key_usage(&rows, world.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn run(world: &World) -> retain::Done {
    retain::run_once(&world.services, &CancellationToken::new())
        .await
        .unwrap()
}

db_tests! {
    async fn what_is_older_than_its_age_goes_and_the_rest_stays(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        // More than fit into one transaction, and some that are a moment too young.
        used(&world, &ada, 1_300).await;
        world.env.advance(DAY * 90 - SignedDuration::from_mins(100));
        let done = run(&world).await;
        assert_eq!(done.removed(Kept::KeyUsage), 1_200);
        assert_eq!(done.removed(Kept::ConnectAttempts), 1);
        assert!(!done.is_behind);
        assert_eq!(world.db.rows("key_usage").await.len(), 100);
        assert_eq!(run(&world).await, retain::Done::default(), "nothing is left");
        let text = world.services.metrics.text().unwrap();
        assert!(text.contains("tformance_removed_rows_total{table=\"key_usage\"} 1200"), "{text}");
        assert!(text.contains("tformance_retention_behind 0"), "{text}");
        assert!(world.credential(&ada).await.is_some());
    }

    async fn the_audit_log_is_kept_for_400_days(db: TestDb) {
        let world = World::new(db).await;
        // So long ago that the database would let it go at any time.
        let clock = world.services.store.read().await.unwrap().find_clock().await.unwrap();
        world.env.advance(clock.duration_since(world.now()) - DAY * 500);
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let log = world.db.rows("audit_events").await;
        world.env.advance(DAY * 400 - SignedDuration::from_mins(1));
        assert_eq!(run(&world).await.removed(Kept::AuditEvents), 0);
        assert_eq!(world.db.rows("audit_events").await, log);
        world.env.advance(SignedDuration::from_mins(1));
        assert_eq!(run(&world).await.removed(Kept::AuditEvents), u64::try_from(log.len()).unwrap());
        assert!(world.db.rows("audit_events").await.is_empty());
    }

    async fn what_the_operator_set_counts(db: TestDb) {
        let retention = Retention::parse("key_usage=2d,connect_attempts=forever").unwrap();
        let policy = Policy { allow_signup: true, retention, ..Policy::default() };
        let world = World::with_policy(db, policy).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        used(&world, &ada, 1).await;
        world.env.advance(DAY * 2 - SignedDuration::from_mins(2));
        assert_eq!(run(&world).await.removed(Kept::KeyUsage), 0);
        world.env.advance(SignedDuration::from_mins(2));
        assert_eq!(run(&world).await.removed(Kept::KeyUsage), 1);
        world.env.advance(DAY * 3_000);
        assert_eq!(run(&world).await.removed(Kept::ConnectAttempts), 0);
        assert_eq!(world.attempts(&ada).await.len(), 1);
    }

    async fn a_server_that_ends_does_not_wait_for_it(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        used(&world, &ada, 10).await;
        world.env.advance(DAY * 91);
        let stop = CancellationToken::new();
        stop.cancel();
        let done = retain::run_once(&world.services, &stop).await.unwrap();
        assert!(done.is_behind && done.removed(Kept::KeyUsage) == 0);
        let text = world.services.metrics.text().unwrap();
        assert!(text.contains("tformance_retention_behind 1"), "{text}");
        assert_eq!(run(&world).await.removed(Kept::KeyUsage), 10);
    }

    async fn a_clock_that_is_far_ahead_leaves_the_audit_log_and_removes_the_rest(db: TestDb) {
        let world = World::new(db).await;
        let clock = world.services.store.read().await.unwrap().find_clock().await.unwrap();
        world.env.advance(clock.duration_since(world.now()));
        let ada = world.admin("Ada", "Acme").await;
        used(&world, &ada, 10).await;
        let log = world.db.rows("audit_events").await;
        // What is not a month old by the clock of the database stays, whatever ours says.
        world.env.advance(DAY * 500);
        let done = run(&world).await;
        assert_eq!(done.removed(Kept::AuditEvents), 0);
        assert_eq!(world.db.rows("audit_events").await, log);
        assert_eq!(done.removed(Kept::KeyUsage), 10);
        assert!(!done.is_behind);
    }

    async fn a_table_that_cannot_be_cleaned_keeps_no_other(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        used(&world, &ada, 10).await;
        world.env.advance(DAY * 91);
        world.db.raw("ALTER TABLE refresh_events RENAME TO elsewhere").await.unwrap();
        let failed = retain::run_once(&world.services, &CancellationToken::new()).await;
        assert!(failed.is_err());
        assert!(world.db.rows("key_usage").await.is_empty());
    }
}
