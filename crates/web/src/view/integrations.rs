//! `/a/{team}/integrations/`: one card a provider.

use askama::Template;

use super::{
    Shell, TeamLink,
    jira_card::{Condition, Death, JiraCard, JiraState, TestResult, WaitsFor},
};

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "integrations.html")]
pub struct IntegrationsPage {
    /// Around the page.
    pub shell: Shell,
    /// The team.
    pub team: TeamLink,
    /// What has just happened.
    pub notice: Option<Notice>,
    /// The connection with Jira.
    pub card: JiraCard,
}

/// A message about what has just happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The connection is made.
    Connected {
        /// Name of the site.
        site: String,
        /// Whether it was the only one and so was not asked about.
        only_site: bool,
    },
    /// The connection has another site now.
    SiteChanged {
        /// Name of the site.
        site: String,
    },
    /// There was nothing to do.
    AlreadyConnected {
        /// Name of the site.
        site: String,
    },
    /// The connection is ended.
    Disconnected {
        /// Name of the site, where there was one.
        site: Option<String>,
    },
    /// The person pressed Cancel at Atlassian.
    Cancelled,
    /// The person discarded the sign-in here.
    Discarded,
}
