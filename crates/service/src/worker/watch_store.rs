//! While the provider is down, watches whether the store takes what is written.
//!
//! Beyond the leeway an old token is sent by a process alone that has watched the store for a minute, so
//! that whoever holds the new pair saves it first. A probe must not wait for that minute each time.

use domain::credential::Provider;

use crate::{Error, Services, refresh::watch_store};

/// One look, where it may be of use.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn run_once(services: &Services) -> Result<(), Error> {
    for provider in Provider::ALL {
        let health = {
            let mut tx = services.store.read().await?;
            tx.find_provider_health(provider).await?
        };
        if health.is_down {
            watch_store(services).await;
        }
    }
    Ok(())
}
