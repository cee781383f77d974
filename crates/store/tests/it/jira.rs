//! The chosen site of a credential.

use domain::{
    ids::JiraIntegrationId,
    jira::{JiraIntegration, SyncStatus},
    team::Role,
};
use store::StoreError;
use testkit::{db::TestDb, db_tests};
use uuid::Uuid;

use crate::rows::{
    JIRA, at, credential, integration, read, site, team, team_id, two_connected_teams, two_teams,
    user_id, write,
};

async fn find(db: &TestDb, team: u128) -> Option<JiraIntegration> {
    read(db, async |tx| {
        tx.find_jira_integration(team_id(team), JIRA).await
    })
    .await
}

async fn set(db: &TestDb, new: &JiraIntegration) {
    write(db, async |tx| tx.set_jira_integration(new, at(10)).await).await;
}

db_tests! {
    async fn a_site_is_read_as_it_was_written_by_its_team_only(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_credential(&credential(1), at(0)).await).await;
        assert_eq!(find(&db, 1).await, None);
        let mut new = integration(1, "acme");
        new.site.avatar_url = Some("https://example.com/avatar.png".to_owned());
        set(&db, &new).await;
        assert_eq!(find(&db, 1).await, Some(new));
        assert_eq!(find(&db, 2).await, None);
    }

    async fn the_same_site_keeps_its_id_and_sync_and_another_begins_anew(db: TestDb) {
        two_connected_teams(&db).await;
        db.raw("UPDATE jira_integrations SET sync_status = 'complete', last_sync_at = 1798761600000").await.unwrap();
        let synced = find(&db, 1).await.unwrap();
        assert_eq!(synced.sync_status, SyncStatus::Complete);

        let mut renamed = integration(1, "acme");
        renamed.id = JiraIntegrationId::from_uuid(Uuid::from_u128(9));
        renamed.site.name = site("renamed").name;
        set(&db, &renamed).await;
        let mut expected = synced.clone();
        expected.site.name = renamed.site.name;
        assert_eq!(find(&db, 1).await, Some(expected));

        set(&db, &integration(1, "other")).await;
        assert_eq!(find(&db, 1).await, Some(integration(1, "other")), "never synced");
        assert_eq!(find(&db, 2).await.unwrap().sync_status, SyncStatus::Complete, "another team's stays");
    }

    async fn a_site_is_lost_since_it_was_first_not_found_until_it_is_found(db: TestDb) {
        two_connected_teams(&db).await;
        let acme = integration(1, "acme").site;
        let check = async |team, found: Option<&_>, when| write(&db, async |tx| {
            tx.set_site_checked(team_id(team), &acme.cloud_id, found, at(when)).await
        }).await;
        assert!(check(1, None, 5).await);
        assert!(check(1, None, 6).await);
        let lost = find(&db, 1).await.unwrap();
        assert_eq!((lost.checked_at, lost.lost_at), (Some(at(6)), Some(at(5))));
        assert_eq!(find(&db, 2).await, Some(integration(2, "acme")), "another team's stays");
        let mut renamed = acme.clone();
        renamed.name = site("renamed").name;
        assert!(check(1, Some(&renamed), 7).await);
        let found = find(&db, 1).await.unwrap();
        assert_eq!((found.site, found.lost_at), (renamed, None));
        set(&db, &integration(1, "other")).await;
        assert!(!check(1, None, 8).await, "another site was chosen since");
    }

    async fn a_team_cannot_write_on_anothers_credential(db: TestDb) {
        two_connected_teams(&db).await;
        let mut foreign = integration(1, "evil");
        (foreign.id, foreign.team) = (JiraIntegrationId::from_uuid(Uuid::from_u128(9)), team_id(2));
        set(&db, &foreign).await;
        assert_eq!(find(&db, 1).await, Some(integration(1, "acme")));
        assert_eq!(find(&db, 2).await, Some(integration(2, "acme")));

        // Where there is no site yet the schema itself refuses.
        write(&db, async |tx| tx.remove_jira_integration(team_id(1)).await).await;
        let mut tx = db.store.write().await.unwrap();
        let err = tx.set_jira_integration(&foreign, at(10)).await.unwrap_err();
        assert!(matches!(err, StoreError::Database(_)), "{err:?}");
    }

    async fn a_site_is_forgotten_in_its_team_only(db: TestDb) {
        two_connected_teams(&db).await;
        let forget = async |team| write(&db, async |tx| tx.remove_jira_integration(team_id(team)).await).await;
        assert!(!forget(3).await);
        assert!(forget(1).await);
        assert!(!forget(1).await, "there is none any more");
        assert_eq!(find(&db, 1).await, None);
        assert_eq!(find(&db, 2).await, Some(integration(2, "acme")));
    }

    async fn a_person_is_told_only_the_own_teams_that_use_a_site(db: TestDb) {
        two_connected_teams(&db).await;
        write(&db, async |tx| tx.add_membership(team_id(2), user_id(1), Role::Member, at(0)).await).await;
        let (acme, other) = (site("acme").cloud_id, site("other").cloud_id);
        let using = async |user, sites: &[_]| read(&db, async |tx| tx.list_own_teams_using(user_id(user), sites).await).await;
        let both = [acme.clone(), other.clone()];
        assert_eq!(using(1, &both).await, [(acme.clone(), team(1)), (acme.clone(), team(2))]);
        assert_eq!(using(2, &both).await, [(acme, team(2))], "team 1 is not this person's");
        assert_eq!(using(1, &[other]).await, []);
        assert_eq!(using(1, &[]).await, []);
    }
}
