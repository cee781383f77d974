//! `/a/{team}/settings`: the team's name, and its end.

use askama::Template;

use super::{Authority, Field, Shell, TeamLink};

/// The page, its forms empty or as they were sent.
#[derive(Clone, Debug, Template)]
#[template(path = "settings.html")]
pub struct SettingsPage {
    /// Around the page.
    pub shell: Shell,
    /// The team.
    pub team: TeamLink,
    /// Whether the name has just been changed.
    pub is_renamed: bool,
    /// Who may change anything here.
    pub authority: Authority,
    /// The name in the form.
    pub name: Field,
    /// What was typed to delete the team.
    pub confirm: Field,
}

impl SettingsPage {
    fn base(&self) -> String {
        format!("/a/{}/settings", self.team.slug)
    }

    fn has_errors(&self) -> bool {
        self.name.error.is_some() || self.confirm.error.is_some()
    }

    fn confirm_hint(&self) -> String {
        format!("Type {} to say that you mean it.", self.team.name)
    }
}
