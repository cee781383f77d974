//! What services asked for, as people read it: minute by minute, or summed up by hours or days.

use domain::{
    ids::{ApiKeyId, TeamId},
    text::ServiceName,
    usage::{Call, KeyUsage, Method, PathTemplate},
};
use jiff::{SignedDuration, Timestamp};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    Direction, StoreError, Tx,
    columns::{Millis, Row},
    usage::KeyUsageRow,
};

/// What of the calls is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageFilter {
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    /// With this key.
    pub key: Option<ApiKeyId>,
    /// This call.
    pub call: Option<Call>,
    /// With a status of this hundred: 2 for 200 to 299.
    pub status_class: Option<u8>,
}

/// A place among the rows of minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRowPlace(KeyUsage);

/// A row of a minute, with the name of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// The row.
    pub usage: KeyUsage,
    /// The service that has the key.
    pub key: ServiceName,
}

impl UsageRow {
    /// Where it stands.
    pub fn place(&self) -> UsageRowPlace {
        UsageRowPlace(self.usage.clone())
    }
}

/// A call with what it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageCall {
    /// The key.
    pub key: ApiKeyId,
    /// Which call of the API.
    pub call: Call,
    /// Of a call through the proxy, where it went.
    pub path_template: PathTemplate,
    /// By which method.
    pub method: Method,
    /// What the caller was answered.
    pub http_status: u16,
}

/// A place among the sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsagePlace {
    /// The start of its hour or day.
    pub at: Timestamp,
    /// Which of them; none stands before all of them.
    pub of: Option<UsageCall>,
}

/// How often a key made the same call with the same answer, in an hour or a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageLine {
    /// The start of the hour or day.
    pub at: Timestamp,
    /// The call.
    pub of: UsageCall,
    /// The service that has the key.
    pub key: ServiceName,
    /// How often.
    pub count: u64,
}

impl UsageLine {
    /// Where it stands.
    pub fn place(&self) -> UsagePlace {
        UsagePlace {
            at: self.at,
            of: Some(self.of.clone()),
        }
    }
}

#[derive(FromRow)]
struct MinuteRow {
    #[sqlx(flatten)]
    usage: KeyUsageRow,
    key_name: String,
}

impl TryFrom<MinuteRow> for UsageRow {
    type Error = StoreError;

    fn try_from(row: MinuteRow) -> Result<Self, StoreError> {
        let usage = KeyUsage::try_from(row.usage)?;
        Ok(Self {
            key: service_name(usage.key, &row.key_name)?,
            usage,
        })
    }
}

#[derive(FromRow)]
struct SumRow {
    at: Millis,
    key_id: Uuid,
    key_name: String,
    call: String,
    method: String,
    path_template: String,
    http_status: i64,
    total: i64,
}

impl TryFrom<SumRow> for UsageLine {
    type Error = StoreError;

    fn try_from(row: SumRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "key_usage",
            id: row.key_id,
        };
        let key = ApiKeyId::from_uuid(row.key_id);
        Ok(Self {
            at: here.time("minute_at", row.at)?,
            of: UsageCall {
                key,
                call: here.word("call", &row.call, &Call::ALL, Call::as_str)?,
                path_template: PathTemplate::new(&row.path_template),
                method: here.word("method", &row.method, &Method::ALL, Method::as_str)?,
                http_status: here.checked("http_status", u16::try_from(row.http_status))?,
            },
            key: service_name(key, &row.key_name)?,
            count: here.checked("count", u64::try_from(row.total))?,
        })
    }
}

fn service_name(key: ApiKeyId, name: &str) -> Result<ServiceName, StoreError> {
    let here = Row {
        table: "api_keys",
        id: key.uuid(),
    };
    here.checked("name", ServiceName::parse(name))
}

/// The values of a place in the order in which rows stand.
type PlaceValues<'a> = (Millis, Uuid, &'a str, &'a str, &'a str, i64);

/// Before all that a place can be, which no row is.
const fn before_all(at: Millis) -> PlaceValues<'static> {
    (at, Uuid::nil(), "", "", "", 0)
}

fn values(place: &UsagePlace) -> PlaceValues<'_> {
    let at = Millis::from(place.at);
    place.of.as_ref().map_or(before_all(at), |it| {
        (
            at,
            it.key.uuid(),
            it.call.as_str(),
            it.path_template.as_str(),
            it.method.as_str(),
            i64::from(it.http_status),
        )
    })
}

/// What a [`UsageFilter`] leaves of a team's rows: `$1` is the team, and `fetch_usage` binds them.
macro_rules! filter_sql {
    () => {
        "u.minute_at >= $2 AND u.minute_at < $3 AND ($4 IS NULL OR u.key_id = $4)
           AND ($5 = '' OR u.call = $5) AND ($6 = 0 OR u.http_status / 100 = $6)"
    };
}

/// Runs a query with [`filter_sql`]; what else is bound begins with `$7`.
macro_rules! fetch_usage {
    ($tx:expr, $sql:expr, $team:expr, $filter:expr, $($value:expr),* $(,)?) => {
        fetch_filtered!(
            $tx,
            $sql,
            $team.uuid(),
            $filter.from.map_or(Millis::before_all(), Millis::from),
            Millis::from($filter.to.unwrap_or(Timestamp::MAX)),
            $filter.key.map(ApiKeyId::uuid),
            $filter.call.map_or("", Call::as_str),
            $filter.status_class.map_or(0, i64::from),
            $($value),*
        )
    };
}

/// The two directions differ in their order alone.
macro_rules! edge_sql {
    ($order:literal) => {
        concat!(
            "SELECT u.minute_at FROM key_usage u WHERE u.team_id = $1 AND ",
            filter_sql!(),
            " ORDER BY ",
            $order,
            " LIMIT 1 OFFSET $7"
        )
    };
}

/// As [`edge_sql`].
macro_rules! sums_sql {
    ($order:literal) => {
        concat!(
            "SELECT g.at, g.key_id, k.name AS key_name, g.call, g.path_template, g.method, g.http_status, g.total
               FROM (SELECT u.minute_at / $7 * $7 AS at, u.key_id, u.call, u.path_template, u.method,
                            u.http_status, CAST(sum(u.count) AS BIGINT) AS total
                       FROM key_usage u WHERE u.team_id = $1 AND ",
            filter_sql!(),
            "         GROUP BY u.minute_at / $7, u.key_id, u.call, u.path_template, u.method, u.http_status) g
               JOIN api_keys k ON k.team_id = $1 AND k.id = g.key_id
              WHERE (g.at, g.key_id, g.call, g.path_template, g.method, g.http_status) < ($8, $9, $10, $11, $12, $13)
                AND (g.at, g.key_id, g.call, g.path_template, g.method, g.http_status) > ($14, $15, $16, $17, $18, $19)
              ORDER BY ",
            $order,
            " LIMIT $20"
        )
    };
}

impl Tx {
    /// What the keys of a team used, minute by minute, the newest first, after a place.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_usage_rows(
        &mut self,
        team: TeamId,
        filter: &UsageFilter,
        after: Option<&UsageRowPlace>,
        limit: i64,
    ) -> Result<Vec<UsageRow>, StoreError> {
        const SQL: &str = concat!(
            "SELECT u.key_id, u.team_id, u.minute_at, u.call, u.method, u.path_template, u.http_status, u.answer,
                    u.count, k.name AS key_name
               FROM key_usage u
               LEFT JOIN api_keys k ON k.team_id = u.team_id AND k.id = u.key_id
              WHERE u.team_id = $1 AND ",
            filter_sql!(),
            " AND (u.minute_at, u.key_id, u.call, u.path_template, u.method, u.http_status, u.answer)
                   < ($7, $8, $9, $10, $11, $12, $13)
             ORDER BY u.minute_at DESC, u.key_id DESC, u.call DESC, u.path_template DESC, u.method DESC,
                      u.http_status DESC, u.answer DESC
             LIMIT $14"
        );
        let place = after.map(|UsageRowPlace(it)| it);
        let of = place.map(|it| &it.of);
        // The bound of minutes is what an index finds; the place says which of its minute's rows are done.
        let after_it = |it: &KeyUsage| it.minute_at.checked_add(SignedDuration::from_millis(1));
        let to = place.and_then(|it| after_it(it).ok());
        let filter = UsageFilter {
            to: filter.to.into_iter().chain(to).min(),
            ..*filter
        };
        let rows: Vec<MinuteRow> = fetch_usage!(
            self,
            SQL,
            team,
            filter,
            Millis::from(place.map_or(Timestamp::MAX, |it| it.minute_at)),
            place.map_or_else(Uuid::max, |it| it.key.uuid()),
            of.map_or("", |it| it.call.as_str()),
            of.map_or("", |it| it.path_template.as_str()),
            of.map_or("", |it| it.method.as_str()),
            of.map_or(0, |it| i64::from(it.http_status)),
            of.map_or("", |it| it.answer.as_str()),
            limit,
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The minute of the row that comes after `skip` others, seen in a direction; none if there are not so
    /// many. A page adds up what lies before it, however much there is in all.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_usage_edge(
        &mut self,
        team: TeamId,
        filter: &UsageFilter,
        direction: Direction,
        skip: i64,
    ) -> Result<Option<Timestamp>, StoreError> {
        const BACKWARDS: &str = edge_sql!("u.minute_at DESC");
        const FORWARDS: &str = edge_sql!("u.minute_at");
        let sql = match direction {
            Direction::Backwards => BACKWARDS,
            Direction::Forwards => FORWARDS,
        };
        let rows: Vec<(Millis,)> = fetch_usage!(self, sql, team, filter, skip)?;
        let here = Row {
            table: "key_usage",
            id: team.uuid(),
        };
        here.maybe_time("minute_at", rows.first().map(|(it,)| *it))
    }

    /// What the keys of a team used, added up by hours, days or another span, read in a direction from its
    /// beginning, or after a place. All rows that the filter leaves are added up.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_usage_sums(
        &mut self,
        team: TeamId,
        filter: &UsageFilter,
        span: SignedDuration,
        direction: Direction,
        after: Option<&UsagePlace>,
        limit: i64,
    ) -> Result<Vec<UsageLine>, StoreError> {
        const BACKWARDS: &str = sums_sql!(
            "g.at DESC, g.key_id DESC, g.call DESC, g.path_template DESC, g.method DESC, g.http_status DESC"
        );
        const FORWARDS: &str =
            sums_sql!("g.at, g.key_id, g.call, g.path_template, g.method, g.http_status");
        let start = before_all(Millis::before_all());
        let end = before_all(Millis::from(Timestamp::MAX));
        let (sql, lower, upper) = match direction {
            Direction::Backwards => (BACKWARDS, start, after.map_or(end, values)),
            Direction::Forwards => (FORWARDS, after.map_or(start, values), end),
        };
        let rows: Vec<SumRow> = fetch_usage!(
            self,
            sql,
            team,
            filter,
            i64::try_from(span.as_millis()).unwrap_or(i64::MAX).max(1),
            upper.0,
            upper.1,
            upper.2,
            upper.3,
            upper.4,
            upper.5,
            lower.0,
            lower.1,
            lower.2,
            lower.3,
            lower.4,
            lower.5,
            limit,
        )?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}
