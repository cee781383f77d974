//! What the health page shows of a connection, in three statements: what happened, what is counted, and
//! what was sent.

use domain::{
    audit::AuditAction,
    credential::RefreshOutcome,
    ids::{CredentialId, IncidentId, TeamId},
    incident::{IncidentEnding, IncidentKind},
    outbox::{Channel, Occasion, SendOutcome},
    refresh_event::RefreshCause,
    text::{PersonName, ServiceName},
    usage::Answer,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

/// What of a timeline is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimelineFilter {
    /// All of it.
    All,
    /// What went wrong.
    Failures,
    /// What people changed, and what became of the grant.
    Changes,
}

/// A place in a timeline: what comes after it is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelinePlace {
    /// When.
    pub at: Timestamp,
    /// What, among what happened in the same moment.
    pub id: Uuid,
}

/// Something that happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// Where it stands.
    pub place: TimelinePlace,
    /// What it was.
    pub what: Happened,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A refresh ended.
    Refresh {
        /// Why it was made.
        cause: RefreshCause,
        /// What it came to.
        outcome: RefreshOutcome,
        /// The HTTP status, where it was not the expected one.
        http_status: Option<u16>,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// The connection changed.
    Change {
        /// How.
        action: AuditAction,
        /// Who did it; none where nobody did, or where the account is gone.
        by: Option<PersonName>,
        /// Whether somebody did, known by name or not.
        is_by_person: bool,
    },
}

/// What is counted of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthCounts {
    /// Refreshes by day, counted from 1970, and what they came to.
    pub refreshes: Vec<(i64, RefreshOutcome, i64)>,
    /// Calls by day and what came of them.
    pub calls: Vec<(i64, Answer, i64)>,
    /// The services that have a key in force, by name.
    pub services: Vec<ServiceUse>,
}

/// How a service uses the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUse {
    /// Its name.
    pub name: ServiceName,
    /// When it last asked for something, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// How many calls it made today.
    pub calls_today: i64,
    /// How many of them were told to slow down.
    pub limited_today: i64,
}

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

/// The last incidents are shown.
const INCIDENTS: i64 = 3;

/// And of them no more notices than these.
const MOST_NOTICES: i64 = 60;

const DAY_MS: i64 = 86_400_000;

#[derive(FromRow)]
struct TimelineRow {
    id: Uuid,
    created_at: Millis,
    is_refresh: bool,
    word: String,
    outcome: Option<String>,
    http_status: Option<i64>,
    duration_ms: Option<i64>,
    actor_user_id: Option<Uuid>,
    actor_name: Option<String>,
}

impl TryFrom<TimelineRow> for TimelineEntry {
    type Error = StoreError;

    fn try_from(row: TimelineRow) -> Result<Self, StoreError> {
        let table = if row.is_refresh {
            "refresh_events"
        } else {
            "audit_events"
        };
        let here = Row { table, id: row.id };
        let place = TimelinePlace {
            at: here.time("created_at", row.created_at)?,
            id: row.id,
        };
        let what = if row.is_refresh {
            let outcome = row.outcome.unwrap_or_default();
            let status = row
                .http_status
                .map(|it| here.checked("http_status", u16::try_from(it)));
            let duration = u64::try_from(row.duration_ms.unwrap_or_default());
            Happened::Refresh {
                cause: here.word("cause", &row.word, &RefreshCause::ALL, RefreshCause::as_str)?,
                outcome: here.outcome("outcome", &outcome)?,
                http_status: status.transpose()?,
                duration_ms: here.checked("duration_ms", duration)?,
            }
        } else {
            let by = row
                .actor_name
                .map(|it| here.checked("name", PersonName::parse(&it)));
            Happened::Change {
                action: here.word("action", &row.word, &AuditAction::ALL, AuditAction::as_str)?,
                by: by.transpose()?,
                is_by_person: row.actor_user_id.is_some(),
            }
        };
        Ok(Self { place, what })
    }
}

#[derive(FromRow)]
struct CountRow {
    what: String,
    at: i64,
    word: String,
    total: i64,
    limited: i64,
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
    /// What happened to a connection before a place, the newest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_timeline(
        &mut self,
        team: TeamId,
        credential: CredentialId,
        filter: TimelineFilter,
        before: Option<TimelinePlace>,
        limit: i64,
    ) -> Result<Vec<TimelineEntry>, StoreError> {
        // Each half stops at the limit by itself, so that neither is read to its end.
        const SQL: &str = "
            SELECT * FROM (
              SELECT * FROM (
                SELECT e.id, e.created_at, TRUE AS is_refresh, e.cause AS word, e.outcome, e.http_status,
                       e.duration_ms, CAST(NULL AS UUID) AS actor_user_id, CAST(NULL AS TEXT) AS actor_name
                  FROM refresh_events e
                 WHERE e.team_id = $1 AND e.credential_id = $2 AND (e.created_at, e.id) < ($3, $4)
                   AND ($5 = 'all' OR ($5 = 'failures' AND e.outcome <> 'ok'))
                 ORDER BY e.created_at DESC, e.id DESC LIMIT $6) refreshes
              UNION ALL
              SELECT * FROM (
                SELECT a.id, a.created_at, FALSE AS is_refresh, a.action AS word, CAST(NULL AS TEXT) AS outcome,
                       CAST(NULL AS BIGINT) AS http_status, CAST(NULL AS BIGINT) AS duration_ms,
                       a.actor_user_id, u.name AS actor_name
                  FROM audit_events a
                  LEFT JOIN users u ON u.id = a.actor_user_id
                 WHERE a.team_id = $1 AND (a.created_at, a.id) < ($3, $4)
                   AND (($5 <> 'failures' AND a.action IN ('connected', 'reconnected', 'site_changed', 'disconnected'))
                        OR a.action IN ('site_lost', 'grant_died', 'ciphertext_refused')
                        OR ($5 <> 'failures' AND a.action = 'site_found'))
                 ORDER BY a.created_at DESC, a.id DESC LIMIT $6) changes
            ) both_of_them
            ORDER BY created_at DESC, id DESC LIMIT $6";
        let filter = match filter {
            TimelineFilter::All => "all",
            TimelineFilter::Failures => "failures",
            TimelineFilter::Changes => "changes",
        };
        let before = before.unwrap_or(TimelinePlace {
            at: Timestamp::MAX,
            id: Uuid::max(),
        });
        let rows: Vec<TimelineRow> = fetch_all!(
            self,
            SQL,
            team.uuid(),
            credential.uuid(),
            Millis::from(before.at),
            before.id,
            filter,
            limit,
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What is counted of a connection: refreshes and calls by day since `month`, and what each service
    /// called since `today`.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_health_counts(
        &mut self,
        team: TeamId,
        credential: Option<CredentialId>,
        month: Timestamp,
        today: Timestamp,
    ) -> Result<HealthCounts, StoreError> {
        const SQL: &str = "
            SELECT 'refresh' AS what, e.created_at / $5 AS at, e.outcome AS word,
                   count(*) AS total, CAST(0 AS BIGINT) AS limited
              FROM refresh_events e
             WHERE e.team_id = $1 AND e.credential_id = $2 AND e.created_at >= $3
             GROUP BY e.created_at / $5, e.outcome
            UNION ALL
            SELECT 'call', d.day_at / $5, d.answer, CAST(sum(d.count) AS BIGINT), 0
              FROM daily_usage d
             WHERE d.team_id = $1 AND d.day_at >= $3
             GROUP BY d.day_at / $5, d.answer
            UNION ALL
            SELECT 'service', coalesce(max(k.last_used_at), -1), k.name,
                   CAST(coalesce(sum(u.count), 0) AS BIGINT),
                   CAST(coalesce(sum(CASE WHEN u.http_status = 429 THEN u.count ELSE 0 END), 0) AS BIGINT)
              FROM api_keys k
              LEFT JOIN key_usage u ON u.team_id = $1 AND u.key_id = k.id AND u.minute_at >= $4
             WHERE k.team_id = $1 AND k.revoked_at IS NULL
             GROUP BY k.name";
        let rows: Vec<CountRow> = fetch_all!(
            self,
            SQL,
            team.uuid(),
            credential.map_or_else(Uuid::nil, CredentialId::uuid),
            Millis::from(month),
            Millis::from(today),
            DAY_MS,
        )?;
        let here = Row {
            table: "key_usage",
            id: team.uuid(),
        };
        let mut counts = HealthCounts::default();
        for row in rows {
            match row.what.as_str() {
                "refresh" => {
                    let outcome = here.outcome("outcome", &row.word)?;
                    counts.refreshes.push((row.at, outcome, row.total));
                }
                "call" => {
                    let answer = here.word("answer", &row.word, &Answer::ALL, Answer::as_str)?;
                    counts.calls.push((row.at, answer, row.total));
                }
                _ => {
                    let last_used_at = Timestamp::from_millisecond(row.at);
                    counts.services.push(ServiceUse {
                        name: here.checked("name", ServiceName::parse(&row.word))?,
                        last_used_at: (row.at >= 0)
                            .then(|| here.checked("last_used_at", last_used_at))
                            .transpose()?,
                        calls_today: row.total,
                        limited_today: row.limited,
                    });
                }
            }
        }
        counts.services.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(counts)
    }

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
