//! What was sent when a connection needed people, in one statement.

use domain::{
    ids::{CredentialId, IncidentId, TeamId},
    incident::{IncidentEnding, IncidentKind},
    outbox::{Channel, Occasion, SendOutcome},
    text::PersonName,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

/// The last incidents are shown.
const INCIDENTS: i64 = 3;

/// And of them no more notices than these.
const MOST_NOTICES: i64 = 60;

/// What was sent when the connection needed people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentNotices {
    /// The last incidents, the newest first.
    pub incidents: Vec<IncidentWithNotices>,
    /// Since when the receiver of webhooks is not tried any more.
    pub receiver_disabled_at: Option<Timestamp>,
}

/// An incident of the connection, with what was sent of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentWithNotices {
    /// Which.
    pub id: IncidentId,
    /// What people were needed for.
    pub kind: IncidentKind,
    /// When we learned of it.
    pub opened_at: Timestamp,
    /// When and how it ended.
    pub closed: Option<(Timestamp, IncidentEnding)>,
    /// What was sent of it, the newest first.
    pub notices: Vec<Notice>,
}

/// One notice, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The way by which it goes.
    pub channel: Channel,
    /// Whether it is for an admin; else for the receiver, or the operator.
    pub is_for_admin: bool,
    /// The admin; none where the account is gone.
    pub to: Option<PersonName>,
    /// What it tells.
    pub occasion: Occasion,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: i64,
    /// How and when it ended.
    pub ended: Option<(Timestamp, SendOutcome)>,
    /// Why the last attempt failed, in one of our words.
    pub last_error: Option<String>,
}

#[derive(FromRow)]
struct NoticeRow {
    disabled_at: Option<Millis>,
    incident_id: Option<Uuid>,
    kind: Option<String>,
    opened_at: Option<Millis>,
    closed_at: Option<Millis>,
    ending: Option<String>,
    outbox_id: Option<Uuid>,
    channel: Option<String>,
    recipient: Option<String>,
    occasion: Option<String>,
    due_at: Option<Millis>,
    attempts: Option<i64>,
    outcome: Option<String>,
    ended_at: Option<Millis>,
    last_error: Option<String>,
    written_at: Option<Millis>,
    to_name: Option<String>,
}

impl NoticeRow {
    fn incident(&self) -> Result<Option<IncidentWithNotices>, StoreError> {
        let (Some(id), Some(kind), Some(opened_at)) =
            (self.incident_id, &self.kind, self.opened_at)
        else {
            return Ok(None);
        };
        let here = Row {
            table: "incidents",
            id,
        };
        let closed = match (self.closed_at, &self.ending) {
            (Some(at), Some(word)) => Some((
                here.time("closed_at", at)?,
                here.word("ending", word, &IncidentEnding::ALL, IncidentEnding::as_str)?,
            )),
            _ => None,
        };
        Ok(Some(IncidentWithNotices {
            id: IncidentId::from_uuid(id),
            kind: here.word("kind", kind, &IncidentKind::ALL, IncidentKind::as_str)?,
            opened_at: here.time("opened_at", opened_at)?,
            closed,
            notices: Vec::new(),
        }))
    }

    fn notice(self) -> Result<Option<Notice>, StoreError> {
        let (Some(id), Some(channel), Some(occasion), Some(written_at)) =
            (self.outbox_id, self.channel, self.occasion, self.written_at)
        else {
            return Ok(None);
        };
        let here = Row {
            table: "outbox",
            id,
        };
        let ended = match (self.ended_at, &self.outcome) {
            (Some(at), Some(word)) => Some((
                here.time("ended_at", at)?,
                here.word("outcome", word, &SendOutcome::ALL, SendOutcome::as_str)?,
            )),
            _ => None,
        };
        let to = self
            .to_name
            .map(|it| here.checked("name", PersonName::parse(&it)));
        Ok(Some(Notice {
            channel: here.word("channel", &channel, &Channel::ALL, Channel::as_str)?,
            is_for_admin: self.recipient.as_deref() == Some("admin"),
            to: to.transpose()?,
            occasion: here.word("occasion", &occasion, &Occasion::ALL, Occasion::as_str)?,
            created_at: here.time("created_at", written_at)?,
            due_at: here.maybe_time("due_at", self.due_at)?,
            attempts: self.attempts.unwrap_or_default(),
            ended,
            last_error: self.last_error,
        }))
    }
}

impl Tx {
    /// The last incidents of a connection with what was sent of them, and whether the receiver of webhooks
    /// that is known by this hash is tried.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_sent_notices(
        &mut self,
        team: TeamId,
        credential: CredentialId,
        receiver: Option<&[u8]>,
    ) -> Result<SentNotices, StoreError> {
        // The team is there whatever it has.
        const SQL: &str = "
            SELECT w.disabled_at, i.id AS incident_id, i.kind, i.opened_at, i.closed_at, i.ending,
                   o.id AS outbox_id, o.channel, o.recipient, o.occasion, o.due_at, o.attempts,
                   o.outcome, o.ended_at, o.last_error, o.created_at AS written_at, u.name AS to_name
              FROM teams t
              LEFT JOIN webhook_receivers w ON w.url_hash = $5
              LEFT JOIN (SELECT * FROM incidents
                          WHERE team_id = $1 AND credential_id = $2
                          ORDER BY opened_at DESC, id DESC LIMIT $3) i ON i.team_id = t.id
              LEFT JOIN outbox o ON o.incident_id = i.id AND o.team_id = t.id
              LEFT JOIN users u ON u.id = o.user_id
             WHERE t.id = $1
             ORDER BY i.opened_at DESC, i.id DESC, o.created_at DESC, o.id DESC
             LIMIT $4";
        let rows: Vec<NoticeRow> = fetch_all!(
            self,
            SQL,
            team.uuid(),
            credential.uuid(),
            INCIDENTS,
            MOST_NOTICES,
            receiver,
        )?;
        let here = Row {
            table: "webhook_receivers",
            id: Uuid::nil(),
        };
        let mut sent = SentNotices::default();
        for row in rows {
            sent.receiver_disabled_at = here.maybe_time("disabled_at", row.disabled_at)?;
            let Some(incident) = row.incident()? else {
                continue;
            };
            if sent.incidents.last().is_none_or(|it| it.id != incident.id) {
                sent.incidents.push(incident);
            }
            if let (Some(incident), Some(notice)) = (sent.incidents.last_mut(), row.notice()?) {
                incident.notices.push(notice);
            }
        }
        Ok(sent)
    }
}
