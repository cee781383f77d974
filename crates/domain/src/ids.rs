//! Ids, one type for each thing, so that they cannot be mixed up.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::env::{Env, random};

/// The text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct NotAnId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new one (`UUIDv7`: sorted by the time of creation).
            pub fn new(env: &dyn Env) -> Self {
                Self(uuid_v7(env))
            }

            /// Takes an id that was kept or sent.
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The id to keep or send.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::try_parse(text).map(Self).map_err(|_| NotAnId)
            }
        }
    )+};
}

ids! {
    /// Names a person who can sign in.
    UserId
    /// Names a team (tenant).
    TeamId
    /// Names a browser session.
    SessionId
    /// Names a connect attempt: one trip of a browser to Atlassian and back.
    AttemptId
    /// Names an integration credential.
    CredentialId
    /// Names a Jira integration: the chosen site of a credential.
    JiraIntegrationId
    /// Names an audit event.
    AuditEventId
    /// Names an API key.
    ApiKeyId
    /// Names an invitation to a team.
    InvitationId
    /// Names a refresh, ended.
    RefreshEventId
    /// Names a link that sets a new password.
    PasswordResetId
    /// Names a link for the first account.
    SetupLinkId
    /// Names an incident.
    IncidentId
    /// Names what is to be sent, or was.
    OutboxId
}

fn uuid_v7(env: &dyn Env) -> Uuid {
    // Before 1970 there is nothing to sort: such a clock is broken, and ids need only be unique.
    let millis = u64::try_from(env.now().as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random(env)).into_uuid()
}
