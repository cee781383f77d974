//! What is asked of the grants of the whole installation: at Atlassian a grant belongs to a person's
//! account, and may serve several teams.

use domain::{attempt::GRANT_LIFE, ids::CredentialId, text::AccountId};
use jiff::Timestamp;

use crate::{StoreError, Tx, columns::Millis};

impl Tx {
    /// Whether anything but `credential` may rest on the grant of `account` at Atlassian: another
    /// credential of the same or an unknown account, or a sign-in that is not finished.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn is_grant_shared(
        &mut self,
        credential: CredentialId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const CREDENTIALS: &str = "
            SELECT count(*) FROM integration_credentials
             WHERE id <> $1 AND access_token IS NOT NULL
               AND (account_id = $2 OR account_id IS NULL)";
        // A claimed attempt without an outcome may be exchanging its code right now.
        const ATTEMPTS: &str = "
            SELECT count(*) FROM connect_attempts
             WHERE access_token IS NOT NULL
                OR (finished_at > $1 AND outcome IS NULL)";
        let (credentials,): (i64,) = on_both!(self, |conn| sqlx::query_as(CREDENTIALS)
            .bind(credential.uuid())
            .bind(account.as_str())
            .fetch_one(conn)
            .await)?;
        let (attempts,): (i64,) = on_both!(self, |conn| sqlx::query_as(ATTEMPTS)
            .bind(Millis::from(now - GRANT_LIFE))
            .fetch_one(conn)
            .await)?;
        Ok(credentials > 0 || attempts > 0)
    }
}
