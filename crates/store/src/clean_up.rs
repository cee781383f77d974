//! What is erased at its own time, in all teams alike.

use jiff::Timestamp;

use crate::{StoreError, Tx, columns::Millis};

impl Tx {
    /// Discards the sign-ins that nobody finished in time, and erases what was granted; says how many.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn erase_expired_grants(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        const SQL: &str = "
            UPDATE connect_attempts
               SET outcome = 'discarded', access_token = NULL, refresh_token = NULL, token_expires_at = NULL,
                   scopes = NULL, granted_at = NULL, erase_at = NULL, updated_at = $1
             WHERE erase_at <= $1";
        Ok(execute!(self, SQL, Millis::from(now))?)
    }
}
