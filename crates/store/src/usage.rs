//! What services ask for: counted by minute for each key, and by day for each team.

use domain::{
    ids::{ApiKeyId, TeamId},
    usage::{Answer, Call, CountedCall, DailyUsage, KeyUsage, Method, PathTemplate},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

/// So many rows go out in one statement.
const ROWS_AT_ONCE: usize = 500;

/// How often a call came to an answer, over some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageSum {
    /// The call.
    pub call: Call,
    /// What came of it.
    pub answer: Answer,
    /// How often.
    pub count: u64,
}

#[derive(FromRow)]
struct SumRow {
    call: String,
    answer: String,
    total: i64,
}

#[derive(FromRow)]
pub(crate) struct KeyUsageRow {
    key_id: Uuid,
    team_id: Uuid,
    minute_at: Millis,
    call: String,
    method: String,
    path_template: String,
    http_status: i64,
    answer: String,
    count: i64,
}

const fn usage_row(table: &'static str, id: Uuid) -> Row {
    Row { table, id }
}

impl Row {
    fn call(self, text: &str) -> Result<Call, StoreError> {
        self.word("call", text, &Call::ALL, Call::as_str)
    }

    fn answer(self, text: &str) -> Result<Answer, StoreError> {
        self.word("answer", text, &Answer::ALL, Answer::as_str)
    }
}

impl TryFrom<SumRow> for UsageSum {
    type Error = StoreError;

    fn try_from(row: SumRow) -> Result<Self, StoreError> {
        let here = usage_row("key_usage or daily_usage", Uuid::nil());
        Ok(Self {
            call: here.call(&row.call)?,
            answer: here.answer(&row.answer)?,
            count: here.checked("count", u64::try_from(row.total))?,
        })
    }
}

impl TryFrom<KeyUsageRow> for KeyUsage {
    type Error = StoreError;

    fn try_from(row: KeyUsageRow) -> Result<Self, StoreError> {
        let here = usage_row("key_usage", row.key_id);
        Ok(Self {
            key: ApiKeyId::from_uuid(row.key_id),
            team: TeamId::from_uuid(row.team_id),
            minute_at: here.time("minute_at", row.minute_at)?,
            of: CountedCall {
                call: here.call(&row.call)?,
                method: here.word("method", &row.method, &Method::ALL, Method::as_str)?,
                path_template: PathTemplate::new(&row.path_template),
                http_status: here.checked("http_status", u16::try_from(row.http_status))?,
                answer: here.answer(&row.answer)?,
            },
            count: here.checked("count", u64::try_from(row.count))?,
        })
    }
}

/// Rows as one value that can be bound: a statement for each would take a round trip each.
fn document<T>(rows: &[T], as_json: impl Fn(&T) -> Value) -> String {
    Value::from(rows.iter().map(as_json).collect::<Vec<_>>()).to_string()
}

impl Tx {
    /// Adds to what the keys used. A key that is gone by now, with its team, is left out.
    ///
    /// Whoever writes beside this one should have its rows in the same order: sorted.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_key_usage(
        &mut self,
        rows: &[KeyUsage],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // `WHERE TRUE`: without it `ON` could be one of the join's.
        const SQLITE: &str = "
            INSERT INTO key_usage (team_id, key_id, minute_at, call, method, path_template, http_status,
                   answer, count, created_at, updated_at)
            SELECT k.team_id, k.id, u.value->>'minute_at', u.value->>'call', u.value->>'method',
                   u.value->>'path_template', u.value->>'http_status', u.value->>'answer',
                   u.value->>'count', $2, $2
              FROM json_each($1) u
              JOIN api_keys k ON k.id = unhex(u.value->>'key') AND k.team_id = unhex(u.value->>'team')
             WHERE TRUE
            ON CONFLICT (key_id, minute_at, call, method, path_template, http_status, answer)
            DO UPDATE SET count = key_usage.count + excluded.count, updated_at = excluded.updated_at";
        const POSTGRES: &str = "
            INSERT INTO key_usage (team_id, key_id, minute_at, call, method, path_template, http_status,
                   answer, count, created_at, updated_at)
            SELECT k.team_id, k.id, u.minute_at, u.call, u.method, u.path_template, u.http_status,
                   u.answer, u.count, $2, $2
              FROM jsonb_to_recordset($1::jsonb) AS u (key uuid, team uuid, minute_at bigint, call text,
                   method text, path_template text, http_status bigint, answer text, count bigint)
              JOIN api_keys k ON k.id = u.key AND k.team_id = u.team
             ORDER BY k.id, u.minute_at, u.call, u.method, u.path_template, u.http_status, u.answer
            ON CONFLICT (key_id, minute_at, call, method, path_template, http_status, answer)
            DO UPDATE SET count = key_usage.count + excluded.count, updated_at = excluded.updated_at";
        let sql = self.pick(SQLITE, POSTGRES);
        for some in rows.chunks(ROWS_AT_ONCE) {
            let document = document(some, |it| {
                json!({
                    "key": it.key.uuid().simple().to_string(),
                    "team": it.team.uuid().simple().to_string(),
                    "minute_at": it.minute_at.as_millisecond(),
                    "call": it.of.call.as_str(),
                    "method": it.of.method.as_str(),
                    "path_template": it.of.path_template.as_str(),
                    "http_status": it.of.http_status,
                    "answer": it.of.answer.as_str(),
                    "count": it.count,
                })
            });
            execute!(self, sql, document, Millis::from(now))?;
        }
        Ok(())
    }

    /// Adds to the sums of days. A team that is gone by now is left out.
    ///
    /// Whoever writes beside this one should have its rows in the same order: sorted.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_daily_usage(
        &mut self,
        rows: &[DailyUsage],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQLITE: &str = "
            INSERT INTO daily_usage (team_id, day_at, call, answer, count, created_at, updated_at)
            SELECT t.id, u.value->>'day_at', u.value->>'call', u.value->>'answer', u.value->>'count', $2, $2
              FROM json_each($1) u
              JOIN teams t ON t.id = unhex(u.value->>'team')
             WHERE TRUE
            ON CONFLICT (team_id, day_at, call, answer)
            DO UPDATE SET count = daily_usage.count + excluded.count, updated_at = excluded.updated_at";
        const POSTGRES: &str = "
            INSERT INTO daily_usage (team_id, day_at, call, answer, count, created_at, updated_at)
            SELECT t.id, u.day_at, u.call, u.answer, u.count, $2, $2
              FROM jsonb_to_recordset($1::jsonb) AS u (team uuid, day_at bigint, call text, answer text,
                   count bigint)
              JOIN teams t ON t.id = u.team
             ORDER BY t.id, u.day_at, u.call, u.answer
            ON CONFLICT (team_id, day_at, call, answer)
            DO UPDATE SET count = daily_usage.count + excluded.count, updated_at = excluded.updated_at";
        let sql = self.pick(SQLITE, POSTGRES);
        for some in rows.chunks(ROWS_AT_ONCE) {
            let document = document(some, |it| {
                json!({
                    "team": it.team.uuid().simple().to_string(),
                    "day_at": it.day_at.as_millisecond(),
                    "call": it.call.as_str(),
                    "answer": it.answer.as_str(),
                    "count": it.count,
                })
            });
            execute!(self, sql, document, Millis::from(now))?;
        }
        Ok(())
    }

    /// What the keys of a team used since a minute, the newest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_key_usage(
        &mut self,
        team: TeamId,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<KeyUsage>, StoreError> {
        const SQL: &str = "
            SELECT key_id, team_id, minute_at, call, method, path_template, http_status, answer, count
              FROM key_usage
             WHERE team_id = $1 AND minute_at >= $2
             ORDER BY minute_at DESC, key_id, call, method, path_template, http_status, answer
             LIMIT $3";
        let rows: Vec<KeyUsageRow> =
            fetch_all!(self, SQL, team.uuid(), Millis::from(since), limit)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What all teams together used since a minute.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn sum_key_usage(&mut self, since: Timestamp) -> Result<Vec<UsageSum>, StoreError> {
        const SQL: &str = "
            SELECT call, answer, CAST(sum(count) AS BIGINT) AS total FROM key_usage
             WHERE minute_at >= $1
             GROUP BY call, answer ORDER BY call, answer";
        let rows: Vec<SumRow> = fetch_all!(self, SQL, Millis::from(since))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What a team used since a minute.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn sum_key_usage_of(
        &mut self,
        team: TeamId,
        since: Timestamp,
    ) -> Result<Vec<UsageSum>, StoreError> {
        const SQL: &str = "
            SELECT call, answer, CAST(sum(count) AS BIGINT) AS total FROM key_usage
             WHERE team_id = $1 AND minute_at >= $2
             GROUP BY call, answer ORDER BY call, answer";
        let rows: Vec<SumRow> = fetch_all!(self, SQL, team.uuid(), Millis::from(since))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What all teams together used since a day.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn sum_daily_usage(&mut self, since: Timestamp) -> Result<Vec<UsageSum>, StoreError> {
        const SQL: &str = "
            SELECT call, answer, CAST(sum(count) AS BIGINT) AS total FROM daily_usage
             WHERE day_at >= $1
             GROUP BY call, answer ORDER BY call, answer";
        let rows: Vec<SumRow> = fetch_all!(self, SQL, Millis::from(since))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What a team used since a day.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn sum_daily_usage_of(
        &mut self,
        team: TeamId,
        since: Timestamp,
    ) -> Result<Vec<UsageSum>, StoreError> {
        const SQL: &str = "
            SELECT call, answer, CAST(sum(count) AS BIGINT) AS total FROM daily_usage
             WHERE team_id = $1 AND day_at >= $2
             GROUP BY call, answer ORDER BY call, answer";
        let rows: Vec<SumRow> = fetch_all!(self, SQL, team.uuid(), Millis::from(since))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}
