//! Erases what must not lie about for longer than it is needed: grants that nobody finished, and limits of
//! Atlassian's that have ended. What goes by its age alone is [`super::retain`]'s.

use jiff::SignedDuration;

use crate::{Error, Services};

/// What one round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Attempts whose tokens were erased, 30 minutes after the callback.
    pub erased_grants: u64,
    /// Limits that were told of and have ended.
    pub removed_budgets: u64,
}

/// A limit that has ended is remembered for so long, with how often it refused in a row.
const BUDGETS_LAST: SignedDuration = SignedDuration::from_mins(10);

/// One round. May be repeated at any time.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn run_once(services: &Services) -> Result<Done, Error> {
    let now = services.env.now();
    let mut tx = services.store.write().await?;
    let erased_grants = tx.erase_expired_grants(now).await?;
    let removed_budgets = tx.remove_ended_rate_budgets(now - BUDGETS_LAST).await?;
    tx.commit().await?;
    Ok(Done {
        erased_grants,
        removed_budgets,
    })
}
