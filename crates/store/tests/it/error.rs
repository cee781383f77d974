//! Which failures callers can tell apart.

use store::{Schema, Store, StoreError};
use testkit::{
    db::{TestDb, raw_on},
    db_tests,
};

use crate::rows::{at, team_id, two_teams, user_id};
use domain::team::Role;

#[tokio::test]
async fn an_address_of_another_kind_is_refused_by_name() {
    for url in [
        "",
        "tformance.db",
        "mysql://127.0.0.1/test",
        "SQLITE://test.db",
    ] {
        let err = Store::open(url).await.unwrap_err();
        assert!(matches!(err, StoreError::UnknownKind), "{url}: {err:?}");
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_not_a_database_that_is_away() {
    for url in ["sqlite://test.db?mode=sideways", "postgres://host:port/db"] {
        let err = Store::open(url).await.unwrap_err();
        assert!(matches!(err, StoreError::BadAddress(_)), "{url}: {err:?}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable() {
    let dir = tempfile::tempdir().unwrap();
    let no_folder = format!("sqlite://{}/missing/test.db", dir.path().display());
    // Nobody listens at the second: it is below what a test may bind.
    for url in [no_folder, "postgres://root@127.0.0.1:1/test".to_owned()] {
        let err = Store::open(&url).await.unwrap_err();
        assert!(matches!(err, StoreError::Unavailable(_)), "{url}: {err:?}");
    }
}

#[tokio::test]
async fn transactions_in_each_others_way_are_a_conflict() {
    // SQLite has one writer, so that nobody can be in its way.
    let Some(db) = TestDb::postgres().await else {
        return;
    };
    two_teams(&db).await;
    let (mut one, mut two) = (
        db.store.write().await.unwrap(),
        db.store.write().await.unwrap(),
    );
    let role = Role::Member;
    one.set_role(team_id(1), user_id(1), role, at(1))
        .await
        .unwrap();
    two.set_role(team_id(2), user_id(2), role, at(1))
        .await
        .unwrap();
    let crosswise = async |mut tx: store::Tx, n: u128| {
        tx.set_role(team_id(n), user_id(n), role, at(2)).await?;
        tx.commit().await
    };
    let ended = tokio::join!(crosswise(one, 2), crosswise(two, 1));
    let [Err(err)] = [ended.0.and(ended.1)] else {
        panic!("a deadlock went by");
    };
    assert!(matches!(err, StoreError::Conflict(_)), "{err:?}");
}

/// What a writing connection says to a statement.
async fn told(store: &Store, sql: &str) -> StoreError {
    raw_on(store, sql).await.unwrap_err().into()
}

#[tokio::test]
async fn what_sqlite_says_has_its_meaning() {
    let db = TestDb::sqlite().await;
    let insert = "INSERT INTO filled SELECT zeroblob(100000)";
    raw_on(
        &db.store,
        "CREATE TABLE filled (value BLOB); PRAGMA max_page_count = 1",
    )
    .await
    .unwrap();
    let err = told(&db.store, insert).await;
    assert!(matches!(err, StoreError::Full(_)), "{err:?}");

    let read_only = Store::open_with(&format!("{}?mode=ro", db.url), 1)
        .await
        .unwrap();
    let err = told(&read_only, insert).await;
    assert!(matches!(err, StoreError::ReadOnly(_)), "{err:?}");

    let other = Store::open_with(&db.url, 1).await.unwrap();
    raw_on(&other, "PRAGMA busy_timeout = 1").await.unwrap();
    let holder = db.store.write().await.unwrap();
    let err = other.write().await.unwrap_err();
    assert!(matches!(err, StoreError::Locked(_)), "{err:?}");
    // Not dropped: what that rolls back, it rolls back in its own time.
    holder.commit().await.unwrap();
    assert!(other.write().await.is_ok());

    let err = told(&db.store, "SELECT * FROM nothing_of_ours").await;
    assert!(
        matches!(err, StoreError::Database(_)) && !err.is_trouble(),
        "{err:?}"
    );
}

#[tokio::test]
async fn what_postgres_says_has_its_meaning() {
    let Some(db) = TestDb::postgres().await else {
        return;
    };
    for (code, meaning) in [
        ("25006", "ReadOnly"),
        ("53100", "Full"),
        ("53200", "Full"),
        ("55P03", "Locked"),
        ("57014", "Locked"),
        ("58030", "Disk"),
        ("XX001", "Disk"),
        ("53300", "Unavailable"),
        ("57P01", "Unavailable"),
        ("57P03", "Unavailable"),
        ("08006", "Unavailable"),
        ("40001", "Conflict"),
        ("23505", "Duplicate"),
        ("42601", "Database"),
    ] {
        let sql = format!("DO $$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '{code}'; END $$");
        let err = told(&db.store, &sql).await;
        let name = format!("{err:?}");
        assert!(name.starts_with(meaning), "{code}: {name}");
        let is_ours = ["Database", "Duplicate"].contains(&meaning);
        assert_eq!(err.is_trouble(), !is_ours, "{code}");
    }
}

db_tests! {
    async fn a_step_that_broke_off_is_not_counted_and_not_gone_over(db: TestDb) {
        db.raw("UPDATE _sqlx_migrations SET success = false WHERE version = 1").await.unwrap();
        assert_eq!(db.store.schema().await.unwrap(), Schema::Older);
        let err = db.store.migrate_without_lock().await.unwrap_err();
        assert!(matches!(err, StoreError::HalfMigrated(1)), "{err:?}");
    }

    async fn a_store_that_was_closed_is_unavailable(db: TestDb) {
        db.store.close().await;
        let err = db.store.read().await.unwrap_err();
        assert!(matches!(err, StoreError::Unavailable(_)), "{err:?}");
        let err = db.store.write().await.unwrap_err();
        assert!(matches!(err, StoreError::Unavailable(_)), "{err:?}");
    }
}

#[tokio::test]
async fn a_server_that_ends_our_connection_is_unavailable_and_then_there_again() {
    let Some(db) = TestDb::postgres().await else {
        return;
    };
    let admin = Store::open_with(&db.url, 1).await.unwrap();
    let mut tx = db.store.read().await.unwrap();
    let Store::Postgres(pool) = &admin else {
        panic!("{admin:?}");
    };
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()";
    sqlx::query(end).execute(pool).await.unwrap();
    let err = tx
        .find_membership(team_id(1), user_id(1))
        .await
        .unwrap_err();
    assert!(matches!(err, StoreError::Unavailable(_)), "{err:?}");
    drop(tx);
    let mut answered = false;
    // Each connection that was ended is found by a query of its own.
    for _ in 0..5 {
        answered |= db.store.schema().await.is_ok();
    }
    assert!(answered);
}
