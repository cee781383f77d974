//! `/account`: name, password, sessions, and the end of the account.

use askama::Template;

use super::{Field, Shell, TeamLink};

/// What has just happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountNotice {
    /// The name is another.
    Renamed,
    /// The password is another.
    PasswordChanged,
}

/// The page, its forms empty or as they were sent.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    /// Around the page.
    pub shell: Shell,
    /// What has just happened.
    pub notice: Option<AccountNotice>,
    /// The address, which stays.
    pub email: String,
    /// The name.
    pub name: Field,
    /// What is wrong with the present password.
    pub old_error: Option<String>,
    /// What is wrong with the new password.
    pub new_error: Option<String>,
    /// The fewest characters of a password.
    pub password_min: usize,
    /// What is wrong with the password that deletes.
    pub delete_error: Option<String>,
    /// Teams whose only admin the person is: they stand in the way of deleting.
    pub stuck: Vec<TeamLink>,
}

impl AccountPage {
    fn has_errors(&self) -> bool {
        self.name.error.is_some()
            || self.old_error.is_some()
            || self.new_error.is_some()
            || self.delete_error.is_some()
    }

    fn password_hint(&self) -> String {
        format!(
            "At least {} characters. Several words are easier to keep.",
            self.password_min
        )
    }
}
