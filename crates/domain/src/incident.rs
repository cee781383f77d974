//! Incidents: the time from a connection needing people until it works again.
//!
//! What becomes of them is decided in [`watching`] (of a connection) and [`operators`] (of the installation);
//! when, in [`schedule`].

use jiff::Timestamp;

use crate::{
    credential::Provider,
    ids::{CredentialId, IncidentId, TeamId},
    state::ConnectionState,
};

pub mod operators;
pub mod schedule;
pub mod watching;

/// What people are needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IncidentKind {
    /// Atlassian refused the grant.
    ReconnectNeeded,
    /// The grant does not reach the chosen site any more.
    SiteLost,
    /// A permission is missing.
    PermissionsMissing,
    /// The consent ends soon.
    RenewSoon,
    /// The operator's settings are in the way: told to the operator alone.
    Misconfigured,
    /// Atlassian refuses again and again in a way that nobody foresaw: told to the operator alone.
    Unexpected,
    /// Atlassian does not answer anybody: told to services, by no mail.
    ProviderDown,
}

impl IncidentKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ReconnectNeeded,
        Self::SiteLost,
        Self::PermissionsMissing,
        Self::RenewSoon,
        Self::Misconfigured,
        Self::Unexpected,
        Self::ProviderDown,
    ];

    /// The word that is kept and told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReconnectNeeded => "reconnect_needed",
            Self::SiteLost => "site_lost",
            Self::PermissionsMissing => "permissions_missing",
            Self::RenewSoon => "renew_soon",
            Self::Misconfigured => "misconfigured",
            Self::Unexpected => "unexpected",
            Self::ProviderDown => "provider_down",
        }
    }

    /// What the people of a team are needed for in this state; none where they can do nothing, or need
    /// do nothing.
    pub const fn of_state(state: ConnectionState) -> Option<Self> {
        match state {
            ConnectionState::ReconnectNeeded => Some(Self::ReconnectNeeded),
            ConnectionState::SiteLost => Some(Self::SiteLost),
            ConnectionState::PermissionsMissing => Some(Self::PermissionsMissing),
            ConnectionState::RenewSoon => Some(Self::RenewSoon),
            ConnectionState::Misconfigured
            | ConnectionState::Waiting
            | ConnectionState::Degraded
            | ConnectionState::Connected
            | ConnectionState::ChooseSite
            | ConnectionState::Connecting
            | ConnectionState::Disconnected
            | ConnectionState::NotConnected => None,
        }
    }
}

/// How an incident ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IncidentEnding {
    /// It works again.
    Works,
    /// A person disconnected.
    Disconnected,
}

impl IncidentEnding {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Works, Self::Disconnected];

    /// The word that is kept and told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Disconnected => "disconnected",
        }
    }
}

/// Which connection an incident is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IncidentOf {
    /// Whose.
    pub team: TeamId,
    /// Which.
    pub credential: CredentialId,
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// The connection; none where it is the operator's and concerns the whole installation.
    pub of: Option<IncidentOf>,
    /// To whom the connection leads.
    pub provider: Provider,
    /// What people are needed for now; may change while it is open.
    pub kind: IncidentKind,
    /// The reason that was told, as services know it ([`crate::state::Reason::as_str`]).
    pub reason: Option<String>,
    /// When we learned of it.
    pub opened_at: Timestamp,
    /// Since when it works, while that has not held for long enough to be told. Of the operator's: when
    /// the trouble was last seen.
    pub working_since: Option<Timestamp>,
    /// When and how it ended.
    pub closed: Option<(Timestamp, IncidentEnding)>,
    /// How many reminders went out.
    pub reminders: u32,
    /// When to look at it again by time alone: a reminder, or what works has held for long enough.
    pub due_at: Option<Timestamp>,
}
