//! Teams and who is in them.

use domain::team::Role;
use store::StoreError;
use testkit::db_tests;

use crate::rows::{at, read, team, team_id, two_teams, user, user_id, write};

db_tests! {
    async fn a_member_is_found_in_the_own_team_only(db: TestDb) {
        two_teams(&db).await;
        let found = read(&db, async |tx| tx.find_membership(team_id(1), user_id(1)).await).await;
        assert_eq!(found, Some((team(1), Role::Admin)));
        for (team, user) in [(1, 2), (2, 1), (3, 1), (1, 3)] {
            let found = read(&db, async |tx| tx.find_membership(team_id(team), user_id(user)).await).await;
            assert_eq!(found, None, "team {team}, person {user}");
        }
    }

    async fn a_slug_belongs_to_one_team(db: TestDb) {
        let mut other = team(2);
        other.slug = team(1).slug;
        assert!(write(&db, async |tx| tx.add_team(&team(1)).await).await);
        assert!(!write(&db, async |tx| tx.add_team(&other).await).await);
        assert!(write(&db, async |tx| tx.add_team(&team(2)).await).await);
    }

    async fn nobody_is_in_a_team_twice(db: TestDb) {
        two_teams(&db).await;
        let mut tx = db.store.write().await.unwrap();
        let err = tx.add_membership(team_id(1), user_id(1), Role::Member, at(1)).await.unwrap_err();
        assert!(matches!(err, StoreError::Duplicate), "{err:?}");
        drop(tx);
        let found = read(&db, async |tx| tx.find_membership(team_id(1), user_id(1)).await).await;
        assert_eq!(found.unwrap().1, Role::Admin);
    }

    async fn a_role_changes_in_one_team_only(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_membership(team_id(2), user_id(1), Role::Admin, at(0)).await).await;
        let set = |team, user| write(&db, async move |tx| tx.set_role(team_id(team), user_id(user), Role::Member, at(1)).await);
        assert!(set(1, 1).await);
        assert!(!set(1, 2).await, "person 2 is in team 2 only");
        let teams = read(&db, async |tx| tx.list_teams_of(user_id(1)).await).await;
        assert_eq!(teams, [(team(1), Role::Member), (team(2), Role::Admin)]);
        let teams = read(&db, async |tx| tx.list_teams_of(user_id(2)).await).await;
        assert_eq!(teams, [(team(2), Role::Admin)]);
    }

    async fn who_is_taken_out_of_a_team_stays_in_the_others(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_membership(team_id(2), user_id(1), Role::Member, at(0)).await).await;
        let remove = |team, user| write(&db, async move |tx| tx.remove_membership(team_id(team), user_id(user)).await);
        assert!(!remove(1, 2).await, "person 2 is in team 2 only");
        assert!(remove(1, 1).await);
        assert!(!remove(1, 1).await, "not in it any more");
        let teams = read(&db, async |tx| tx.list_teams_of(user_id(1)).await).await;
        assert_eq!(teams, [(team(2), Role::Member)]);
    }

    async fn teams_are_listed_by_name_in_one_order_on_both_databases(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            for (n, name) in [(3, "team 0"), (4, "Team_2"), (5, "Äpfel"), (6, "Team 10")] {
                let mut team = team(n);
                team.name = domain::text::TeamName::parse(name).unwrap();
                tx.add_team(&team).await?;
                tx.add_membership(team.id, user_id(1), Role::Member, at(0)).await?;
            }
            Ok(())
        }).await;
        let teams = read(&db, async |tx| tx.list_teams_of(user_id(1)).await).await;
        let names: Vec<_> = teams.iter().map(|(it, _)| it.name.as_str()).collect();
        assert_eq!(names, ["Team 1", "Team 10", "Team_2", "team 0", "Äpfel"]);
    }

    async fn the_admins_of_a_team_are_its_own_and_no_members(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            for (n, role) in [(3, Role::Member), (4, Role::Admin)] {
                tx.add_user(&user(n), "hash").await?;
                tx.add_membership(team_id(1), user_id(n), role, at(0)).await?;
            }
            Ok(())
        }).await;
        assert_eq!(read(&db, async |tx| tx.list_admins(team_id(1)).await).await, [user(1), user(4)]);
        assert_eq!(read(&db, async |tx| tx.list_admins(team_id(2)).await).await, [user(2)]);
        assert_eq!(read(&db, async |tx| tx.list_admins(team_id(3)).await).await, []);
    }

    async fn the_operator_finds_a_team_by_its_slug(db: TestDb) {
        two_teams(&db).await;
        let slug = team(1).slug;
        assert_eq!(read(&db, async |tx| tx.find_team(&slug).await).await, Some(team(1)));
        let other = domain::text::Slug::parse("other").unwrap();
        assert_eq!(read(&db, async |tx| tx.find_team(&other).await).await, None);
    }
}
