//! `/a/{team}/members/{user}/remove` and `/a/{team}/leave`: what it means, before it is done.

use askama::Template;

use super::{Shell, TeamLink};

/// The question.
#[derive(Clone, Debug, Template)]
#[template(path = "member_remove.html")]
pub struct MemberRemovePage {
    /// Around the page.
    pub shell: Shell,
    /// The team.
    pub team: TeamLink,
    /// Who is taken out; none for the reader.
    pub name: Option<String>,
    /// Where the answer goes.
    pub action: String,
}

impl MemberRemovePage {
    fn question(&self) -> String {
        match &self.name {
            Some(name) => format!("Remove {name}?"),
            None => format!("Leave {}?", self.team.name),
        }
    }

    fn deed(&self) -> String {
        match &self.name {
            Some(name) => format!("Remove {name}"),
            None => format!("Leave {}", self.team.name),
        }
    }
}
