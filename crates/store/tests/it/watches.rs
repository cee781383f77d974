//! When a connection is looked at, and by whom.

use domain::{ids::CredentialId, state::ConnectionState};
use store::WatchOf;
use testkit::db_tests;
use uuid::Uuid;

use crate::{
    incidents::add_incidents,
    rows::{at, read, team, team_id, two_connected_teams, write},
};

fn of(n: u128) -> WatchOf {
    WatchOf {
        team: team_id(n),
        credential: CredentialId::from_uuid(Uuid::from_u128(n)),
    }
}

db_tests! {
    async fn what_is_due_earlier_stays_so(db: TestDb) {
        two_connected_teams(&db).await;
        let due = async |now| read(&db, async |tx| tx.list_due_watches(at(now), 10).await).await;
        write(&db, async |tx| {
            tx.watch_connection(team_id(1), of(1).credential, at(5)).await?;
            tx.watch_connection(team_id(1), of(1).credential, at(7)).await?;
            tx.watch_connection(team_id(2), of(2).credential, at(6)).await?;
            // Of another team, nothing.
            tx.watch_connection(team_id(1), of(2).credential, at(1)).await
        })
        .await;
        assert_eq!(due(4).await, []);
        assert_eq!(due(5).await, [of(1)]);
        assert_eq!(due(6).await, [of(1), of(2)]);
        write(&db, async |tx| tx.watch_connection(team_id(1), of(1).credential, at(3)).await).await;
        assert_eq!(due(3).await, [of(1)]);
    }

    async fn who_looks_says_what_was_told_and_when_to_look_again(db: TestDb) {
        two_connected_teams(&db).await;
        write(&db, async |tx| {
            tx.watch_connection(team_id(1), of(1).credential, at(5)).await?;
            assert_eq!(tx.lock_watch(of(1), at(4)).await?, None, "not due yet");
            let mixed = WatchOf { team: team_id(2), ..of(1) };
            assert_eq!(tx.lock_watch(mixed, at(5)).await?, None, "another team's");
            let watch = tx.lock_watch(of(1), at(5)).await?.unwrap();
            assert_eq!((watch.team, watch.due_at, watch.told), (team(1), at(5), None));
            let told = Some(ConnectionState::Connected);
            tx.set_watch(of(1), told, Some(at(9)), at(5)).await?;
            assert_eq!(tx.lock_watch(of(1), at(8)).await?, None);
            assert_eq!(tx.lock_watch(of(1), at(9)).await?.unwrap().told, told);
            tx.set_watch(of(1), told, None, at(9)).await
        })
        .await;
        let due = read(&db, async |tx| tx.list_due_watches(at(9_999), 10).await).await;
        assert_eq!(due, []);
        write(&db, async |tx| tx.watch_connection(team_id(1), of(1).credential, at(20)).await).await;
        let due = read(&db, async |tx| tx.list_due_watches(at(20), 10).await).await;
        assert_eq!(due, [of(1)]);
    }

    async fn of_many_processes_one_looks(db: TestDb) {
        two_connected_teams(&db).await;
        write(&db, async |tx| tx.watch_connection(team_id(1), of(1).credential, at(5)).await).await;
        let mut first = db.store.write().await.unwrap();
        assert!(first.lock_watch(of(1), at(5)).await.unwrap().is_some());
        // SQLite has one writer anyway.
        if matches!(db.store, store::Store::Postgres(_)) {
            let mut second = db.store.write().await.unwrap();
            assert_eq!(second.lock_watch(of(1), at(5)).await.unwrap(), None);
        }
        first.set_watch(of(1), None, None, at(5)).await.unwrap();
        first.commit().await.unwrap();
        let mut second = db.store.write().await.unwrap();
        assert_eq!(second.lock_watch(of(1), at(5)).await.unwrap(), None);
    }

    async fn an_incident_that_is_due_too_far_ahead_is_looked_at(db: TestDb) {
        two_connected_teams(&db).await;
        add_incidents(&db).await;
        // They are due at the 60th minute.
        let due = async |furthest| read(&db, async |tx| tx.list_incidents_too_far(at(furthest), 1).await).await;
        assert_eq!(due(60).await, []);
        assert_eq!(due(59).await.len(), 1);
    }

    async fn after_a_refresh_only_what_may_be_news_is_due(db: TestDb) {
        two_connected_teams(&db).await;
        let due_after = async |told, is_changed| {
            write(&db, async |tx| {
                tx.watch_connection(team_id(1), of(1).credential, at(1)).await?;
                tx.set_watch(of(1), told, None, at(1)).await?;
                tx.watch_saved(team_id(2), of(1).credential, true, at(2)).await?;
                assert_eq!(tx.list_due_watches(at(2), 10).await?, [], "of another team, nothing");
                tx.watch_saved(team_id(1), of(1).credential, is_changed, at(2)).await?;
                Ok(tx.list_due_watches(at(2), 10).await? == [of(1)])
            })
            .await
        };
        assert!(!due_after(Some(ConnectionState::Connected), false).await);
        assert!(due_after(Some(ConnectionState::Connected), true).await);
        assert!(due_after(Some(ConnectionState::ReconnectNeeded), false).await);
        assert!(due_after(None, false).await);
    }
}
