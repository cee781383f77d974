//! How many connections share the same facts, over all teams: for metrics. Goes through the whole table, so
//! it is asked once in a while.

use domain::credential::{RefreshOutcome, Scopes};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

/// Connections of which the same is true.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct ConnectionGroup {
    /// They hold tokens.
    pub has_tokens: bool,
    /// Atlassian refused their grants.
    pub is_dead: bool,
    /// Their last refresh came to this.
    pub last_outcome: Option<RefreshOutcome>,
    /// Their last refresh failed.
    pub is_failing: bool,
    /// Their access tokens have ended.
    pub has_ended: bool,
    /// Their sites are not reached any more.
    pub is_lost: bool,
    /// Their consents were given before the time that was asked about.
    pub is_old: bool,
    /// What was granted.
    pub scopes: Scopes,
    /// How many there are.
    pub count: i64,
}

#[derive(FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct GroupRow {
    has_tokens: bool,
    is_dead: bool,
    last_outcome: Option<String>,
    is_failing: bool,
    has_ended: bool,
    is_lost: bool,
    is_old: bool,
    scopes: String,
    connections: i64,
}

impl TryFrom<GroupRow> for ConnectionGroup {
    type Error = StoreError;

    fn try_from(row: GroupRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "integration_credentials",
            id: Uuid::nil(),
        };
        Ok(Self {
            has_tokens: row.has_tokens,
            is_dead: row.is_dead,
            last_outcome: here.last_outcome(row.last_outcome.as_deref())?,
            is_failing: row.is_failing,
            has_ended: row.has_ended,
            is_lost: row.is_lost,
            is_old: row.is_old,
            scopes: here.scopes(&row.scopes)?,
            count: row.connections,
        })
    }
}

impl Tx {
    /// All credentials, in groups of the same facts; `old` is the time before which a consent counts as
    /// old.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_connection_groups(
        &mut self,
        old: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<ConnectionGroup>, StoreError> {
        const SQL: &str = "
            SELECT (c.access_token IS NOT NULL) AS has_tokens, (c.revoked_at IS NOT NULL) AS is_dead,
                   c.last_outcome, (c.consecutive_failures > 0) AS is_failing,
                   coalesce(c.token_expires_at <= $1, FALSE) AS has_ended,
                   (j.lost_at IS NOT NULL) AS is_lost,
                   coalesce(c.consented_at <= $2, FALSE) AS is_old, c.scopes,
                   count(*) AS connections
              FROM integration_credentials c
              LEFT JOIN jira_integrations j ON j.team_id = c.team_id AND j.credential_id = c.id
             GROUP BY 1, 2, 3, 4, 5, 6, 7, 8";
        let rows: Vec<GroupRow> = fetch_all!(self, SQL, Millis::from(now), Millis::from(old))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}
