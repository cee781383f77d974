//! What is to be sent, and what became of it.
//!
//! An entry is written in the transaction of its cause. It is tried until it is sent or given up; after a
//! crash it may be sent again, with the same id.

use jiff::Timestamp;

use crate::ids::{IncidentId, OutboxId, TeamId, UserId};

/// The way by which it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// By SMTP.
    Mail,
    /// By HTTP POST, signed as Standard Webhooks.
    Webhook,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Mail, Self::Webhook];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
        }
    }
}

/// To whom it goes. Addresses are looked up when it is sent: they are no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// An admin of the team; none if the account is gone.
    Admin(Option<UserId>),
    /// Who runs the server.
    Operator,
    /// The receiver of webhooks.
    Receiver,
}

impl Recipient {
    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin(_) => "admin",
            Self::Operator => "operator",
            Self::Receiver => "receiver",
        }
    }
}

/// What it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Occasion {
    /// People are needed.
    Opened,
    /// They still are.
    Reminder,
    /// It works again.
    WorksAgain,
    /// A connection has another state.
    StateChanged,
    /// Atlassian does not answer, or answers again: told once for all connections.
    ProviderChanged,
    /// The receiver of webhooks failed for so long that it is not tried any more.
    ReceiverDisabled,
}

impl Occasion {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Opened,
        Self::Reminder,
        Self::WorksAgain,
        Self::StateChanged,
        Self::ProviderChanged,
        Self::ReceiverDisabled,
    ];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Reminder => "reminder",
            Self::WorksAgain => "works_again",
            Self::StateChanged => "state_changed",
            Self::ProviderChanged => "provider_changed",
            Self::ReceiverDisabled => "receiver_disabled",
        }
    }
}

/// How sending it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendOutcome {
    /// The other side took it.
    Sent,
    /// The other side refused it, or did not answer for too long.
    GivenUp,
    /// There was nobody to send it to any more, or nothing to tell.
    Dropped,
}

impl SendOutcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sent, Self::GivenUp, Self::Dropped];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::GivenUp => "given_up",
            Self::Dropped => "dropped",
        }
    }
}

/// One notice for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its id; `Message-ID` and `webhook-id` are made of it.
    pub id: OutboxId,
    /// The team that it is about; none where it is the operator's.
    pub team: Option<TeamId>,
    /// The incident that it is about.
    pub incident: Option<IncidentId>,
    /// The way by which it goes.
    pub channel: Channel,
    /// To whom.
    pub recipient: Recipient,
    /// What it tells.
    pub occasion: Occasion,
    /// What makes it the same notice: of several with the same text only the first is written.
    pub same_as: String,
    /// What it says: versioned JSON, without addresses and secrets.
    pub payload: String,
    /// When it is tried next; none once it ended.
    pub due_at: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: u32,
    /// How and when it ended.
    pub ended: Option<(Timestamp, SendOutcome)>,
    /// Why the last attempt failed, in one of our words.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
}
