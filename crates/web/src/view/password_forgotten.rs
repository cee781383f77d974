//! `/password/forgotten`: how to get back in.

use askama::Template;

use super::Shell;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "password_forgotten.html")]
pub struct PasswordForgottenPage {
    /// Around the page.
    pub shell: Shell,
}
