//! Sending what is in the outbox: who is at it now, and what became of it.
//!
//! A claim is the right to send an entry for a while; its times are the database's own, as those of a
//! lease. It fences every end but one: what the other side took is sent, whoever holds the claim by then.

use domain::{
    ids::{OutboxId, TeamId, UserId},
    outbox::{Channel, OutboxEntry, Recipient, SendOutcome},
    sending::SendTrouble,
};
use jiff::{SignedDuration, Timestamp};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
    outbox::OutboxRow,
};

/// What the recipient of an entry was told of its incident before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToldBefore {
    /// The entry that told that it opened.
    pub opening: Option<OutboxId>,
    /// Whether anything of it was taken by the other side.
    pub was_told: bool,
    /// Whether the incident has ended.
    pub is_over: bool,
}

/// What waits in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// By which way it goes.
    pub channel: Channel,
    /// How many entries.
    pub count: i64,
    /// When the oldest one was written.
    pub oldest: Timestamp,
}

#[derive(FromRow)]
struct ToldRow {
    opening: Option<Uuid>,
    sent: i64,
    closed_at: Option<Millis>,
}

#[derive(FromRow)]
struct WaitingRow {
    channel: String,
    waiting: i64,
    oldest: Millis,
}

impl Tx {
    /// Takes the right to send the entries of a channel that are due, of all teams, the longest due
    /// first, at most `most`; each counts as an attempt. Nobody else takes them for `length`.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn claim_due_entries(
        &mut self,
        channel: Channel,
        owner: Uuid,
        length: SignedDuration,
        most: i64,
        now: Timestamp,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        const SQLITE: &str = "
            UPDATE outbox
               SET claimed_by = $1, claimed_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $2,
                   attempts = attempts + 1, updated_at = $4
             WHERE id IN (SELECT id FROM outbox
                           WHERE due_at <= $4 AND channel = $3
                             AND (claimed_until IS NULL
                                  OR claimed_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER))
                           ORDER BY due_at, id LIMIT $5)
            RETURNING id, team_id, incident_id, channel, recipient, user_id, occasion, same_as, payload,
                      due_at, attempts, outcome, ended_at, last_error, created_at";
        const POSTGRES: &str = "
            UPDATE outbox
               SET claimed_by = $1,
                   claimed_until = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + $2,
                   attempts = attempts + 1, updated_at = $4
             WHERE id IN (SELECT id FROM outbox
                           WHERE due_at <= $4 AND channel = $3
                             AND (claimed_until IS NULL
                                  OR claimed_until
                                     <= CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))
                           ORDER BY due_at, id LIMIT $5
                             FOR UPDATE SKIP LOCKED)
            RETURNING id, team_id, incident_id, channel, recipient, user_id, occasion, same_as, payload,
                      due_at, attempts, outcome, ended_at, last_error, created_at";
        let sql = self.pick(SQLITE, POSTGRES);
        let rows: Vec<OutboxRow> = fetch_all!(
            self,
            sql,
            owner,
            i64::try_from(length.as_millis()).unwrap_or(i64::MAX),
            channel.as_str(),
            Millis::from(now),
            most,
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Whether an entry of a channel is due, of any team; it may be claimed.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn is_any_entry_due(
        &mut self,
        channel: Channel,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT id FROM outbox WHERE due_at <= $1 AND channel = $2 LIMIT 1";
        let found: Option<(Uuid,)> =
            fetch_optional!(self, SQL, Millis::from(now), channel.as_str())?;
        Ok(found.is_some())
    }

    /// Notes that the other side took an entry, whoever holds its claim; `false` if it had ended, or is
    /// gone with its team.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_entry_sent(
        &mut self,
        id: OutboxId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE outbox
               SET outcome = 'sent', ended_at = $2, due_at = NULL, last_error = NULL,
                   claimed_by = NULL, claimed_until = NULL, updated_at = $2
             WHERE id = $1 AND (outcome IS NULL OR outcome = 'given_up')";
        Ok(execute!(self, SQL, id.uuid(), Millis::from(now))? == 1)
    }

    /// Notes why an attempt failed, and when the next one is due; `false` if the claim is not the
    /// owner's any more: somebody else is at it.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_entry_failed(
        &mut self,
        id: OutboxId,
        owner: Uuid,
        trouble: SendTrouble,
        next_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE outbox
               SET due_at = $4, last_error = $3, claimed_by = NULL, claimed_until = NULL,
                   updated_at = $5
             WHERE id = $1 AND claimed_by = $2 AND outcome IS NULL";
        let changed = execute!(
            self,
            SQL,
            id.uuid(),
            owner,
            trouble.as_str(),
            Millis::from(next_at),
            Millis::from(now),
        )?;
        Ok(changed == 1)
    }

    /// Ends an entry that was not sent: given up, or dropped; `false` as in
    /// [`Tx::set_entry_failed`].
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_entry_ended(
        &mut self,
        id: OutboxId,
        owner: Uuid,
        outcome: SendOutcome,
        trouble: SendTrouble,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE outbox
               SET outcome = $3, ended_at = $5, due_at = NULL, last_error = $4,
                   claimed_by = NULL, claimed_until = NULL, updated_at = $5
             WHERE id = $1 AND claimed_by = $2 AND outcome IS NULL";
        let changed = execute!(
            self,
            SQL,
            id.uuid(),
            owner,
            outcome.as_str(),
            trouble.as_str(),
            Millis::from(now),
        )?;
        Ok(changed == 1)
    }

    /// Gives back what was claimed and not tried: it does not count as an attempt.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn release_entry(
        &mut self,
        id: OutboxId,
        owner: Uuid,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE outbox
               SET attempts = attempts - 1, claimed_by = NULL, claimed_until = NULL, updated_at = $3
             WHERE id = $1 AND claimed_by = $2 AND outcome IS NULL";
        Ok(execute!(self, SQL, id.uuid(), owner, Millis::from(now))? == 1)
    }

    /// Forgets all claims, of all teams: for the start of the one process that serves a store, where
    /// whoever held them is gone. Tells how many there were.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn forget_claims(&mut self) -> Result<u64, StoreError> {
        const SQL: &str = "
            UPDATE outbox SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by IS NOT NULL";
        Ok(execute!(self, SQL)?)
    }

    /// What the recipient of an entry was told of its incident, and whether that is over; the entry
    /// itself aside. Nothing, where it is of no incident.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_told_before(
        &mut self,
        entry: &OutboxEntry,
    ) -> Result<ToldBefore, StoreError> {
        const SQL: &str = "
            SELECT i.closed_at,
                   (SELECT o.id FROM outbox o
                     WHERE o.incident_id = i.id AND o.occasion = 'opened' AND o.id <> $2
                       AND o.channel = $3 AND o.recipient = $4 AND o.user_id IS NOT DISTINCT FROM $5
                     ORDER BY o.id LIMIT 1) AS opening,
                   (SELECT count(*) FROM outbox o
                     WHERE o.incident_id = i.id AND o.outcome = 'sent' AND o.id <> $2
                       AND o.channel = $3 AND o.recipient = $4
                       AND o.user_id IS NOT DISTINCT FROM $5) AS sent
              FROM incidents i
             WHERE i.id = $1 AND i.team_id IS NOT DISTINCT FROM $6";
        let Some(incident) = entry.incident else {
            return Ok(ToldBefore::default());
        };
        let user = match entry.recipient {
            Recipient::Admin(user) => user,
            Recipient::Operator | Recipient::Receiver => None,
        };
        let row: Option<ToldRow> = fetch_optional!(
            self,
            SQL,
            incident.uuid(),
            entry.id.uuid(),
            entry.channel.as_str(),
            entry.recipient.as_str(),
            user.map(UserId::uuid),
            entry.team.map(TeamId::uuid),
        )?;
        Ok(row.map_or_else(ToldBefore::default, |it| ToldBefore {
            opening: it.opening.map(OutboxId::from_uuid),
            was_told: it.sent > 0,
            is_over: it.closed_at.is_some(),
        }))
    }

    /// Puts webhooks of all teams back that were given up since `since`: the receiver is switched on
    /// again. Tells how many.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn resend_webhooks(
        &mut self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "
            UPDATE outbox
               SET outcome = NULL, ended_at = NULL, due_at = $2, attempts = 0, last_error = NULL,
                   claimed_by = NULL, claimed_until = NULL, updated_at = $2
             WHERE channel = 'webhook' AND outcome = 'given_up' AND ended_at >= $1";
        Ok(execute!(self, SQL, Millis::from(since), Millis::from(now))?)
    }

    /// What waits to be sent, of all teams, by channel.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_waiting(&mut self) -> Result<Vec<Waiting>, StoreError> {
        const SQL: &str = "
            SELECT channel, count(*) AS waiting, min(created_at) AS oldest
              FROM outbox WHERE due_at IS NOT NULL GROUP BY channel";
        let rows: Vec<WaitingRow> = fetch_all!(self, SQL)?;
        rows.into_iter()
            .map(|row| {
                let here = Row {
                    table: "outbox",
                    id: Uuid::nil(),
                };
                Ok(Waiting {
                    channel: here.word("channel", &row.channel, &Channel::ALL, Channel::as_str)?,
                    count: row.waiting,
                    oldest: here.time("created_at", row.oldest)?,
                })
            })
            .collect()
    }
}
