//! People who sign in.

use domain::{
    ids::UserId,
    text::{EmailAddress, PersonName},
    user::User,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

#[expect(
    clippy::struct_field_names,
    reason = "columns of a join need names of their own"
)]
#[derive(FromRow)]
pub(crate) struct UserRow {
    pub(crate) user_id: Uuid,
    pub(crate) user_name: String,
    pub(crate) user_email: String,
    pub(crate) user_created_at: Millis,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "users",
            id: row.user_id,
        };
        Ok(Self {
            id: UserId::from_uuid(row.user_id),
            name: here.checked("name", PersonName::parse(&row.user_name))?,
            email: here.checked("email", EmailAddress::parse(&row.user_email))?,
            created_at: here.time("created_at", row.user_created_at)?,
        })
    }
}

#[derive(FromRow)]
struct SignInRow {
    #[sqlx(flatten)]
    user: UserRow,
    password_hash: String,
}

impl Tx {
    /// Adds a person; `false` if the address has an account.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_user(&mut self, user: &User, password_hash: &str) -> Result<bool, StoreError> {
        const SQL: &str = "
            INSERT INTO users (id, name, email, password_hash, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $5)
            ON CONFLICT (email) DO NOTHING";
        let added = execute!(
            self,
            SQL,
            user.id.uuid(),
            user.name.as_str(),
            user.email.as_str(),
            password_hash,
            Millis::from(user.created_at),
        )?;
        Ok(added == 1)
    }

    /// Finds a person and the hash of the password by the address.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_user_for_sign_in(
        &mut self,
        email: &EmailAddress,
    ) -> Result<Option<(User, String)>, StoreError> {
        const SQL: &str = "
            SELECT id AS user_id, name AS user_name, email AS user_email,
                   created_at AS user_created_at, password_hash
              FROM users
             WHERE email = $1";
        let row: Option<SignInRow> = fetch_optional!(self, SQL, email.as_str())?;
        row.map(|it| Ok((it.user.try_into()?, it.password_hash)))
            .transpose()
    }

    /// Finds a person by the address.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_user(&mut self, email: &EmailAddress) -> Result<Option<User>, StoreError> {
        let found = self.find_user_for_sign_in(email).await?;
        Ok(found.map(|(user, _)| user))
    }

    /// The hash of a person's password; none if the account is gone.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_password_hash(&mut self, user: UserId) -> Result<Option<String>, StoreError> {
        const SQL: &str = "SELECT password_hash FROM users WHERE id = $1";
        let row: Option<(String,)> = fetch_optional!(self, SQL, user.uuid())?;
        Ok(row.map(|(hash,)| hash))
    }

    /// Whether anybody has an account.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn has_users(&mut self) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT id FROM users LIMIT 1";
        let row: Option<(Uuid,)> = fetch_optional!(self, SQL)?;
        Ok(row.is_some())
    }

    /// Changes a person's name; `false` if the account is gone.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_user_name(
        &mut self,
        user: UserId,
        name: &PersonName,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET name = $2, updated_at = $3 WHERE id = $1";
        Ok(execute!(self, SQL, user.uuid(), name.as_str(), Millis::from(at))? == 1)
    }

    /// Changes the hash of a person's password from `old`; `false` if it is another by now, or the
    /// account is gone.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_password_hash(
        &mut self,
        user: UserId,
        old: &str,
        new: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE users SET password_hash = $3, updated_at = $4
             WHERE id = $1 AND password_hash = $2";
        Ok(execute!(self, SQL, user.uuid(), old, new, Millis::from(at))? == 1)
    }

    /// Removes a person with sessions, memberships and attempts; `false` if the account is gone.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_user(&mut self, user: UserId) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM users WHERE id = $1";
        Ok(execute!(self, SQL, user.uuid())? == 1)
    }
}
