//! Incidents: of a team's connection, or of the operator.
//!
//! At most one is open for a connection, and one of a kind for the operator: the database says so.

use domain::{
    credential::Provider,
    ids::{CredentialId, IncidentId, TeamId},
    incident::{Incident, IncidentEnding, IncidentKind, IncidentOf},
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

#[derive(FromRow)]
pub(crate) struct IncidentRow {
    id: Uuid,
    team_id: Option<Uuid>,
    credential_id: Option<Uuid>,
    provider: String,
    kind: String,
    reason: Option<String>,
    opened_at: Millis,
    working_since: Option<Millis>,
    closed_at: Option<Millis>,
    ending: Option<String>,
    reminders: i64,
    due_at: Option<Millis>,
}

impl TryFrom<IncidentRow> for Incident {
    type Error = StoreError;

    fn try_from(row: IncidentRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "incidents",
            id: row.id,
        };
        let of = row.team_id.zip(row.credential_id);
        let closed_at = here.maybe_time("closed_at", row.closed_at)?;
        let ending = row
            .ending
            .map(|it| here.word("ending", &it, &IncidentEnding::ALL, IncidentEnding::as_str));
        Ok(Self {
            id: IncidentId::from_uuid(row.id),
            of: of.map(|(team, credential)| IncidentOf {
                team: TeamId::from_uuid(team),
                credential: CredentialId::from_uuid(credential),
            }),
            provider: here.provider(&row.provider)?,
            kind: kind(here, &row.kind)?,
            reason: row.reason,
            opened_at: here.time("opened_at", row.opened_at)?,
            working_since: here.maybe_time("working_since", row.working_since)?,
            closed: closed_at.zip(ending.transpose()?),
            reminders: here.checked("reminders", u32::try_from(row.reminders))?,
            due_at: here.maybe_time("due_at", row.due_at)?,
        })
    }
}

fn kind(here: Row, text: &str) -> Result<IncidentKind, StoreError> {
    here.word("kind", text, &IncidentKind::ALL, IncidentKind::as_str)
}

impl Tx {
    /// Adds an incident that opens; `false` if one is open already.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_incident(
        &mut self,
        new: &Incident,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            INSERT INTO incidents (id, team_id, credential_id, provider, kind, reason, opened_at,
                   working_since, reminders, due_at, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
            ON CONFLICT DO NOTHING";
        let added = execute!(
            self,
            SQL,
            new.id.uuid(),
            new.of.map(|it| it.team.uuid()),
            new.of.map(|it| it.credential.uuid()),
            new.provider.as_str(),
            new.kind.as_str(),
            new.reason.as_deref(),
            Millis::from(new.opened_at),
            new.working_since.map(Millis::from),
            i64::from(new.reminders),
            new.due_at.map(Millis::from),
            Millis::from(now),
        )?;
        Ok(added == 1)
    }

    /// Writes what became of an open incident; `false` if it is closed by now. When it opened stays.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_incident(
        &mut self,
        changed: &Incident,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE incidents
               SET kind = $3, reason = $4, working_since = $5, closed_at = $6, ending = $7,
                   reminders = $8, due_at = $9, updated_at = $10
             WHERE id = $1 AND team_id IS NOT DISTINCT FROM $2 AND closed_at IS NULL";
        let written = execute!(
            self,
            SQL,
            changed.id.uuid(),
            changed.of.map(|it| it.team.uuid()),
            changed.kind.as_str(),
            changed.reason.as_deref(),
            changed.working_since.map(Millis::from),
            changed.closed.map(|(at, _)| Millis::from(at)),
            changed.closed.map(|(_, ending)| ending.as_str()),
            i64::from(changed.reminders),
            changed.due_at.map(Millis::from),
            Millis::from(now),
        )?;
        Ok(written == 1)
    }

    /// The incident of a connection that is open.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_open_incident(
        &mut self,
        team: TeamId,
        credential: CredentialId,
    ) -> Result<Option<Incident>, StoreError> {
        const SQL: &str = "
            SELECT * FROM incidents
             WHERE team_id = $1 AND credential_id = $2 AND closed_at IS NULL";
        let row: Option<IncidentRow> = fetch_optional!(self, SQL, team.uuid(), credential.uuid())?;
        row.map(TryInto::try_into).transpose()
    }

    /// The operator's incident of a kind that is open; nobody else changes it until this transaction ends.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn lock_operator_incident(
        &mut self,
        provider: Provider,
        kind: IncidentKind,
    ) -> Result<Option<Incident>, StoreError> {
        const SQLITE: &str = "
            SELECT * FROM incidents
             WHERE provider = $1 AND kind = $2 AND closed_at IS NULL AND team_id IS NULL";
        const POSTGRES: &str = "
            SELECT * FROM incidents
             WHERE provider = $1 AND kind = $2 AND closed_at IS NULL AND team_id IS NULL
               FOR UPDATE";
        let sql = self.pick(SQLITE, POSTGRES);
        let row: Option<IncidentRow> =
            fetch_optional!(self, sql, provider.as_str(), kind.as_str())?;
        row.map(TryInto::try_into).transpose()
    }

    /// The operator's incidents that are open.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_open_operator_incidents(
        &mut self,
        provider: Provider,
    ) -> Result<Vec<Incident>, StoreError> {
        const SQL: &str = "
            SELECT * FROM incidents
             WHERE provider = $1 AND closed_at IS NULL AND team_id IS NULL ORDER BY opened_at";
        let rows: Vec<IncidentRow> = fetch_all!(self, SQL, provider.as_str())?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How many incidents of a connection opened after `after`.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn count_incidents(
        &mut self,
        team: TeamId,
        credential: CredentialId,
        after: Timestamp,
    ) -> Result<u32, StoreError> {
        const SQL: &str = "
            SELECT count(*) FROM incidents
             WHERE team_id = $1 AND credential_id = $2 AND opened_at > $3";
        let row: Option<(i64,)> = fetch_optional!(
            self,
            SQL,
            team.uuid(),
            credential.uuid(),
            Millis::from(after)
        )?;
        Ok(count(row))
    }

    /// How many incidents of a kind opened for the operator after `after`.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn count_operator_incidents(
        &mut self,
        provider: Provider,
        kind: IncidentKind,
        after: Timestamp,
    ) -> Result<u32, StoreError> {
        const SQL: &str = "
            SELECT count(*) FROM incidents
             WHERE provider = $1 AND kind = $2 AND opened_at > $3 AND team_id IS NULL";
        let row: Option<(i64,)> = fetch_optional!(
            self,
            SQL,
            provider.as_str(),
            kind.as_str(),
            Millis::from(after)
        )?;
        Ok(count(row))
    }

    /// How many incidents are open, of all teams and the operator's, by kind; kinds without any are left
    /// out.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_open_incident_counts(
        &mut self,
    ) -> Result<Vec<(IncidentKind, i64)>, StoreError> {
        const SQL: &str = "
            SELECT kind, count(*) FROM incidents WHERE closed_at IS NULL GROUP BY kind";
        let here = Row {
            table: "incidents",
            id: Uuid::nil(),
        };
        let rows: Vec<(String, i64)> = fetch_all!(self, SQL)?;
        let counted = rows
            .into_iter()
            .map(|(word, count)| Ok((kind(here, &word)?, count)));
        counted.collect()
    }

    /// The incidents of a team, or the operator's, the newest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_incidents(
        &mut self,
        team: Option<TeamId>,
        limit: i64,
    ) -> Result<Vec<Incident>, StoreError> {
        const OF_TEAM: &str = "
            SELECT * FROM incidents WHERE team_id = $1 ORDER BY opened_at DESC, id DESC LIMIT $2";
        const OF_OPERATOR: &str = "
            SELECT * FROM incidents WHERE team_id IS NULL ORDER BY opened_at DESC, id DESC LIMIT $1";
        let rows: Vec<IncidentRow> = match team {
            Some(team) => fetch_all!(self, OF_TEAM, team.uuid(), limit)?,
            None => fetch_all!(self, OF_OPERATOR, limit)?,
        };
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

fn count(row: Option<(i64,)>) -> u32 {
    row.map_or(0, |(count,)| u32::try_from(count).unwrap_or(u32::MAX))
}
