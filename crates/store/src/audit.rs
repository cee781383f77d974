//! The audit log: rows are added, never changed.

use domain::{
    audit::{AuditAction, AuditEvent},
    ids::{AuditEventId, TeamId, UserId},
};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

#[derive(FromRow)]
pub(crate) struct AuditRow {
    id: Uuid,
    team_id: Option<Uuid>,
    actor_user_id: Option<Uuid>,
    action: String,
    subject_id: Option<Uuid>,
    detail: Option<String>,
    created_at: Millis,
}

impl TryFrom<AuditRow> for AuditEvent {
    type Error = StoreError;

    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "audit_events",
            id: row.id,
        };
        Ok(Self {
            id: AuditEventId::from_uuid(row.id),
            at: here.time("created_at", row.created_at)?,
            team: row.team_id.map(TeamId::from_uuid),
            actor: row.actor_user_id.map(UserId::from_uuid),
            action: here.word(
                "action",
                &row.action,
                &AuditAction::ALL,
                AuditAction::as_str,
            )?,
            subject: row.subject_id,
            detail: row.detail,
        })
    }
}

impl Tx {
    /// Adds a row.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_audit_event(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO audit_events (id, team_id, actor_user_id, action, subject_id, detail,
                   created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
        execute!(
            self,
            SQL,
            event.id.uuid(),
            event.team.map(TeamId::uuid),
            event.actor.map(UserId::uuid),
            event.action.as_str(),
            event.subject,
            event.detail.as_deref(),
            Millis::from(event.at),
        )?;
        Ok(())
    }

    /// The newest rows of a team.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_audit_events(
        &mut self,
        team: TeamId,
        limit: i64,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        const SQL: &str = "
            SELECT * FROM audit_events WHERE team_id = $1
             ORDER BY created_at DESC, id DESC LIMIT $2";
        let rows: Vec<AuditRow> = fetch_all!(self, SQL, team.uuid(), limit)?;
        rows.into_iter().map(AuditEvent::try_from).collect()
    }

    /// The newest rows that belong to no team: accounts, callbacks that nobody can be told of.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_audit_events_without_team(
        &mut self,
        limit: i64,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        const SQL: &str = "
            SELECT * FROM audit_events WHERE team_id IS NULL
             ORDER BY created_at DESC, id DESC LIMIT $1";
        let rows: Vec<AuditRow> = fetch_all!(self, SQL, limit)?;
        rows.into_iter().map(AuditEvent::try_from).collect()
    }
}
