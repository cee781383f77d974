//! Hints of other processes.

use domain::ids::CredentialId;
use testkit::db_tests;
use uuid::Uuid;

use crate::rows::{two_connected_teams, write};

db_tests! {
    async fn a_hint_comes_where_there_can_be_another_process(db: TestDb) {
        two_connected_teams(&db).await;
        let hints = db.store.refresh_hints().await.unwrap();
        let Some(mut hints) = hints else {
            assert!(db.url.starts_with("sqlite:"));
            return;
        };
        let one = CredentialId::from_uuid(Uuid::from_u128(1));
        write(&db, async |tx| tx.hint_refresh_ended(one).await).await;
        hints.next().await.unwrap();
    }
}
