//! `/invitations/{token}`: join a team, with the account that is there or a new one.

use askama::Template;

use super::{Field, Moment, Shell};

/// The page.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "invitation.html")]
pub struct InvitationPage {
    /// Around the page.
    pub shell: Shell,
    /// The team's name.
    pub team: String,
    /// Who is invited.
    pub email: String,
    /// Who invited; none if the account is gone.
    pub by: Option<String>,
    /// Whether as an admin.
    pub as_admin: bool,
    /// Until when it is good.
    pub until: Option<Moment>,
    /// Where the forms go: the page's own address.
    pub action: String,
    /// Whether the invited person is signed in.
    pub is_signed_in: bool,
    /// The name in the form.
    pub name: Field,
    /// What is wrong with the password, which is never shown again.
    pub password_error: Option<String>,
    /// What is wrong with the whole: a sentence.
    pub form_error: Option<String>,
    /// The fewest characters of a password.
    pub password_min: usize,
}

impl InvitationPage {
    fn has_errors(&self) -> bool {
        self.name.error.is_some() || self.password_error.is_some() || self.form_error.is_some()
    }

    fn password_hint(&self) -> String {
        format!(
            "At least {} characters. Several words are easier to keep.",
            self.password_min
        )
    }
}
