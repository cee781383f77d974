//! `/password/forgotten`: how to get back in.

use askama::Template;

use super::{Field, Shell};

/// The page.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "password_forgotten.html")]
pub struct PasswordForgottenPage {
    /// Around the page.
    pub shell: Shell,
    /// Whether mail is set up; else the operator makes the link.
    pub can_mail: bool,
    /// Whether a link was just asked for.
    pub is_asked: bool,
    /// The address in the form.
    pub email: Field,
}

impl PasswordForgottenPage {
    fn has_errors(&self) -> bool {
        self.email.error.is_some()
    }
}
