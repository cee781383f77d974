//! The people of a team, and the rows of persons.

use domain::{
    team::Role,
    text::{PersonName, TeamName},
};
use testkit::db_tests;

use crate::rows::{
    JIRA, at, attempt, read, session, session_id, team, team_id, token_hash, two_connected_teams,
    two_teams, user, user_id, write,
};

db_tests! {
    async fn members_are_listed_for_their_team_admins_first(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            tx.add_user(&user(3), "hash").await?;
            tx.add_membership(team_id(2), user_id(1), Role::Member, at(5)).await?;
            tx.add_membership(team_id(2), user_id(3), Role::Admin, at(6)).await
        }).await;
        let found = read(&db, async |tx| tx.list_members(team_id(2)).await).await;
        let found: Vec<_> = found.into_iter().map(|it| (it.user.id, it.role, it.joined_at)).collect();
        assert_eq!(found, [
            (user_id(2), Role::Admin, at(0)),
            (user_id(3), Role::Admin, at(6)),
            (user_id(1), Role::Member, at(5)),
        ]);
        let others = read(&db, async |tx| tx.count_other_admins(team_id(2), user_id(3)).await).await;
        assert_eq!(others, 1);
        let others = read(&db, async |tx| tx.count_other_admins(team_id(1), user_id(1)).await).await;
        assert_eq!(others, 0);
        let stuck = read(&db, async |tx| tx.list_teams_of_only_admin(user_id(1)).await).await;
        assert_eq!(stuck, [team(1)]);
        let stuck = read(&db, async |tx| tx.list_teams_of_only_admin(user_id(2)).await).await;
        assert_eq!(stuck, []);
    }

    async fn what_is_gone_cannot_be_held(db: TestDb) {
        two_teams(&db).await;
        let mut tx = db.store.write().await.unwrap();
        assert!(tx.lock_team(team_id(1)).await.unwrap() && tx.lock_user(user_id(1)).await.unwrap());
        assert!(!tx.lock_team(team_id(3)).await.unwrap() && !tx.lock_user(user_id(3)).await.unwrap());
    }

    async fn a_team_gets_another_name_and_keeps_its_slug(db: TestDb) {
        two_teams(&db).await;
        let name = TeamName::parse("Other").unwrap();
        assert!(write(&db, async |tx| tx.set_team_name(team_id(1), &name, at(1)).await).await);
        assert!(!write(&db, async |tx| tx.set_team_name(team_id(3), &name, at(1)).await).await);
        let mut renamed = team(1);
        renamed.name = name;
        let found = read(&db, async |tx| tx.list_teams_of(user_id(1)).await).await;
        assert_eq!(found, [(renamed, Role::Admin)]);
        let other = read(&db, async |tx| tx.list_teams_of(user_id(2)).await).await;
        assert_eq!(other, [(team(2), Role::Admin)]);
    }

    async fn a_removed_team_takes_all_of_its_rows_along_and_no_others(db: TestDb) {
        two_connected_teams(&db).await;
        write(&db, async |tx| {
            for n in [1, 2] {
                tx.add_attempt(&attempt(n, n, 0)).await?;
            }
            tx.remove_team(team_id(1)).await
        }).await;
        for (n, left) in [(1, false), (2, true)] {
            let found = read(&db, async |tx| tx.find_membership(team_id(n), user_id(n)).await).await;
            assert_eq!(found.is_some(), left);
            let found = read(&db, async |tx| tx.find_credential(team_id(n), JIRA).await).await;
            assert_eq!(found.is_some(), left);
            let found = read(&db, async |tx| tx.find_jira_integration(team_id(n), JIRA).await).await;
            assert_eq!(found.is_some(), left);
            let found = read(&db, async |tx| tx.list_attempts(team_id(n)).await).await;
            assert_eq!(found.len(), usize::from(left));
        }
        assert!(!write(&db, async |tx| tx.remove_team(team_id(1)).await).await);
    }

    async fn a_person_is_found_changed_and_removed(db: TestDb) {
        assert!(!read(&db, async |tx| tx.has_users().await).await);
        two_teams(&db).await;
        assert!(read(&db, async |tx| tx.has_users().await).await);
        let found = read(&db, async |tx| tx.find_user(&user(1).email).await).await;
        assert_eq!(found, Some(user(1)));
        assert_eq!(read(&db, async |tx| tx.find_user(&user(3).email).await).await, None);

        let name = PersonName::parse("Other").unwrap();
        assert!(write(&db, async |tx| tx.set_user_name(user_id(1), &name, at(1)).await).await);
        assert!(write(&db, async |tx| tx.set_password_hash(user_id(1), "hash", "new", at(1)).await).await);
        assert!(!write(&db, async |tx| tx.set_password_hash(user_id(1), "hash", "late", at(1)).await).await);
        let hash = read(&db, async |tx| tx.find_password_hash(user_id(1)).await).await;
        assert_eq!(hash.as_deref(), Some("new"));
        let other = read(&db, async |tx| tx.find_user_for_sign_in(&user(2).email).await).await;
        assert_eq!(other, Some((user(2), "hash".to_owned())));

        assert!(write(&db, async |tx| tx.remove_user(user_id(1)).await).await);
        assert!(!write(&db, async |tx| tx.remove_user(user_id(1)).await).await);
        assert_eq!(read(&db, async |tx| tx.find_password_hash(user_id(1)).await).await, None);
        assert!(read(&db, async |tx| tx.list_members(team_id(1)).await).await.is_empty());
    }

    async fn sessions_of_a_person_end_together_or_but_for_one(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            for (n, person) in [(1, 1), (2, 1), (3, 1), (4, 2)] {
                tx.add_session(&session(n, person), &token_hash(u8::try_from(n).unwrap())).await?;
            }
            Ok(())
        }).await;
        let is_there = async |n| db.store.find_visitor(&token_hash(n), None).await.unwrap().is_some();
        let ended = write(&db, async |tx| tx.remove_other_sessions(user_id(1), session_id(1)).await).await;
        assert_eq!(ended, 2);
        assert!(is_there(1).await && !is_there(2).await && !is_there(3).await && is_there(4).await);

        assert!(write(&db, async |tx| tx.renew_session(&session(1, 1), &token_hash(9)).await).await);
        assert!(!write(&db, async |tx| tx.renew_session(&session(2, 1), &token_hash(8)).await).await);
        assert!(!is_there(1).await && is_there(9).await);
        assert_eq!(write(&db, async |tx| tx.remove_sessions_of(user_id(1)).await).await, 1);
        assert!(!is_there(9).await && is_there(4).await);
    }
}
