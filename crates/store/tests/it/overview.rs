//! What a page shows of a connection.

use domain::{credential::RefreshOutcome, provider_health::ProviderHealth, text::PersonName};
use store::Lapsed;
use testkit::{db::TestDb, db_tests};

use crate::rows::{
    JIRA, at, attempt, attempt_id, credential, grant, integration, read, stored, team_id,
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

    async fn an_attempt_from_which_nobody_came_back_is_told_for_a_day_or_until_another(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            tx.add_attempt(&attempt(1, 1, 0)).await?;
            tx.add_attempt(&attempt(2, 1, 5)).await
        }).await;
        let day = 24 * 60;
        assert_eq!(overview(&db, 1, 14).await.lapsed, None, "the newest one can go on");
        let told = Some(Lapsed { by: Some(name(1)), began_at: at(5) });
        for minutes in [15, 60, 14 + day] {
            let shown = overview(&db, 1, minutes).await;
            assert_eq!((shown.lapsed, shown.attempt, shown.attempt_by), (told.clone(), None, None), "after {minutes} minutes");
        }
        assert_eq!(overview(&db, 1, 15 + day).await.lapsed, None, "a day is enough");
        assert_eq!(overview(&db, 2, 15).await.lapsed, None, "another team's");

        // One that ended is no lapse, and hides those before it.
        write(&db, async |tx| {
            tx.add_attempt(&attempt(3, 1, 20)).await?;
            tx.claim_attempt(team_id(1), attempt_id(3), at(21)).await
        }).await;
        let shown = overview(&db, 1, 40).await;
        assert_eq!((shown.lapsed, shown.attempt), (None, None));
    }

    async fn a_grant_that_waits_goes_before_an_attempt_from_which_nobody_came_back(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            tx.add_attempt(&attempt(1, 1, 0)).await?;
            tx.claim_attempt(team_id(1), attempt_id(1), at(1)).await?;
            tx.set_attempt_grant(team_id(1), attempt_id(1), &grant(1), at(1)).await?;
            tx.add_attempt(&attempt(2, 1, 2)).await
        }).await;
        let shown = overview(&db, 1, 20).await;
        assert_eq!((shown.attempt.map(|it| it.id), shown.lapsed), (Some(attempt_id(1)), None));
        assert!(overview(&db, 1, 40).await.lapsed.is_some());
    }
}
