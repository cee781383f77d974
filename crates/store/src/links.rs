//! Links that need nobody signed in: a new password, the first account. They belong to no team.

use domain::{
    ids::{PasswordResetId, SetupLinkId, UserId},
    session::TokenHash,
    user::User,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
    users::UserRow,
};

/// A link that sets a new password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordReset {
    /// Its id.
    pub id: PasswordResetId,
    /// Whose password.
    pub user: User,
    /// When its time is over.
    pub expires_at: Timestamp,
    /// Whether it was used, or a newer one took its place.
    pub has_ended: bool,
}

#[derive(FromRow)]
struct PasswordResetRow {
    id: Uuid,
    #[sqlx(flatten)]
    user: UserRow,
    expires_at: Millis,
    ended_at: Option<Millis>,
}

impl TryFrom<PasswordResetRow> for PasswordReset {
    type Error = StoreError;

    fn try_from(row: PasswordResetRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "password_resets",
            id: row.id,
        };
        Ok(Self {
            id: PasswordResetId::from_uuid(row.id),
            user: row.user.try_into()?,
            expires_at: here.time("expires_at", row.expires_at)?,
            has_ended: row.ended_at.is_some(),
        })
    }
}

impl Tx {
    /// Adds a link that sets a new password.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_password_reset(
        &mut self,
        id: PasswordResetId,
        user: UserId,
        token: &TokenHash,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO password_resets (id, user_id, token_hash, expires_at, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $5)";
        execute!(
            self,
            SQL,
            id.uuid(),
            user.uuid(),
            token.0.as_slice(),
            Millis::from(expires_at),
            Millis::from(now)
        )?;
        Ok(())
    }

    /// Finds the link of a token, whatever became of it.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_password_reset(
        &mut self,
        token: &TokenHash,
    ) -> Result<Option<PasswordReset>, StoreError> {
        const SQL: &str = "
            SELECT r.id, r.expires_at, r.ended_at, u.id AS user_id, u.name AS user_name,
                   u.email AS user_email, u.created_at AS user_created_at
              FROM password_resets r
              JOIN users u ON u.id = r.user_id
             WHERE r.token_hash = $1";
        let row: Option<PasswordResetRow> = fetch_optional!(self, SQL, token.0.as_slice())?;
        row.map(TryInto::try_into).transpose()
    }

    /// Ends one link; `false` if it had ended: somebody was faster.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn end_password_reset(
        &mut self,
        id: PasswordResetId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE password_resets SET ended_at = $2, updated_at = $2
             WHERE id = $1 AND ended_at IS NULL";
        Ok(execute!(self, SQL, id.uuid(), Millis::from(now))? == 1)
    }

    /// Ends all links of a person.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn end_password_resets_of(
        &mut self,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE password_resets SET ended_at = $2, updated_at = $2
             WHERE user_id = $1 AND ended_at IS NULL";
        execute!(self, SQL, user.uuid(), Millis::from(now))?;
        Ok(())
    }

    /// Adds a link for the first account.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_setup_link(
        &mut self,
        id: SetupLinkId,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO setup_links (id, token_hash, created_at, updated_at)
            VALUES ($1, $2, $3, $3)";
        execute!(self, SQL, id.uuid(), token.0.as_slice(), Millis::from(now))?;
        Ok(())
    }

    /// Keeps the newest links for the first account, so that restarts do not pile them up.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn trim_setup_links(&mut self, keep: i64) -> Result<(), StoreError> {
        const SQL: &str = "
            DELETE FROM setup_links
             WHERE id NOT IN (SELECT id FROM setup_links ORDER BY created_at DESC, id DESC LIMIT $1)";
        execute!(self, SQL, keep)?;
        Ok(())
    }

    /// Whether a token is that of a link for the first account.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn is_setup_link(&mut self, token: &TokenHash) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT count(*) FROM setup_links WHERE token_hash = $1";
        let found: Option<(i64,)> = fetch_optional!(self, SQL, token.0.as_slice())?;
        Ok(found.is_some_and(|(count,)| count > 0))
    }

    /// Removes all links for the first account and says whether the one of `token` was among them.
    /// Of two that come at once the second waits for the first, and finds none.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_setup_links(&mut self, token: &TokenHash) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM setup_links RETURNING token_hash";
        let removed: Vec<(Vec<u8>,)> = fetch_all!(self, SQL)?;
        Ok(removed.iter().any(|(it,)| it.as_slice() == token.0))
    }
}
