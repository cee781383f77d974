//! What the health page shows of a connection, in three statements: what happened, what is counted, and
//! what was sent.

use domain::{
    audit::AuditAction,
    credential::RefreshOutcome,
    ids::{CredentialId, TeamId},
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
pub use notices::{IncidentWithNotices, Notice, SentNotices};

mod notices;

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
    /// Until when Atlassian's points of this hour are used up, for the site or for all of them.
    pub used_up_until: Option<Timestamp>,
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

    /// What is counted of a connection: refreshes and calls by day since `month`, what each service called
    /// since `today`, and whether Atlassian lets anybody call `now`.
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
        now: Timestamp,
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
             GROUP BY k.name
            UNION ALL
            SELECT 'used up', CASE WHEN b.refused_until > $6 THEN b.refused_until ELSE b.hour_ends_at END,
                   b.limit_name, 0, 0
              FROM jira_integrations j
              JOIN rate_budgets b ON b.cloud_id IN ('', j.cloud_id) AND b.limit_name IN ('app_hour', 'site_hour')
             WHERE j.team_id = $1 AND j.credential_id = $2 AND b.scope = ''
               AND (b.refused_until > $6 OR (b.points_left = 0 AND b.hour_ends_at > $6))";
        let rows: Vec<CountRow> = fetch_all!(
            self,
            SQL,
            team.uuid(),
            credential.map_or_else(Uuid::nil, CredentialId::uuid),
            Millis::from(month),
            Millis::from(today),
            DAY_MS,
            Millis::from(now),
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
                "used up" => {
                    let until =
                        here.checked("refused_until", Timestamp::from_millisecond(row.at))?;
                    counts.used_up_until = counts.used_up_until.max(Some(until));
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
}
