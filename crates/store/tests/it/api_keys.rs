//! Keys of services: found by their hash with what they are after, listed and ended for their team only.

use domain::{
    api_key::{ApiKey, ChosenRights, PathPrefix, ProxyRight, Right, Rights},
    ids::ApiKeyId,
    provider_health::ProviderHealth,
    text::{CloudId, ServiceName},
    usage::Method,
};
use store::StoreError;
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
        is_second: false,
        rights: Rights::Everything,
        pin: None,
        created_by: Some(user_id(team)),
        created_at: at(0),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

pub(crate) async fn add(db: &TestDb, n: u8, team: u128, name: &str) -> bool {
    add_key(db, n, &key(u128::from(n), team, name)).await
}

/// The other key of a service.
pub(crate) async fn add_second(db: &TestDb, n: u8, team: u128, name: &str) -> bool {
    let second = ApiKey {
        is_second: true,
        ..key(u128::from(n), team, name)
    };
    add_key(db, n, &second).await
}

async fn add_key(db: &TestDb, n: u8, key: &ApiKey) -> bool {
    write(db, async |tx| {
        tx.add_api_key(key.team, key, &token_hash(n)).await
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

    async fn a_service_has_two_keys_at_most(db: TestDb) {
        two_teams(&db).await;
        let second = |n: u8, minutes| ApiKey {
            is_second: true,
            created_at: at(minutes),
            ..key(u128::from(n), 1, "search")
        };
        // The second may be older than the first, and each may be there alone.
        assert!(add_key(&db, 2, &second(2, 0)).await);
        assert!(!add_key(&db, 3, &second(3, 5)).await);
        let first = ApiKey { created_at: at(5), ..key(1, 1, "search") };
        assert!(add_key(&db, 1, &first).await);
        assert!(!add(&db, 4, 1, "search").await);
        let listed = read(&db, async |tx| tx.list_api_keys(team_id(1)).await).await;
        let listed: Vec<_> = listed.into_iter().map(|it| it.key).collect();
        assert_eq!(listed, [second(2, 0), first]);
        for n in [1, 2] {
            assert!(db.store.find_api_caller(&token_hash(n), JIRA).await.unwrap().is_some());
        }
        write(&db, async |tx| tx.revoke_api_key(team_id(1), second(2, 0).id, at(6)).await).await;
        assert!(add_key(&db, 3, &second(3, 7)).await);
    }

    async fn what_a_key_may_do_is_read_as_it_was_kept(db: TestDb) {
        two_teams(&db).await;
        let paths = ["/rest/api/3/issue", "/rest/agile"].map(|it| PathPrefix::parse(it).unwrap());
        let proxy = ProxyRight::new([Method::Get, Method::Post], paths).unwrap();
        let chosen = Rights::Chosen(ChosenRights::new([Right::Status, Right::Proxy], proxy).unwrap());
        for (n, rights) in [Rights::Everything, Rights::ReadEverything, Rights::ReadIssues, chosen].into_iter().enumerate() {
            let n = u8::try_from(n).unwrap() + 1;
            let kept = ApiKey {
                rights,
                pin: (n > 1).then(|| CloudId::parse("a-site").unwrap()),
                expires_at: (n > 2).then(|| at(n.into())),
                ..key(n.into(), 1, &format!("service {n}"))
            };
            assert!(add_key(&db, n, &kept).await);
            let found = db.store.find_api_caller(&token_hash(n), JIRA).await.unwrap().unwrap();
            assert_eq!(found.key, kept);
        }
        let rows = db.raw("UPDATE api_keys SET rights = 'all' WHERE name = 'service 1'").await;
        rows.unwrap();
        let err = db.store.find_api_caller(&token_hash(1), JIRA).await.unwrap_err();
        assert!(matches!(err, StoreError::OddValue { table: "api_keys", column: "rights", .. }), "{err:?}");
    }

    async fn a_key_of_before_it_had_rights_may_do_everything(db: TestDb) {
        two_teams(&db).await;
        add(&db, 1, 1, "billing").await;
        let columns = "rights, expires_at, pinned_to";
        let kept = db.rows("api_keys").await;
        let nulls = db.raw(&format!("DELETE FROM api_keys WHERE ({columns}) IS DISTINCT FROM (NULL, NULL, NULL)")).await;
        nulls.unwrap();
        assert_eq!(db.rows("api_keys").await, kept, "everything, for ever, anywhere, is what was there before");
        let found = db.store.find_api_caller(&token_hash(1), JIRA).await.unwrap().unwrap();
        assert_eq!(found.key.rights, Rights::Everything);
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
