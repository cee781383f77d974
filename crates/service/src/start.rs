//! What must be right before anything is served.

use store::{Schema, StoreError};
use vault::{OpenError, canary};

use crate::{Error, Services};

/// Why the service must not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key ring is not the one of this store. Going on would write under a wrong key.
    #[error("the key ring does not open this database")]
    WrongKeyRing(#[source] OpenError),
    /// Not the operator's settings.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Sees that the key ring is the one of this store; a new store gets its canary.
///
/// # Errors
///
/// [`StartError::WrongKeyRing`]; nothing was written then.
pub async fn check_key_ring(services: &Services) -> Result<(), StartError> {
    let store = &services.store;
    let mut tx = store.write().await.map_err(Error::from)?;
    if tx.find_canary().await.map_err(Error::from)?.is_none() {
        let canary = canary::make(&services.key_ring, services.env.as_ref());
        tx.add_canary(&canary, services.env.now())
            .await
            .map_err(Error::from)?;
    }
    tx.commit().await.map_err(Error::from)?;
    is_key_ring_right(services).await
}

/// The same without writing; also where the store has no canary yet.
async fn is_key_ring_right(services: &Services) -> Result<(), StartError> {
    let mut tx = services.store.read().await.map_err(Error::from)?;
    let canary = tx.find_canary().await.map_err(Error::from)?;
    let canary = canary.ok_or(StartError::WrongKeyRing(OpenError::Malformed))?;
    canary::check(&services.key_ring, &canary).map_err(StartError::WrongKeyRing)
}

/// Why requests should not be sent here now.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The database does not answer.
    #[error("store: the database does not answer")]
    Store(#[source] StoreError),
    /// The schema is not the one of this version.
    #[error("schema: the database's schema is not the one of this version")]
    Schema,
    /// The key ring is not the one of this store.
    #[error("keys: the key ring does not open this database")]
    Keys(#[source] StartError),
}

/// Whether store, schema and keys are right. Asks nobody but the database.
///
/// # Errors
///
/// [`NotReady`], which names the part.
pub async fn readiness(services: &Services) -> Result<(), NotReady> {
    match services.store.schema().await.map_err(NotReady::Store)? {
        Schema::UpToDate => is_key_ring_right(services).await.map_err(NotReady::Keys),
        Schema::Missing | Schema::Older | Schema::Newer => Err(NotReady::Schema),
    }
}
