//! What each refresh came to.

use domain::{
    credential::{Generation, RefreshOutcome},
    ids::{CredentialId, RefreshEventId},
    refresh_event::{RefreshCause, RefreshEvent},
};
use testkit::db_tests;
use uuid::Uuid;

use crate::rows::{at, read, team_id, two_connected_teams, write};

pub(crate) fn event(n: u8, cause: RefreshCause) -> RefreshEvent {
    RefreshEvent {
        id: RefreshEventId::from_uuid(Uuid::from_u128(n.into())),
        team: team_id(1),
        credential: CredentialId::from_uuid(Uuid::from_u128(1)),
        generation: Generation(1),
        cause,
        outcome: RefreshOutcome::Unexpected,
        http_status: n.is_multiple_of(2).then_some(418),
        duration_ms: 12,
        at: at(n.into()),
    }
}

db_tests! {
    async fn events_are_read_as_they_were_written_the_newest_first(db: TestDb) {
        two_connected_teams(&db).await;
        let events: Vec<_> = (1..).zip(RefreshCause::ALL).map(|(n, cause)| event(n, cause)).collect();
        for event in &events {
            write(&db, async |tx| tx.add_refresh_event(event).await).await;
        }
        let list = async |team| {
            let credential = CredentialId::from_uuid(Uuid::from_u128(1));
            read(&db, async |tx| tx.list_refresh_events(team_id(team), credential, 4).await).await
        };
        let newest: Vec<_> = events.into_iter().rev().take(4).collect();
        assert_eq!(list(1).await, newest);
        assert!(list(2).await.is_empty());
    }
}
