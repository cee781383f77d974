//! Erases what was kept for a while only: grants that nobody finished, sessions that are over, links
//! that nobody can use.

use jiff::SignedDuration;

use crate::{Error, Services};

/// What one round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Attempts whose tokens were erased, 30 minutes after the callback.
    pub erased_grants: u64,
    /// Sessions that were over.
    pub removed_sessions: u64,
    /// Invitations whose time was over long ago.
    pub removed_invitations: u64,
    /// Links for a new password whose time was over long ago.
    pub removed_password_resets: u64,
}

/// Old links stay this long, so that whoever opens one is told what became of it.
const LINKS_STAY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// So many of a kind are removed in one round; the rest waits for the next.
const MOST_AT_ONCE: i64 = 500;

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
    let before = now - LINKS_STAY;
    let removed_invitations = tx.remove_old_invitations(before, MOST_AT_ONCE).await?;
    let removed_password_resets = tx.remove_old_password_resets(before, MOST_AT_ONCE).await?;
    tx.commit().await?;
    Ok(Done {
        erased_grants,
        removed_sessions,
        removed_invitations,
        removed_password_resets,
    })
}
