//! What is to be sent, and what became of it. An entry is written in the transaction of its cause.

use domain::{
    ids::{IncidentId, OutboxId, TeamId, UserId},
    outbox::{Channel, Occasion, OutboxEntry, Recipient, SendOutcome},
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

#[derive(FromRow)]
pub(crate) struct OutboxRow {
    id: Uuid,
    team_id: Option<Uuid>,
    incident_id: Option<Uuid>,
    channel: String,
    recipient: String,
    user_id: Option<Uuid>,
    occasion: String,
    same_as: String,
    payload: String,
    due_at: Option<Millis>,
    attempts: i64,
    outcome: Option<String>,
    ended_at: Option<Millis>,
    last_error: Option<String>,
    created_at: Millis,
}

impl TryFrom<OutboxRow> for OutboxEntry {
    type Error = StoreError;

    fn try_from(row: OutboxRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "outbox",
            id: row.id,
        };
        let recipient = match row.recipient.as_str() {
            "admin" => Recipient::Admin(row.user_id.map(UserId::from_uuid)),
            "operator" => Recipient::Operator,
            "receiver" => Recipient::Receiver,
            _ => return Err(here.odd("recipient")),
        };
        let ended_at = here.maybe_time("ended_at", row.ended_at)?;
        let outcome = row
            .outcome
            .map(|it| here.word("outcome", &it, &SendOutcome::ALL, SendOutcome::as_str));
        Ok(Self {
            id: OutboxId::from_uuid(row.id),
            team: row.team_id.map(TeamId::from_uuid),
            incident: row.incident_id.map(IncidentId::from_uuid),
            channel: here.word("channel", &row.channel, &Channel::ALL, Channel::as_str)?,
            recipient,
            occasion: here.word("occasion", &row.occasion, &Occasion::ALL, Occasion::as_str)?,
            same_as: row.same_as,
            payload: row.payload,
            due_at: here.maybe_time("due_at", row.due_at)?,
            attempts: here.checked("attempts", u32::try_from(row.attempts))?,
            ended: ended_at.zip(outcome.transpose()?),
            last_error: row.last_error,
            created_at: here.time("created_at", row.created_at)?,
        })
    }
}

impl Tx {
    /// Adds what is to be sent; `false` if the same notice was written before.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_outbox_entry(&mut self, new: &OutboxEntry) -> Result<bool, StoreError> {
        const SQL: &str = "
            INSERT INTO outbox (id, team_id, incident_id, channel, recipient, user_id, occasion,
                   same_as, payload, due_at, attempts, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $11)
            ON CONFLICT (same_as) DO NOTHING";
        let user = match new.recipient {
            Recipient::Admin(user) => user,
            Recipient::Operator | Recipient::Receiver => None,
        };
        let added = execute!(
            self,
            SQL,
            new.id.uuid(),
            new.team.map(TeamId::uuid),
            new.incident.map(IncidentId::uuid),
            new.channel.as_str(),
            new.recipient.as_str(),
            user.map(UserId::uuid),
            new.occasion.as_str(),
            new.same_as.as_str(),
            new.payload.as_str(),
            new.due_at.map(Millis::from),
            Millis::from(new.created_at),
        )?;
        Ok(added == 1)
    }

    /// Drops the mails of an incident that were never tried, because what they tell is over: that it
    /// opened, that it goes on. Says how many.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn drop_untried_mails(
        &mut self,
        team: Option<TeamId>,
        incident: IncidentId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "
            UPDATE outbox SET due_at = NULL, outcome = 'dropped', ended_at = $3, updated_at = $3
             WHERE team_id IS NOT DISTINCT FROM $1 AND incident_id = $2 AND channel = 'mail'
               AND occasion IN ('opened', 'reminder')
               AND outcome IS NULL AND attempts = 0 AND claimed_by IS NULL";
        Ok(execute!(
            self,
            SQL,
            team.map(TeamId::uuid),
            incident.uuid(),
            Millis::from(now)
        )?)
    }

    /// What was written for a team, or for the operator; the newest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_outbox_entries(
        &mut self,
        team: Option<TeamId>,
        limit: i64,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        const OF_TEAM: &str = "
            SELECT * FROM outbox WHERE team_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2";
        const OF_OPERATOR: &str = "
            SELECT * FROM outbox WHERE team_id IS NULL ORDER BY created_at DESC, id DESC LIMIT $1";
        let rows: Vec<OutboxRow> = match team {
            Some(team) => fetch_all!(self, OF_TEAM, team.uuid(), limit)?,
            None => fetch_all!(self, OF_OPERATOR, limit)?,
        };
        rows.into_iter().map(TryInto::try_into).collect()
    }
}
