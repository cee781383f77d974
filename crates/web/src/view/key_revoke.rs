//! `/a/{team}/keys/{id}/revoke`: what it means, before it is done.

use askama::Template;

use super::{Moment, Shell, TeamLink};

/// The question.
#[derive(Clone, Debug, Template)]
#[template(path = "key_revoke.html")]
pub struct KeyRevokePage {
    /// Around the page.
    pub shell: Shell,
    /// The team.
    pub team: TeamLink,
    /// The service that has the key.
    pub name: String,
    /// When it was made.
    pub made: Moment,
    /// Whether it has expired.
    pub has_ended: bool,
    /// Whether the page of keys has another one of the service.
    pub is_one_of_two: bool,
    /// How the other key in force of the service is told apart, where there is one: `older` or `newer`.
    pub other: Option<&'static str>,
    /// When it was last used.
    pub last_used: Option<Moment>,
    /// Where the answer goes.
    pub action: String,
}
