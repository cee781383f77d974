//! Keys by which services ask for tokens. A service's name is its key's name.

use jiff::Timestamp;

use crate::{
    ids::{ApiKeyId, TeamId, UserId},
    text::ServiceName,
};

/// A service's key. The key itself is shown once; we keep the hash of it only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it opens: the connections of one team.
    pub team: TeamId,
    /// The service that has it; no two keys in force of a team have the same.
    pub name: ServiceName,
    /// Who made it; none if the account is gone.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When an admin ended it.
    pub revoked_at: Option<Timestamp>,
}
