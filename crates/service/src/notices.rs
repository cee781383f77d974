//! Who is told of what: what is written into the outbox, in the transaction of its cause.
//!
//! Sending is apart: nothing here knows addresses, and nothing waits for a network.

use domain::text::EmailAddress;
use tokio::sync::Notify;

pub(crate) mod connections;
pub(crate) mod operators;
pub mod payload;
mod writing;

/// Whom there is to tell, besides the admins of the teams.
#[derive(Clone, Debug, Default)]
pub struct NoticeSettings {
    /// Whether webhooks have a receiver. Without one, none are written.
    pub has_receiver: bool,
    /// The operator's address.
    pub operator_email: Option<EmailAddress>,
}

/// What a process knows of telling.
#[derive(Debug, Default)]
pub struct Notices {
    /// Whom there is to tell.
    pub settings: NoticeSettings,
    /// Woken where a connection may need people from now on: nobody waits for the next round.
    pub watch: Notify,
    /// Woken where something was written that is to be sent.
    pub written: Notify,
}

impl Notices {
    /// With whom there is to tell.
    pub fn new(settings: NoticeSettings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }
}
