//! The connections of all teams, a page at a time.

use domain::{
    credential::Provider, incident::IncidentKind, provider_health::ProviderHealth,
    state::ConnectionState,
};
use testkit::db_tests;

use crate::{
    incidents::add_incidents,
    rows::{
        JIRA, at, attempt, credential, integration, read, team, team_id, two_connected_teams, write,
    },
};

db_tests! {
    async fn they_come_a_page_at_a_time_with_all_that_their_state_depends_on(db: TestDb) {
        two_connected_teams(&db).await;
        add_incidents(&db).await;
        write(&db, async |tx| {
            tx.add_team(&team(3)).await?;
            tx.lock_provider_health(JIRA, at(1)).await
        }).await;
        let list = async |after: Option<u128>, limit| {
            let after = after.map(|n| team(n).slug);
            read(&db, async |tx| tx.list_connections(JIRA, after.as_ref(), limit, at(2)).await).await
        };
        let all = list(None, 9).await;
        assert_eq!(all.iter().map(|it| it.team.clone()).collect::<Vec<_>>(), [team(1), team(2)], "the third has none");
        let first = &all[0];
        assert_eq!(first.overview.credential, Some(credential(1)));
        assert_eq!(first.overview.integration, Some(integration(1, "acme")));
        assert_eq!(first.overview.provider, Some(ProviderHealth::new(Provider::Jira)));
        assert_eq!(first.incident, Some((IncidentKind::ReconnectNeeded, at(0))));
        assert!(first.overview.attempt.is_none());
        let pages = [list(None, 1).await, list(Some(1), 1).await, list(Some(2), 1).await];
        assert_eq!(pages.map(|it| it.first().map(|it| it.team.id)), [Some(team_id(1)), Some(team_id(2)), None]);
    }

    async fn without_a_grant_the_trip_that_goes_on_comes_with_it(db: TestDb) {
        two_connected_teams(&db).await;
        write(&db, async |tx| tx.add_attempt(&attempt(1, 1, 0)).await).await;
        let list = async || read(&db, async |tx| tx.list_connections(JIRA, None, 9, at(1)).await).await;
        assert!(list().await[0].overview.attempt.is_none(), "with a grant nobody asks");
        db.raw("UPDATE integration_credentials SET access_token = NULL, refresh_token = NULL, token_expires_at = NULL").await.unwrap();
        let all = list().await;
        assert_eq!(all[0].overview.attempt, Some(attempt(1, 1, 0)));
        assert!(all[1].overview.attempt.is_none(), "that of another team");
    }

    async fn what_was_told_last_is_of_the_team_alone(db: TestDb) {
        two_connected_teams(&db).await;
        let found = async |team: u128, of: u128| {
            let id = credential(of).id;
            read(&db, async |tx| tx.find_told_state(team_id(team), id).await).await
        };
        assert_eq!(found(1, 1).await, None);
        write(&db, async |tx| {
            for n in [1, 2] {
                tx.watch_connection(team_id(n), credential(n).id, at(0)).await?;
            }
            Ok(())
        }).await;
        let told = format!("UPDATE connection_watches SET told_state = 'degraded', told_at = {}", at(1).as_millisecond());
        db.raw(&told).await.unwrap();
        assert_eq!(found(1, 1).await, Some((ConnectionState::Degraded, at(1))));
        assert_eq!(found(1, 2).await, None);
    }
}
