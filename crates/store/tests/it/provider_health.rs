//! How a provider answers, for all teams.

use domain::{
    credential::{Provider, RefreshOutcome},
    ids::CredentialId,
    provider_health::ProviderHealth,
};
use testkit::db_tests;
use uuid::Uuid;

use crate::rows::{JIRA, at, read, write};

db_tests! {
    async fn health_is_read_as_it_was_written(db: TestDb) {
        let found = async || read(&db, async |tx| tx.find_provider_health(JIRA).await).await;
        assert_eq!(found().await, ProviderHealth::new(Provider::Jira));
        let one = CredentialId::from_uuid(Uuid::from_u128(1));
        let bad = ProviderHealth::new(JIRA).after_failure(one, RefreshOutcome::Ambiguous, None, at(5)).after_probe(at(6), 0);
        for health in [bad.clone(), bad.after_success(one, at(60))] {
            write(&db, async |tx| {
                tx.lock_provider_health(JIRA, at(5)).await?;
                tx.set_provider_health(&health, at(5)).await
            }).await;
            assert_eq!(found().await, health);
        }
    }
}
