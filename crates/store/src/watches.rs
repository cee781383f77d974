//! When a connection is looked at for whoever is to be told of a change, and what they were told last.
//!
//! Whatever changes the facts of a connection makes it due in the same transaction. The times are those that
//! are bound; whoever looks holds the row, so that of many processes one looks.

use domain::{
    credential::Provider,
    ids::{CredentialId, TeamId},
    state::ConnectionState,
    team::Team,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
    teams::TeamRow,
};

/// A connection to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchOf {
    /// Whose.
    pub team: TeamId,
    /// Which.
    pub credential: CredentialId,
}

/// What is known of a connection that is due to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Whose.
    pub team: Team,
    /// To whom it leads.
    pub provider: Provider,
    /// Since when it is due.
    pub due_at: Timestamp,
    /// The state that was told last; none before the first look.
    pub told: Option<ConnectionState>,
}

#[derive(FromRow)]
struct WatchRow {
    #[sqlx(flatten)]
    team: TeamRow,
    provider: String,
    due_at: Millis,
    told_state: Option<String>,
}

#[derive(FromRow)]
struct DueRow {
    team_id: Uuid,
    credential_id: Uuid,
}

impl From<DueRow> for WatchOf {
    fn from(row: DueRow) -> Self {
        Self {
            team: TeamId::from_uuid(row.team_id),
            credential: CredentialId::from_uuid(row.credential_id),
        }
    }
}

impl Tx {
    /// Makes a connection due to be looked at `at` that time, or earlier where it is.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn watch_connection(
        &mut self,
        team: TeamId,
        credential: CredentialId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO connection_watches (credential_id, team_id, due_at, created_at, updated_at)
            VALUES ($2, $1, $3, $3, $3)
            ON CONFLICT (credential_id) DO UPDATE
               SET due_at = CASE WHEN connection_watches.due_at < excluded.due_at
                                 THEN connection_watches.due_at ELSE excluded.due_at END,
                   updated_at = excluded.updated_at
             WHERE connection_watches.team_id = excluded.team_id";
        execute!(self, SQL, team.uuid(), credential.uuid(), Millis::from(at))?;
        Ok(())
    }

    /// After a refresh was saved: the connection is due to be looked at, unless it is known to work, and
    /// `is_changed` says that nothing else is different. Most refreshes write nothing here.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn watch_saved(
        &mut self,
        team: TeamId,
        credential: CredentialId,
        is_changed: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE connection_watches SET due_at = $4, updated_at = $4
             WHERE team_id = $1 AND credential_id = $2 AND (due_at IS NULL OR due_at > $4)
               AND ($3 OR told_state IS DISTINCT FROM 'connected')";
        execute!(
            self,
            SQL,
            team.uuid(),
            credential.uuid(),
            is_changed,
            Millis::from(now),
        )?;
        Ok(())
    }

    /// Connections of all teams that are due to be looked at, the longest due first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_due_watches(
        &mut self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<WatchOf>, StoreError> {
        const SQL: &str = "
            SELECT team_id, credential_id FROM connection_watches
             WHERE due_at <= $1 ORDER BY due_at LIMIT $2";
        let rows: Vec<DueRow> = fetch_all!(self, SQL, Millis::from(now), limit)?;
        Ok(rows.into_iter().map(WatchOf::from).collect())
    }

    /// Connections of all teams with an incident that is due later than at `furthest`: no rule plans so
    /// far ahead, so the clock was set back since.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_incidents_too_far(
        &mut self,
        furthest: Timestamp,
        limit: i64,
    ) -> Result<Vec<WatchOf>, StoreError> {
        const SQL: &str = "
            SELECT team_id, credential_id FROM incidents
             WHERE due_at > $1 AND team_id IS NOT NULL AND closed_at IS NULL LIMIT $2";
        let rows: Vec<DueRow> = fetch_all!(self, SQL, Millis::from(furthest), limit)?;
        Ok(rows.into_iter().map(WatchOf::from).collect())
    }

    /// Holds a connection that is to be looked at until the transaction ends, with its team, so that neither
    /// is removed, and its credential, so that no fact changes meanwhile. Waits for nobody: none if it is
    /// gone, not due any more, being written, or another process looks at it.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn lock_watch(
        &mut self,
        of: WatchOf,
        now: Timestamp,
    ) -> Result<Option<Watch>, StoreError> {
        const SQLITE: &str = "
            SELECT t.id AS team_id, t.slug AS team_slug, t.name AS team_name,
                   t.created_at AS team_created_at, c.provider, w.due_at, w.told_state
              FROM connection_watches w
              JOIN teams t ON t.id = w.team_id
              JOIN integration_credentials c ON c.team_id = w.team_id AND c.id = w.credential_id
             WHERE w.team_id = $1 AND w.credential_id = $2 AND w.due_at <= $3";
        const POSTGRES: &str = "
            SELECT t.id AS team_id, t.slug AS team_slug, t.name AS team_name,
                   t.created_at AS team_created_at, c.provider, w.due_at, w.told_state
              FROM connection_watches w
              JOIN teams t ON t.id = w.team_id
              JOIN integration_credentials c ON c.team_id = w.team_id AND c.id = w.credential_id
             WHERE w.team_id = $1 AND w.credential_id = $2 AND w.due_at <= $3
               FOR KEY SHARE OF t SKIP LOCKED FOR SHARE OF c SKIP LOCKED
               FOR UPDATE OF w SKIP LOCKED";
        let sql = self.pick(SQLITE, POSTGRES);
        let row: Option<WatchRow> = fetch_optional!(
            self,
            sql,
            of.team.uuid(),
            of.credential.uuid(),
            Millis::from(now),
        )?;
        let Some(row) = row else {
            return Ok(None);
        };
        let here = Row {
            table: "connection_watches",
            id: of.credential.uuid(),
        };
        let told = row.told_state.map(|it| {
            here.word(
                "told_state",
                &it,
                &ConnectionState::ALL,
                ConnectionState::as_str,
            )
        });
        Ok(Some(Watch {
            team: row.team.try_into()?,
            provider: here.provider(&row.provider)?,
            due_at: here.time("due_at", row.due_at)?,
            told: told.transpose()?,
        }))
    }

    /// Writes what was told last, and when the connection is to be looked at again by time alone.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_watch(
        &mut self,
        of: WatchOf,
        told: Option<ConnectionState>,
        due_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE connection_watches
               SET told_at = CASE WHEN told_state IS NOT DISTINCT FROM $3 THEN told_at ELSE $5 END,
                   told_state = $3, due_at = $4, updated_at = $5
             WHERE team_id = $1 AND credential_id = $2";
        execute!(
            self,
            SQL,
            of.team.uuid(),
            of.credential.uuid(),
            told.map(ConnectionState::as_str),
            due_at.map(Millis::from),
            Millis::from(now),
        )?;
        Ok(())
    }
}
