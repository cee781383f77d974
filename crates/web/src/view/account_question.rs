//! `/a/{team}/integrations/jira/account`: does the connection change its Atlassian account?

use askama::Template;

use super::{Moment, Shell, TeamLink};

/// The question.
#[derive(Clone, Debug, Template)]
#[template(path = "account_question.html")]
pub struct AccountQuestionPage {
    /// Around the page.
    pub shell: Shell,
    /// The team.
    pub team: TeamLink,
    /// Name of the account of the connection in force, where Atlassian told it.
    pub connected_as: Option<String>,
    /// Name of the account that has just signed in, where Atlassian told it.
    pub signed_in_as: Option<String>,
    /// When the sign-in is discarded.
    pub until: Moment,
    /// The request, for whoever reads the log.
    pub reference: String,
}

impl AccountQuestionPage {
    /// The stable code (`pages.md` 4).
    pub const CODE: &str = "CONNECT_WRONG_ACCOUNT";

    /// Where the forms go.
    fn base(&self) -> String {
        format!("/a/{}/integrations/jira", self.team.slug)
    }

    fn connected(&self) -> &str {
        self.connected_as
            .as_deref()
            .unwrap_or("another Atlassian account")
    }

    fn signed_in(&self) -> &str {
        self.signed_in_as
            .as_deref()
            .unwrap_or("a different Atlassian account")
    }

    /// On the button that goes to Atlassian again.
    fn again(&self) -> String {
        match &self.connected_as {
            Some(name) => format!("Sign in as {name}"),
            None => "Sign in with the other account".to_owned(),
        }
    }

    /// On the button that changes the account.
    fn switch(&self) -> String {
        match &self.signed_in_as {
            Some(name) => format!("Switch the connection to {name}"),
            None => "Switch the connection to this account".to_owned(),
        }
    }
}
