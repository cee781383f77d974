//! A Jira site, and a team's integration with it.

use jiff::Timestamp;

use crate::{
    ids::{CredentialId, JiraIntegrationId, TeamId},
    text::{CloudId, SiteName, SiteUrl},
};

/// A Jira Cloud tenant, known by its cloud id. Name and address may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its id; never changes.
    pub cloud_id: CloudId,
    /// Shown to people.
    pub name: SiteName,
    /// Where people find it.
    pub url: SiteUrl,
    /// A picture, kept and not shown: no remote pictures on our pages.
    pub avatar_url: Option<String>,
}

/// How far the sync of a site has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncStatus {
    /// Not begun.
    Pending,
    /// Running.
    Syncing,
    /// Ended well.
    Complete,
    /// Ended badly.
    Error,
}

impl SyncStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Syncing, Self::Complete, Self::Error];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Syncing => "syncing",
            Self::Complete => "complete",
            Self::Error => "error",
        }
    }
}

/// A credential's chosen Jira site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JiraIntegration {
    /// Its id.
    pub id: JiraIntegrationId,
    /// Whose it is.
    pub team: TeamId,
    /// The credential that reaches it; one to one.
    pub credential: CredentialId,
    /// The site.
    pub site: Site,
    /// When its issues were last synced.
    pub last_sync_at: Option<Timestamp>,
    /// How far the sync has come.
    pub sync_status: SyncStatus,
    /// When Atlassian was last asked whether the grant still reaches the site.
    pub checked_at: Option<Timestamp>,
    /// When it was found not to be reached any more; none while it is.
    pub lost_at: Option<Timestamp>,
}
