//! `/login`: address and password.

use askama::Template;

use super::{Field, Shell};

/// Why the page is shown, where the person did not simply come to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginNotice {
    /// A page was asked for that needs somebody who is signed in.
    SignInFirst,
    /// The person has just signed out.
    SignedOut,
    /// The person has just signed out in all browsers.
    SignedOutEverywhere,
    /// The person has just set a new password.
    PasswordSet,
    /// The person has just deleted the account.
    AccountDeleted,
}

/// The form, empty or as it was sent.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// Around the page.
    pub shell: Shell,
    /// Why the page is shown.
    pub notice: Option<LoginNotice>,
    /// The person's address.
    pub email: Field,
    /// What is wrong with the password, which is never shown again.
    pub password_error: Option<String>,
    /// What is wrong with the whole: a sentence ("Address or password is wrong.").
    pub form_error: Option<String>,
    /// A path of ours to go on to.
    pub next: Option<String>,
    /// `next` as the value of a query parameter, percent-encoded; for the link to the other form.
    pub next_encoded: Option<String>,
    /// Whether anybody may make an account here.
    pub can_sign_up: bool,
}

impl LoginPage {
    fn has_errors(&self) -> bool {
        self.form_error.is_some() || self.password_error.is_some() || self.email.error.is_some()
    }
}
