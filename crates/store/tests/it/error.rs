//! Which failures callers can tell apart.

use store::{Store, StoreError};
use testkit::{db::TestDb, db_tests};

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
    // Nobody listens on the port of a listener that is gone.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    for url in [no_folder, format!("postgres://root@127.0.0.1:{port}/test")] {
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

db_tests! {
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
