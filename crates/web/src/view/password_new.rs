//! `/password/{token}`: a new password for a forgotten one.

use askama::Template;

use super::Shell;

/// The form, empty or as it was sent.
#[derive(Clone, Debug, Template)]
#[template(path = "password_new.html")]
pub struct PasswordNewPage {
    /// Around the page.
    pub shell: Shell,
    /// Where the form goes: the page's own address.
    pub action: String,
    /// Whose password.
    pub email: String,
    /// What is wrong with the password, which is never shown again.
    pub password_error: Option<String>,
    /// The fewest characters of a password.
    pub password_min: usize,
}

impl PasswordNewPage {
    fn has_errors(&self) -> bool {
        self.password_error.is_some()
    }

    fn password_hint(&self) -> String {
        format!(
            "At least {} characters. Several words are easier to keep.",
            self.password_min
        )
    }
}
