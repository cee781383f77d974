//! What is erased by its age, in all teams alike.

use domain::session::IDLE_LIFE;
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

    /// Removes the sessions that are over; says how many.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_over_sessions(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM sessions WHERE ends_at <= $1 OR last_seen_at <= $2";
        let idle_since = now - IDLE_LIFE;
        Ok(execute!(
            self,
            SQL,
            Millis::from(now),
            Millis::from(idle_since)
        )?)
    }

    /// Removes the oldest invitations whose time was over before `before`, at most `most`; says how
    /// many.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_old_invitations(
        &mut self,
        before: Timestamp,
        most: i64,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "
            DELETE FROM invitations
             WHERE id IN (SELECT id FROM invitations WHERE expires_at <= $1
                           ORDER BY expires_at LIMIT $2)";
        Ok(execute!(self, SQL, Millis::from(before), most)?)
    }

    /// The same for links that set a new password.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_old_password_resets(
        &mut self,
        before: Timestamp,
        most: i64,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "
            DELETE FROM password_resets
             WHERE id IN (SELECT id FROM password_resets WHERE expires_at <= $1
                           ORDER BY expires_at LIMIT $2)";
        Ok(execute!(self, SQL, Millis::from(before), most)?)
    }
}
