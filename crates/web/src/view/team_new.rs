//! `/teams/new`: a name, nothing else.

use askama::Template;

use super::{Field, Shell};

/// The form, empty or as it was sent.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "team_new.html")]
pub struct TeamNewPage {
    /// Around the page.
    pub shell: Shell,
    /// The team's name.
    pub name: Field,
}

impl TeamNewPage {
    fn has_errors(&self) -> bool {
        self.name.error.is_some()
    }

    fn is_first(&self) -> bool {
        self.shell.teams.is_empty()
    }
}
