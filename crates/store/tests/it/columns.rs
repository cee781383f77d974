//! A value that no version of ours writes is named by table and column, never guessed at.

use store::{StoreError, Tx};
use testkit::{db::TestDb, db_tests};

use crate::rows::{
    JIRA, attempt, attempt_id, team_id, token_hash, two_connected_teams, user, user_id, write,
};

/// Plants a value and reads it: the error must name `place`.
async fn find_odd<T: std::fmt::Debug>(
    db: &TestDb,
    plant: &str,
    place: (&str, &str),
    find: impl AsyncFnOnce(&mut Tx) -> Result<T, StoreError>,
) {
    db.raw(plant).await.unwrap();
    let mut tx = db.store.read().await.unwrap();
    match find(&mut tx).await {
        Err(StoreError::OddValue { table, column, .. }) => assert_eq!((table, column), place),
        other => panic!("{plant}: {other:?}"),
    }
}

db_tests! {
    async fn an_odd_value_is_named_where_it_is_read(db: TestDb) {
        two_connected_teams(&db).await;
        write(&db, async |tx| {
            tx.add_attempt(&attempt(1, 1, 0)).await?;
            tx.add_session(&crate::rows::session(1, 1), &token_hash(1)).await
        }).await;
        // Later than any time that `jiff` knows.
        let beyond = i64::MAX;

        find_odd(&db, "UPDATE connect_attempts SET outcome = 'unheard'", ("connect_attempts", "outcome"),
            async |tx| tx.find_attempt(team_id(1), attempt_id(1)).await).await;
        find_odd(&db, &format!("UPDATE connect_attempts SET expires_at = {beyond}"), ("connect_attempts", "expires_at"),
            async |tx| tx.list_attempts(team_id(1)).await).await;
        find_odd(&db, "UPDATE jira_integrations SET site_url = 'javascript:alert(1)'", ("jira_integrations", "site_url"),
            async |tx| tx.find_jira_integration(team_id(1), JIRA).await).await;
        find_odd(&db, "UPDATE integration_credentials SET scopes = '{}'", ("integration_credentials", "scopes"),
            async |tx| tx.find_credential(team_id(1), JIRA).await).await;
        find_odd(&db, "UPDATE integration_credentials SET scopes = '[]', account_id = ''", ("integration_credentials", "account_id"),
            async |tx| tx.find_credential(team_id(1), JIRA).await).await;
        find_odd(&db, &format!("UPDATE integration_credentials SET account_id = NULL, consecutive_failures = {beyond}"),
            ("integration_credentials", "consecutive_failures"),
            async |tx| tx.find_credential(team_id(1), JIRA).await).await;
        find_odd(&db, "UPDATE users SET name = ''", ("users", "name"),
            async |tx| tx.find_user_for_sign_in(&user(1).email).await).await;
        find_odd(&db, "UPDATE teams SET slug = 'Not a slug' WHERE slug = 'team-1'", ("teams", "slug"),
            async |tx| tx.list_teams_of(user_id(1)).await).await;
        db.raw(&format!("UPDATE sessions SET ends_at = {beyond}")).await.unwrap();
        let err = db.store.find_visitor(&token_hash(1), None).await.unwrap_err();
        assert!(matches!(err, StoreError::OddValue { table: "sessions", column: "ends_at", .. }), "{err:?}");
    }

    async fn the_schema_refuses_half_a_pair_and_unknown_words(db: TestDb) {
        two_connected_teams(&db).await;
        write(&db, async |tx| tx.add_attempt(&attempt(1, 1, 0)).await).await;
        for sql in [
            "UPDATE integration_credentials SET refresh_token = NULL",
            "UPDATE integration_credentials SET token_expires_at = NULL",
            "UPDATE integration_credentials SET revoked_at = 1",
            "UPDATE integration_credentials SET generation = -1",
            "UPDATE integration_credentials SET provider = 'other'",
            "UPDATE jira_integrations SET sync_status = 'other'",
            "UPDATE memberships SET role = 'owner'",
            "UPDATE connect_attempts SET purpose = 'other'",
            "UPDATE connect_attempts SET erase_at = 1",
            "INSERT INTO installation (id, canary, created_at, updated_at) SELECT 2, access_token, 0, 0 FROM integration_credentials",
        ] {
            assert!(db.raw(sql).await.is_err(), "{sql}");
        }
    }
}
