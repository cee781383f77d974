//! What each refresh came to: one row an attempt.

use domain::{
    credential::Generation,
    ids::{CredentialId, RefreshEventId, TeamId},
    refresh_event::{RefreshCause, RefreshEvent},
};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

#[derive(FromRow)]
struct EventRow {
    id: Uuid,
    team_id: Uuid,
    credential_id: Uuid,
    generation: i64,
    cause: String,
    outcome: String,
    http_status: Option<i64>,
    duration_ms: i64,
    created_at: Millis,
}

impl TryFrom<EventRow> for RefreshEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "refresh_events",
            id: row.id,
        };
        let cause = &row.cause;
        let status = row
            .http_status
            .map(|it| here.checked("http_status", u16::try_from(it)));
        Ok(Self {
            id: RefreshEventId::from_uuid(row.id),
            team: TeamId::from_uuid(row.team_id),
            credential: CredentialId::from_uuid(row.credential_id),
            generation: Generation(row.generation),
            cause: here.word("cause", cause, &RefreshCause::ALL, RefreshCause::as_str)?,
            outcome: here.outcome("outcome", &row.outcome)?,
            http_status: status.transpose()?,
            duration_ms: here.checked("duration_ms", u64::try_from(row.duration_ms))?,
            at: here.time("created_at", row.created_at)?,
        })
    }
}

impl Tx {
    /// Adds what a refresh came to.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_refresh_event(&mut self, event: &RefreshEvent) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO refresh_events (id, team_id, credential_id, generation, cause, outcome,
                   http_status, duration_ms, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
        execute!(
            self,
            SQL,
            event.id.uuid(),
            event.team.uuid(),
            event.credential.uuid(),
            event.generation.0,
            event.cause.as_str(),
            event.outcome.as_str(),
            event.http_status.map(i64::from),
            i64::try_from(event.duration_ms).unwrap_or(i64::MAX),
            Millis::from(event.at),
        )?;
        Ok(())
    }

    /// The newest of a credential, the newest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_refresh_events(
        &mut self,
        team: TeamId,
        credential: CredentialId,
        limit: i64,
    ) -> Result<Vec<RefreshEvent>, StoreError> {
        const SQL: &str = "
            SELECT * FROM refresh_events
             WHERE team_id = $1 AND credential_id = $2
             ORDER BY created_at DESC, id DESC LIMIT $3";
        let rows: Vec<EventRow> = fetch_all!(self, SQL, team.uuid(), credential.uuid(), limit)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}
