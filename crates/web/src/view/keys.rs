//! `/a/{team}/keys`: which services have a key, and the form that makes one.

use askama::Template;

use super::{Authority, Field, Moment, Shell, TeamLink, letter};

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "keys.html")]
pub struct KeysPage {
    /// Around the page.
    pub shell: Shell,
    /// The team.
    pub team: TeamLink,
    /// Whether a key was just revoked.
    pub is_revoked: bool,
    /// The key that was just made.
    pub made: Option<NewKey>,
    /// Who may change anything here.
    pub authority: Authority,
    /// The keys in force, by name.
    pub keys: Vec<KeyLine>,
    /// The name in the form.
    pub name: Field,
}

impl KeysPage {
    fn base(&self) -> String {
        format!("/a/{}/keys", self.team.slug)
    }

    fn has_errors(&self) -> bool {
        self.name.error.is_some()
    }
}

/// A key that is shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// The service that it is for.
    pub name: String,
    /// The key.
    pub key: String,
    /// Where tokens are asked for.
    pub url: String,
}

impl NewKey {
    fn curl(&self) -> String {
        format!(
            "curl -X POST -H 'Authorization: Bearer {}' {}",
            self.key, self.url
        )
    }
}

/// A key in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine {
    /// In addresses.
    pub id: String,
    /// The service that has it.
    pub name: String,
    /// Who made it; none if the account is gone.
    pub by: Option<String>,
    /// When.
    pub made: Moment,
    /// When it was last used.
    pub last_used: Option<Moment>,
}

impl KeyLine {
    fn letter(&self) -> String {
        letter(&self.name)
    }
}
