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
    /// A person changed the name of the account.
    UserRenamed,
    /// A person changed the password; other sessions ended.
    PasswordChanged,
    /// A link that sets a new password was made; `detail` says for whom: the operator, or whoever asked
    /// on the page.
    PasswordResetLinkMade,
    /// A password was set through such a link; all sessions ended.
    PasswordReset,
    /// A person ended all sessions.
    SignedOutEverywhere,
    /// A person deleted the account.
    UserDeleted,
    /// A link was made that makes the first account.
    SetupLinkMade,
    /// The first account was made through the set-up link.
    SetupLinkUsed,
    /// A team has another name.
    TeamRenamed,
    /// A team was deleted with all that belonged to it.
    TeamDeleted,
    /// An admin invited somebody; `detail` has the role.
    InvitationMade,
    /// An admin took an invitation back.
    InvitationRevoked,
    /// Somebody joined through an invitation; `detail` has the role.
    InvitationAccepted,
    /// A member has another role; `detail` has it.
    RoleChanged,
    /// An admin took somebody out of the team.
    MemberRemoved,
    /// A member left the team.
    MemberLeft,
    /// A key was made for a service; `detail` has its rights.
    ApiKeyCreated,
    /// A key was made beside another one of the same service, which it replaces; `detail` has the other's
    /// id.
    ApiKeyRotated,
    /// An admin ended a service's key.
    ApiKeyRevoked,
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
    /// The grant no longer reaches the chosen site.
    SiteLost,
    /// It reaches it again.
    SiteFound,
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
    /// Stored secrets were sealed anew under the first key; `detail` has its id.
    KeysRotated,
    /// A key was found unused and forgotten; `detail` has its id.
    KeyRetired,
    /// The store is served under another address or client id, or a copy is served, by the operator's
    /// word.
    StoreAdopted,
}

impl AuditAction {
    /// All of them.
    pub const ALL: [Self; 36] = [
        Self::UserSignedUp,
        Self::TeamCreated,
        Self::UserRenamed,
        Self::PasswordChanged,
        Self::PasswordResetLinkMade,
        Self::PasswordReset,
        Self::SignedOutEverywhere,
        Self::UserDeleted,
        Self::SetupLinkMade,
        Self::SetupLinkUsed,
        Self::TeamRenamed,
        Self::TeamDeleted,
        Self::InvitationMade,
        Self::InvitationRevoked,
        Self::InvitationAccepted,
        Self::RoleChanged,
        Self::MemberRemoved,
        Self::MemberLeft,
        Self::ApiKeyCreated,
        Self::ApiKeyRotated,
        Self::ApiKeyRevoked,
        Self::ConnectBegun,
        Self::CallbackRefused,
        Self::Connected,
        Self::Reconnected,
        Self::SiteChanged,
        Self::SiteLost,
        Self::SiteFound,
        Self::AttemptEnded,
        Self::AttemptDiscarded,
        Self::Disconnected,
        Self::GrantDied,
        Self::CiphertextRefused,
        Self::KeysRotated,
        Self::KeyRetired,
        Self::StoreAdopted,
    ];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserSignedUp => "user_signed_up",
            Self::TeamCreated => "team_created",
            Self::UserRenamed => "user_renamed",
            Self::PasswordChanged => "password_changed",
            Self::PasswordResetLinkMade => "password_reset_link_made",
            Self::PasswordReset => "password_reset",
            Self::SignedOutEverywhere => "signed_out_everywhere",
            Self::UserDeleted => "user_deleted",
            Self::SetupLinkMade => "setup_link_made",
            Self::SetupLinkUsed => "setup_link_used",
            Self::TeamRenamed => "team_renamed",
            Self::TeamDeleted => "team_deleted",
            Self::InvitationMade => "invitation_made",
            Self::InvitationRevoked => "invitation_revoked",
            Self::InvitationAccepted => "invitation_accepted",
            Self::RoleChanged => "role_changed",
            Self::MemberRemoved => "member_removed",
            Self::MemberLeft => "member_left",
            Self::ApiKeyCreated => "api_key_created",
            Self::ApiKeyRotated => "api_key_rotated",
            Self::ApiKeyRevoked => "api_key_revoked",
            Self::ConnectBegun => "connect_begun",
            Self::CallbackRefused => "callback_refused",
            Self::Connected => "connected",
            Self::Reconnected => "reconnected",
            Self::SiteChanged => "site_changed",
            Self::SiteLost => "site_lost",
            Self::SiteFound => "site_found",
            Self::AttemptEnded => "attempt_ended",
            Self::AttemptDiscarded => "attempt_discarded",
            Self::Disconnected => "disconnected",
            Self::GrantDied => "grant_died",
            Self::CiphertextRefused => "ciphertext_refused",
            Self::KeysRotated => "keys_rotated",
            Self::KeyRetired => "key_retired",
            Self::StoreAdopted => "store_adopted",
        }
    }

    /// What it is about.
    pub const fn group(self) -> AuditGroup {
        match self {
            Self::ConnectBegun
            | Self::Connected
            | Self::Reconnected
            | Self::SiteChanged
            | Self::SiteLost
            | Self::SiteFound
            | Self::AttemptEnded
            | Self::AttemptDiscarded
            | Self::Disconnected
            | Self::GrantDied => AuditGroup::Connection,
            Self::ApiKeyCreated | Self::ApiKeyRotated | Self::ApiKeyRevoked => AuditGroup::Keys,
            Self::InvitationMade
            | Self::InvitationRevoked
            | Self::InvitationAccepted
            | Self::RoleChanged
            | Self::MemberRemoved
            | Self::MemberLeft => AuditGroup::People,
            Self::TeamCreated | Self::TeamRenamed | Self::TeamDeleted => AuditGroup::Team,
            Self::CallbackRefused | Self::CiphertextRefused => AuditGroup::Refused,
            Self::UserSignedUp
            | Self::UserRenamed
            | Self::PasswordChanged
            | Self::PasswordResetLinkMade
            | Self::PasswordReset
            | Self::SignedOutEverywhere
            | Self::UserDeleted
            | Self::SetupLinkMade
            | Self::SetupLinkUsed => AuditGroup::Accounts,
            Self::KeysRotated | Self::KeyRetired | Self::StoreAdopted => AuditGroup::Server,
        }
    }
}

/// What an action is about: by this a log is looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditGroup {
    /// The connection, and the way to it.
    Connection,
    /// Keys of services.
    Keys,
    /// Who is in a team, and as what.
    People,
    /// The team itself.
    Team,
    /// What was turned away: callbacks, ciphertexts.
    Refused,
    /// Accounts, which belong to no team.
    Accounts,
    /// The server, which belongs to no team.
    Server,
}

impl AuditGroup {
    /// Those in whose actions a team is named.
    pub const OF_TEAMS: [Self; 5] = [
        Self::Connection,
        Self::Keys,
        Self::People,
        Self::Team,
        Self::Refused,
    ];

    /// The word that is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Keys => "keys",
            Self::People => "people",
            Self::Team => "team",
            Self::Refused => "refused",
            Self::Accounts => "accounts",
            Self::Server => "server",
        }
    }

    /// Its actions.
    pub fn actions(self) -> impl Iterator<Item = AuditAction> {
        let all = AuditAction::ALL.into_iter();
        all.filter(move |it| it.group() == self)
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
