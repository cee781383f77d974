//! What a page shows of a connection.

use domain::{credential::RefreshOutcome, provider_health::ProviderHealth, text::PersonName};
use testkit::{db::TestDb, db_tests};

use crate::rows::{
    JIRA, at, attempt, attempt_id, credential, integration, read, stored, team_id,
    two_connected_teams, two_teams, user, user_id, write,
};

async fn overview(db: &TestDb, team: u128, minutes: i64) -> store::ConnectionOverview {
    read(db, async |tx| {
        tx.find_connection_overview(team_id(team), JIRA, at(minutes))
            .await
    })
    .await
}

fn name(n: u128) -> PersonName {
    user(n).name
}

db_tests! {
    async fn a_connection_is_shown_with_its_site_and_the_names_to_its_team_only(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            tx.add_credential(&credential(1), at(0)).await?;
            tx.add_attempt(&attempt(1, 1, 0)).await
        }).await;
        let shown = overview(&db, 1, 1).await;
        assert_eq!((shown.credential, shown.integration), (Some(credential(1)), None));
        write(&db, async |tx| tx.set_jira_integration(&integration(1, "acme"), at(0)).await).await;
        let shown = overview(&db, 1, 1).await;
        assert_eq!((shown.credential, shown.integration), (Some(credential(1)), Some(integration(1, "acme"))));
        assert_eq!((shown.connected_by, shown.disconnected_by), (Some(name(1)), None));
        assert_eq!((shown.attempt.map(|it| it.id), shown.attempt_by), (Some(attempt_id(1)), Some(name(1))));

        let shown = overview(&db, 2, 1).await;
        assert!(shown.credential.is_none() && shown.integration.is_none() && shown.connected_by.is_none());
        assert!(shown.attempt.is_none() && shown.attempt_by.is_none());
    }

    async fn the_attempt_shown_is_the_one_that_can_go_on(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            tx.add_attempt(&attempt(1, 1, 0)).await?;
            tx.add_attempt(&attempt(2, 1, 1)).await?;
            tx.add_attempt(&attempt(3, 1, 2)).await?;
            tx.claim_attempt(team_id(1), attempt_id(3), at(2)).await
        }).await;
        for minutes in [2, 10, 11] {
            let found = read(&db, async |tx| tx.find_open_attempt(team_id(1), JIRA, at(minutes)).await).await;
            assert_eq!(overview(&db, 1, minutes).await.attempt, found, "after {minutes} minutes");
        }
        assert_eq!(overview(&db, 1, 2).await.attempt.map(|it| it.id), Some(attempt_id(2)));
    }

    async fn who_disconnected_is_named(db: TestDb) {
        two_connected_teams(&db).await;
        write(&db, async |tx| tx.empty_credential(team_id(1), credential(1).id, user_id(2), at(5)).await).await;
        let shown = overview(&db, 1, 6).await;
        assert_eq!((shown.connected_by, shown.disconnected_by), (Some(name(1)), Some(name(2))));
        assert_eq!(shown.credential, Some(stored(&db, 1).await));
        assert_eq!(overview(&db, 2, 6).await.disconnected_by, None);
    }

    async fn how_the_provider_answers_is_shown_with_every_credential(db: TestDb) {
        two_connected_teams(&db).await;
        assert_eq!(overview(&db, 1, 1).await.provider, None);
        let health = ProviderHealth::new(JIRA)
            .after_failure(credential(2).id, RefreshOutcome::Misconfigured, None, at(1));
        write(&db, async |tx| {
            tx.lock_provider_health(JIRA, at(1)).await?;
            tx.set_provider_health(&health, at(1)).await
        }).await;
        for team in [1, 2] {
            let shown = overview(&db, team, 2).await;
            assert_eq!(shown.provider.as_ref(), Some(&health));
            assert_eq!(shown.credential.map(|it| it.last_outcome), Some(None));
        }
    }
}
