//! Opening, migrating, and what a transaction promises.

use store::{Schema, Store, StoreError};
use testkit::{db::TestDb, db_tests};

use crate::rows::{at, read, sealed, team, team_id, two_teams, user_id, write};

async fn canary_is_there(db: &TestDb) -> bool {
    read(db, async |tx| tx.find_canary().await).await.is_some()
}

#[tokio::test]
async fn a_new_file_has_no_schema_until_it_is_migrated() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/new.db", dir.path().display());
    let store = Store::open(&url).await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Missing);
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::UpToDate);
    store.close().await;
    let store = Store::open(&url).await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::UpToDate);
}

#[tokio::test]
async fn a_commit_of_sqlite_survives_a_power_cut() {
    let db = TestDb::sqlite().await;
    // As the product opens it; that of the tests waits for no disk.
    let store = Store::open(&db.url).await.unwrap();
    let Store::Sqlite { readers, writer } = &store else {
        panic!("{store:?}");
    };
    let pragma = async |pool, sql: &'static str| {
        let (value,): (i64,) = sqlx::query_as(sql).fetch_one(pool).await.unwrap();
        value
    };
    assert_eq!(pragma(writer, "PRAGMA synchronous").await, 2, "FULL");
    for pool in [writer, readers] {
        assert_eq!(pragma(pool, "PRAGMA foreign_keys").await, 1);
    }
}

db_tests! {
    async fn migrating_again_changes_nothing(db: TestDb) {
        two_teams(&db).await;
        db.store.migrate().await.unwrap();
        db.store.migrate_without_lock().await.unwrap();
        assert_eq!(db.store.schema().await.unwrap(), Schema::UpToDate);
        assert!(read(&db, async |tx| tx.find_membership(team_id(1), user_id(1)).await).await.is_some());
    }

    async fn a_database_without_our_tables_has_no_schema(db: TestDb) {
        db.raw("DROP TABLE _sqlx_migrations").await.unwrap();
        assert_eq!(db.store.schema().await.unwrap(), Schema::Missing);
    }

    async fn a_schema_that_lacks_a_step_is_older(db: TestDb) {
        db.raw("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)").await.unwrap();
        assert_eq!(db.store.schema().await.unwrap(), Schema::Older);
    }

    async fn a_schema_with_an_unknown_step_is_newer_and_is_not_migrated(db: TestDb) {
        db.raw("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                SELECT 9999, description, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1").await.unwrap();
        assert_eq!(db.store.schema().await.unwrap(), Schema::Newer);
        let err = db.store.migrate().await.unwrap_err();
        assert!(matches!(err, StoreError::Migration(_)), "{err:?}");
        let err = db.store.migrate_without_lock().await.unwrap_err();
        assert!(matches!(err, StoreError::Migration(_)), "{err:?}");
    }

    async fn a_schema_whose_step_was_another_text_counts_as_newer(db: TestDb) {
        let other = match &db.store { Store::Sqlite { .. } => "x'00'", Store::Postgres(_) => "'\\x00'" };
        db.raw(&format!("UPDATE _sqlx_migrations SET checksum = {other}")).await.unwrap();
        assert_eq!(db.store.schema().await.unwrap(), Schema::Newer);
    }

    async fn a_dropped_transaction_leaves_nothing(db: TestDb) {
        let mut tx = db.store.write().await.unwrap();
        assert!(tx.add_canary(&sealed("canary"), at(0)).await.unwrap());
        assert!(tx.find_canary().await.unwrap().is_some(), "it sees its own writes");
        drop(tx);
        assert!(!canary_is_there(&db).await);
        assert!(write(&db, async |tx| tx.add_canary(&sealed("canary"), at(0)).await).await, "nothing is locked");
        assert!(canary_is_there(&db).await);
    }

    async fn nobody_else_sees_what_is_not_committed(db: TestDb) {
        let mut tx = db.store.write().await.unwrap();
        tx.add_team(&team(1)).await.unwrap();
        tx.add_canary(&sealed("canary"), at(0)).await.unwrap();
        assert!(!canary_is_there(&db).await);
        tx.commit().await.unwrap();
        assert!(canary_is_there(&db).await);
    }

    async fn a_transaction_that_reads_stays_on_its_snapshot(db: TestDb) {
        let mut reader = db.store.read().await.unwrap();
        assert_eq!(reader.find_canary().await.unwrap(), None);
        write(&db, async |tx| tx.add_canary(&sealed("canary"), at(0)).await).await;
        assert_eq!(reader.find_canary().await.unwrap(), None);
        drop(reader);
        assert!(canary_is_there(&db).await);
    }

    async fn a_transaction_that_reads_cannot_write(db: TestDb) {
        let mut reader = db.store.read().await.unwrap();
        let err = reader.add_canary(&sealed("canary"), at(0)).await.unwrap_err();
        assert!(matches!(err, StoreError::ReadOnly(_)), "{err:?}");
        drop(reader);
        assert!(!canary_is_there(&db).await);
    }

    async fn two_processes_write_one_after_the_other(db: TestDb) {
        two_teams(&db).await;
        let other = Store::open_with(&db.url, 1).await.unwrap();
        let add = async |store: &Store, n| {
            let mut tx = store.write().await.unwrap();
            tx.add_team(&team(n)).await.unwrap();
            tx.add_membership(team_id(n), user_id(1), domain::team::Role::Admin, at(0)).await.unwrap();
            tx.commit().await.unwrap();
        };
        tokio::join!(add(&db.store, 11), add(&other, 12), add(&db.store, 13), add(&other, 14));
        assert_eq!(read(&db, async |tx| tx.list_teams_of(user_id(1)).await).await.len(), 5);
        other.close().await;
    }
}
