//! `/signup`: name, address and password.

use askama::Template;

use super::{Field, Shell};

/// The form, empty or as it was sent.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "signup.html")]
pub struct SignupPage {
    /// Around the page.
    pub shell: Shell,
    /// The person's name.
    pub name: Field,
    /// The person's address.
    pub email: Field,
    /// What is wrong with the password, which is never shown again.
    pub password_error: Option<String>,
    /// The fewest characters of a password.
    pub password_min: usize,
    /// What is wrong with the whole: a sentence.
    pub form_error: Option<String>,
    /// A path of ours to go on to.
    pub next: Option<String>,
}

impl SignupPage {
    fn password_hint(&self) -> String {
        format!(
            "At least {} characters. Several words are easier to keep.",
            self.password_min
        )
    }

    fn has_errors(&self) -> bool {
        self.form_error.is_some()
            || self.password_error.is_some()
            || self.name.error.is_some()
            || self.email.error.is_some()
    }
}
