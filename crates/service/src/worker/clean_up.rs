//! Erases what was kept for a while only: grants that nobody finished, sessions that are over.

use crate::{Error, Services};

/// What one round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Attempts whose tokens were erased, 30 minutes after the callback.
    pub erased_grants: u64,
    /// Sessions that were over.
    pub removed_sessions: u64,
}

/// One round. May be repeated at any time.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn run_once(services: &Services) -> Result<Done, Error> {
    let now = services.env.now();
    let mut tx = services.store.write().await?;
    let erased_grants = tx.erase_expired_grants(now).await?;
    let removed_sessions = tx.remove_over_sessions(now).await?;
    tx.commit().await?;
    Ok(Done {
        erased_grants,
        removed_sessions,
    })
}
