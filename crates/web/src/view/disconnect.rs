//! `/a/{team}/integrations/jira/disconnect`: what it means, before it is done.

use askama::Template;

use super::{Shell, TeamLink, services};

/// The question.
#[derive(Clone, Debug, Template)]
#[template(path = "disconnect.html")]
pub struct DisconnectPage {
    /// Around the page.
    pub shell: Shell,
    /// The team.
    pub team: TeamLink,
    /// Name of the site; "Jira" where none is chosen.
    pub site: String,
    /// Names of the services that used the connection of late; empty before there are any.
    pub services: Vec<String>,
}

impl DisconnectPage {
    /// Their names at the beginning of a sentence; nothing before there are any.
    fn services_in_sentence(&self) -> String {
        services(&self.services)
    }
}
