//! Keys of services: found by their hash with what they are after, listed and ended for their team only.

use domain::{api_key::ApiKey, ids::ApiKeyId, provider_health::ProviderHealth, text::ServiceName};
use testkit::{db::TestDb, db_tests};
use uuid::Uuid;

use crate::rows::{
    JIRA, at, credential, integration, read, team_id, token_hash, two_connected_teams, two_teams,
    user, user_id, write,
};

fn key(n: u128, team: u128, name: &str) -> ApiKey {
    ApiKey {
        id: ApiKeyId::from_uuid(Uuid::from_u128(n)),
        team: team_id(team),
        name: ServiceName::parse(name).unwrap(),
        created_by: Some(user_id(team)),
        created_at: at(0),
        last_used_at: None,
        revoked_at: None,
    }
}

pub(crate) async fn add(db: &TestDb, n: u8, team: u128, name: &str) -> bool {
    let key = key(u128::from(n), team, name);
    write(db, async |tx| {
        tx.add_api_key(team_id(team), &key, &token_hash(n)).await
    })
    .await
}

async fn names(db: &TestDb, team: u128) -> Vec<String> {
    let keys = read(db, async |tx| tx.list_api_keys(team_id(team)).await).await;
    keys.iter().map(|it| it.key.name.to_string()).collect()
}

db_tests! {
    async fn a_key_leads_to_the_connection_of_its_team_only(db: TestDb) {
        two_teams(&db).await;
        assert!(add(&db, 1, 1, "billing").await && add(&db, 2, 2, "billing").await);
        let found = db.store.find_api_caller(&token_hash(1), JIRA).await.unwrap().unwrap();
        assert_eq!((found.key, found.connection.credential, found.connection.integration), (key(1, 1, "billing"), None, None));
        write(&db, async |tx| {
            tx.add_credential(&credential(1), at(0)).await?;
            tx.set_jira_integration(&integration(1, "acme"), at(0)).await
        }).await;
        let found = db.store.find_api_caller(&token_hash(1), JIRA).await.unwrap().unwrap();
        let found = found.connection;
        assert_eq!((found.credential, found.integration, found.provider), (Some(credential(1)), Some(integration(1, "acme")), None));
        write(&db, async |tx| tx.lock_provider_health(JIRA, at(1)).await).await;
        let found = db.store.find_api_caller(&token_hash(1), JIRA).await.unwrap().unwrap();
        assert_eq!(found.connection.provider, Some(ProviderHealth::new(JIRA)));
        let others = db.store.find_api_caller(&token_hash(2), JIRA).await.unwrap().unwrap();
        assert_eq!((others.key.team, others.connection.credential), (team_id(2), None));
        assert!(db.store.find_api_caller(&token_hash(3), JIRA).await.unwrap().is_none());
    }

    async fn a_name_is_that_of_one_key_in_force_of_a_team(db: TestDb) {
        two_teams(&db).await;
        assert!(add(&db, 1, 1, "search").await && add(&db, 2, 1, "billing").await && add(&db, 3, 2, "search").await);
        assert!(!add(&db, 4, 1, "search").await);
        assert_eq!((names(&db, 1).await, names(&db, 2).await), (vec!["billing".to_owned(), "search".to_owned()], vec!["search".to_owned()]));
        write(&db, async |tx| tx.revoke_api_key(team_id(1), key(1, 1, "search").id, at(1)).await).await;
        assert!(add(&db, 4, 1, "search").await);
        let listed = read(&db, async |tx| tx.list_api_keys(team_id(1)).await).await;
        assert_eq!((listed.len(), listed[1].key.id), (2, key(4, 1, "search").id));
        assert_eq!(listed[1].created_by, Some(user(1).name));
    }

    async fn a_key_is_ended_once_and_by_its_team_only(db: TestDb) {
        two_teams(&db).await;
        add(&db, 1, 1, "billing").await;
        let id = key(1, 1, "billing").id;
        let revoke = async |team, minutes| write(&db, async |tx| tx.revoke_api_key(team_id(team), id, at(minutes)).await).await;
        assert!(!revoke(2, 1).await);
        assert!(revoke(1, 2).await);
        assert!(!revoke(1, 3).await);
        let found = db.store.find_api_caller(&token_hash(1), JIRA).await.unwrap().unwrap();
        assert_eq!(found.key.revoked_at, Some(at(2)));
        assert!(names(&db, 1).await.is_empty());
    }

    async fn the_last_use_only_moves_on(db: TestDb) {
        two_teams(&db).await;
        add(&db, 1, 1, "billing").await;
        let id = key(1, 1, "billing").id;
        let used = async |team, minutes| write(&db, async |tx| tx.set_api_key_used(team_id(team), id, at(minutes)).await).await;
        assert!(!used(2, 1).await);
        assert!(used(1, 5).await);
        assert!(!used(1, 4).await);
        let found = db.store.find_api_caller(&token_hash(1), JIRA).await.unwrap().unwrap();
        assert_eq!(found.key.last_used_at, Some(at(5)));
    }

    async fn keys_go_with_their_team_and_stay_without_who_made_them(db: TestDb) {
        two_connected_teams(&db).await;
        add(&db, 1, 1, "billing").await;
        add(&db, 2, 2, "billing").await;
        write(&db, async |tx| {
            tx.remove_team(team_id(1)).await?;
            tx.remove_user(user_id(2)).await
        }).await;
        assert!(db.store.find_api_caller(&token_hash(1), JIRA).await.unwrap().is_none());
        let listed = read(&db, async |tx| tx.list_api_keys(team_id(2)).await).await;
        assert_eq!((listed[0].key.created_by, &listed[0].created_by), (None, &None));
    }

    async fn the_services_of_a_team_stand_beside_its_connection(db: TestDb) {
        two_teams(&db).await;
        for (n, name) in [(1, "search"), (2, "billing, and more"), (3, "Überweisung")] {
            add(&db, n, 1, name).await;
        }
        add(&db, 4, 2, "others").await;
        write(&db, async |tx| tx.revoke_api_key(team_id(1), key(1, 1, "search").id, at(1)).await).await;
        let services = async |team| {
            let shown = read(&db, async |tx| tx.find_connection_overview(team_id(team), JIRA, at(1)).await).await;
            shown.services.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(services(1).await, ["billing, and more", "Überweisung"]);
        assert_eq!(services(2).await, ["others"]);
    }
}
