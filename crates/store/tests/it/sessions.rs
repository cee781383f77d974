//! Browser sessions.

use domain::team::Role;
use store::StoreError;
use testkit::db_tests;

use crate::rows::{
    at, attempt, attempt_id, read, session, session_id, team, team_id, token_hash, two_teams, user,
    write,
};

db_tests! {
    async fn a_token_leads_to_its_person_and_to_the_teams_of_that_person_only(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_session(&session(1, 1), &token_hash(1)).await).await;
        write(&db, async |tx| tx.add_session(&session(2, 2), &token_hash(2)).await).await;

        let found = db.store.find_visitor(&token_hash(1), None).await.unwrap().unwrap();
        assert_eq!((found.session, found.user, found.membership), (session(1, 1), user(1), None));
        let found = db.store.find_visitor(&token_hash(1), Some(&team(1).slug)).await.unwrap().unwrap();
        assert_eq!(found.membership, Some((team(1), Role::Admin)));
        // Another team, and one that does not exist, look the same: the person is known, the team is not.
        for other in [team(2), team(3)] {
            let found = db.store.find_visitor(&token_hash(1), Some(&other.slug)).await.unwrap().unwrap();
            assert_eq!((found.user, found.membership), (user(1), None));
        }
        assert!(db.store.find_visitor(&token_hash(3), Some(&team(1).slug)).await.unwrap().is_none());
    }

    async fn a_token_belongs_to_one_session(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_session(&session(1, 1), &token_hash(1)).await).await;
        let mut tx = db.store.write().await.unwrap();
        let err = tx.add_session(&session(2, 2), &token_hash(1)).await.unwrap_err();
        assert!(matches!(err, StoreError::Duplicate), "{err:?}");
    }

    async fn the_last_use_is_noted_on_that_session_only(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_session(&session(1, 1), &token_hash(1)).await).await;
        write(&db, async |tx| tx.add_session(&session(2, 1), &token_hash(2)).await).await;
        write(&db, async |tx| tx.touch_session(session_id(1), at(90)).await).await;
        let last_seen = async |n| db.store.find_visitor(&token_hash(n), None).await.unwrap().unwrap().session.last_seen_at;
        assert_eq!((last_seen(1).await, last_seen(2).await), (at(90), at(0)));
    }

    async fn a_session_that_ends_leaves_its_attempt_without_one(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_session(&session(1, 1), &token_hash(1)).await).await;
        write(&db, async |tx| tx.add_session(&session(2, 1), &token_hash(2)).await).await;
        let mut begun = attempt(1, 1, 0);
        begun.session = Some(session_id(1));
        write(&db, async |tx| tx.add_attempt(&begun).await).await;
        write(&db, async |tx| tx.remove_session(session_id(1)).await).await;
        assert!(db.store.find_visitor(&token_hash(1), None).await.unwrap().is_none());
        assert!(db.store.find_visitor(&token_hash(2), None).await.unwrap().is_some(), "other browsers stay signed in");
        let left = read(&db, async |tx| tx.find_attempt(team_id(1), attempt_id(1)).await).await.unwrap();
        assert_eq!(left.session, None);
    }
}
