//! People who sign in.

use jiff::Timestamp;

use crate::{
    ids::UserId,
    text::{EmailAddress, PersonName},
};

/// A person with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Shown to the people of the same teams.
    pub name: PersonName,
    /// Signs in with it; unique.
    pub email: EmailAddress,
    /// When the account was made.
    pub created_at: Timestamp,
}
