//! `/setup/{token}`: the first account of a server.

use askama::Template;

use super::{Field, Shell};

/// The form, empty or as it was sent.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "first_account.html")]
pub struct FirstAccountPage {
    /// Around the page.
    pub shell: Shell,
    /// Where the form goes: the page's own address.
    pub action: String,
    /// The person's name.
    pub name: Field,
    /// The person's address.
    pub email: Field,
    /// What is wrong with the password, which is never shown again.
    pub password_error: Option<String>,
    /// The fewest characters of a password.
    pub password_min: usize,
}

impl FirstAccountPage {
    fn has_errors(&self) -> bool {
        self.name.error.is_some() || self.email.error.is_some() || self.password_error.is_some()
    }

    fn password_hint(&self) -> String {
        format!(
            "At least {} characters. Several words are easier to keep.",
            self.password_min
        )
    }
}
