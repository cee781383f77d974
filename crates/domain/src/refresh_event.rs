//! What one refresh came to, kept for the timeline.

use jiff::Timestamp;

use crate::{
    credential::{Generation, RefreshOutcome},
    ids::{CredentialId, RefreshEventId, TeamId},
};

/// Why a refresh was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshCause {
    /// Somebody asked for a token that had ended, or was about to.
    Caller,
    /// Somebody asked for a token that lasts longer than the one at hand.
    Minimum,
    /// Somebody said that the token is refused.
    Rejected,
    /// It was due.
    Schedule,
    /// To see whether the provider answers again.
    Probe,
    /// A person asked for it on a page.
    Person,
}

impl RefreshCause {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Caller,
        Self::Minimum,
        Self::Rejected,
        Self::Schedule,
        Self::Probe,
        Self::Person,
    ];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Minimum => "minimum",
            Self::Rejected => "rejected",
            Self::Schedule => "schedule",
            Self::Probe => "probe",
            Self::Person => "person",
        }
    }
}

/// One attempt to refresh, ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshEvent {
    /// Its id.
    pub id: RefreshEventId,
    /// Whose credential.
    pub team: TeamId,
    /// Which.
    pub credential: CredentialId,
    /// The pair that was to be replaced.
    pub generation: Generation,
    /// Why it was made.
    pub cause: RefreshCause,
    /// What it came to.
    pub outcome: RefreshOutcome,
    /// The HTTP status, where there was an answer and it was not the expected one.
    pub http_status: Option<u16>,
    /// How long the exchange took, in milliseconds.
    pub duration_ms: u64,
    /// When it ended.
    pub at: Timestamp,
}
