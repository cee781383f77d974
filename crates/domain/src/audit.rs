//! The events worth keeping: who changed what. Ids only, no names, no mails.

use jiff::Timestamp;

use crate::ids::{AuditEventId, TeamId, UserId};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditAction {
    /// An account was made.
    UserSignedUp,
    /// A team was made.
    TeamCreated,
    /// An admin went to Atlassian.
    ConnectBegun,
    /// A callback was refused; `detail` has the code.
    CallbackRefused,
    /// A team's first grant, or its first after a disconnect, was written.
    Connected,
    /// A new grant replaced the one in force.
    Reconnected,
    /// The chosen site is another one than before; `detail` has both cloud ids.
    SiteChanged,
    /// A trip ended without a connection; `detail` has the outcome.
    AttemptEnded,
    /// A person discarded the sign-ins under way.
    AttemptDiscarded,
    /// The tokens were erased.
    Disconnected,
    /// Atlassian refused the grant.
    GrantDied,
    /// A ciphertext did not open: wrong key, changed, or moved from another row.
    CiphertextRefused,
}

impl AuditAction {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::UserSignedUp,
        Self::TeamCreated,
        Self::ConnectBegun,
        Self::CallbackRefused,
        Self::Connected,
        Self::Reconnected,
        Self::SiteChanged,
        Self::AttemptEnded,
        Self::AttemptDiscarded,
        Self::Disconnected,
        Self::GrantDied,
        Self::CiphertextRefused,
    ];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserSignedUp => "user_signed_up",
            Self::TeamCreated => "team_created",
            Self::ConnectBegun => "connect_begun",
            Self::CallbackRefused => "callback_refused",
            Self::Connected => "connected",
            Self::Reconnected => "reconnected",
            Self::SiteChanged => "site_changed",
            Self::AttemptEnded => "attempt_ended",
            Self::AttemptDiscarded => "attempt_discarded",
            Self::Disconnected => "disconnected",
            Self::GrantDied => "grant_died",
            Self::CiphertextRefused => "ciphertext_refused",
        }
    }
}

/// One row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditEventId,
    /// When it happened.
    pub at: Timestamp,
    /// In which team; none for what belongs to no team, such as a sign-up.
    pub team: Option<TeamId>,
    /// Who did it; none where nobody known did (a forged callback, a job).
    pub actor: Option<UserId>,
    /// What happened.
    pub action: AuditAction,
    /// The id of the thing that it happened to: a user, a credential, an attempt.
    pub subject: Option<uuid::Uuid>,
    /// A word of ours about it, such as the code of a refusal; never text of others.
    pub detail: Option<String>,
}
