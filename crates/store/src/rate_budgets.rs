//! What Atlassian allows, for all processes: one row a limit, of one site or of all of them, and of all teams
//! that have it.

use domain::{
    api_key::KeyHolder,
    ids::TeamId,
    rate_budget::{Budget, BudgetOf, Left, Limit},
    text::{CloudId, ServiceName},
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx,
    columns::{Millis, Row},
};

const HERE: Row = Row {
    table: "rate_budgets",
    id: Uuid::nil(),
};

/// How many calls a service made through the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyCalls {
    /// The service, whichever of its keys it used.
    pub holder: KeyHolder,
    /// The site that its team has chosen.
    pub site: CloudId,
    /// How many.
    pub count: u64,
}

#[derive(FromRow)]
struct BudgetRow {
    cloud_id: String,
    limit_name: String,
    scope: String,
    refused_until: Option<Millis>,
    refusals: i64,
    points_left: Option<i64>,
    hour_ends_at: Option<Millis>,
    allowed: Option<i64>,
}

impl BudgetRow {
    fn is_known(&self) -> bool {
        let mut known = Limit::ALL.iter();
        known.any(|it| it.as_str() == self.limit_name)
    }
}

impl TryFrom<BudgetRow> for (BudgetOf, Budget) {
    type Error = StoreError;

    fn try_from(row: BudgetRow) -> Result<Self, StoreError> {
        let site = (!row.cloud_id.is_empty()).then(|| CloudId::parse(&row.cloud_id));
        let site = site.map(|it| HERE.checked("cloud_id", it)).transpose()?;
        let points = row
            .points_left
            .map(|it| HERE.checked("points_left", u64::try_from(it)));
        let until = HERE.maybe_time("hour_ends_at", row.hour_ends_at)?;
        let allowed = row
            .allowed
            .map(|it| HERE.checked("allowed", u64::try_from(it)));
        let of = BudgetOf {
            site,
            limit: HERE.word("limit_name", &row.limit_name, &Limit::ALL, Limit::as_str)?,
            scope: row.scope,
        };
        let left = points.transpose()?.zip(until);
        let budget = Budget {
            refused_until: HERE.maybe_time("refused_until", row.refused_until)?,
            refusals: HERE.checked("refusals", u32::try_from(row.refusals))?,
            left: left.map(|(points, until)| Left { points, until }),
            of: allowed.transpose()?,
        };
        Ok((of, budget))
    }
}

#[derive(FromRow)]
struct CallsRow {
    team_id: Uuid,
    name: String,
    cloud_id: String,
    calls: i64,
}

/// Runs one read-only query without a transaction: it is asked once in some seconds, part of it on the way of calls.
macro_rules! read_all {
    ($store:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        match $store {
            Store::Sqlite { readers, .. } => {
                sqlx::query_as($sql)$(.bind($value))*.fetch_all(readers).await
            }
            Store::Postgres(pool) => sqlx::query_as($sql)$(.bind($value))*.fetch_all(pool).await,
        }
    };
}

impl Store {
    /// All that is known and does not lie in the past, but what a newer version alone knows.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_rate_budgets(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(BudgetOf, Budget)>, StoreError> {
        const SQL: &str = "
            SELECT cloud_id, limit_name, scope, refused_until, refusals, points_left, hour_ends_at, allowed
              FROM rate_budgets WHERE ends_at > $1";
        let rows: Vec<BudgetRow> = read_all!(self, SQL, Millis::from(now))?;
        let rows = rows.into_iter().filter(BudgetRow::is_known);
        rows.map(TryInto::try_into).collect()
    }

    /// How many calls of each service since a minute went to Atlassian, of all teams. What was refused for the
    /// number of calls is not counted; a caller that left before its answer is.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_proxy_calls(&self, since: Timestamp) -> Result<Vec<ProxyCalls>, StoreError> {
        const SQL: &str = "
            SELECT k.team_id, k.name, j.cloud_id, CAST(sum(u.count) AS BIGINT) AS calls
              FROM key_usage u
              JOIN api_keys k ON k.team_id = u.team_id AND k.id = u.key_id
              JOIN jira_integrations j ON j.team_id = u.team_id
             WHERE u.minute_at >= $1 AND u.call = 'proxy'
               AND (u.answer = 'served' OR u.http_status = 499) AND u.http_status <> 429
             GROUP BY k.team_id, k.name, j.cloud_id";
        let rows: Vec<CallsRow> = read_all!(self, SQL, Millis::from(since))?;
        let calls = rows.into_iter().map(|it| {
            Ok(ProxyCalls {
                holder: KeyHolder {
                    team: TeamId::from_uuid(it.team_id),
                    service: HERE.checked("name", ServiceName::parse(&it.name))?,
                },
                site: HERE.checked("cloud_id", CloudId::parse(&it.cloud_id))?,
                count: HERE.checked("count", u64::try_from(it.calls))?,
            })
        });
        calls.collect()
    }
}

impl Tx {
    /// What is known of a limit, and nobody else changes it until this transaction ends.
    ///
    /// Whoever locks several should do so in one order: sorted.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn lock_rate_budget(
        &mut self,
        of: &BudgetOf,
        now: Timestamp,
    ) -> Result<Budget, StoreError> {
        const SQL: &str = "
            INSERT INTO rate_budgets (cloud_id, limit_name, scope, refusals, ends_at, created_at, updated_at)
            VALUES ($1, $2, $3, 0, $4, $4, $4)
            ON CONFLICT (cloud_id, limit_name, scope) DO UPDATE SET updated_at = excluded.updated_at
            RETURNING cloud_id, limit_name, scope, refused_until, refusals, points_left, hour_ends_at, allowed";
        let row: Option<BudgetRow> = fetch_optional!(
            self,
            SQL,
            of.site.as_ref().map_or("", CloudId::as_str),
            of.limit.as_str(),
            of.scope.as_str(),
            Millis::from(now),
        )?;
        let row = row.map(<(BudgetOf, Budget)>::try_from).transpose()?;
        Ok(row.map(|(_, budget)| budget).unwrap_or_default())
    }

    /// Writes what [`Tx::lock_rate_budget`] gave, changed.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_rate_budget(
        &mut self,
        of: &BudgetOf,
        budget: &Budget,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE rate_budgets
               SET refused_until = $4, refusals = $5, points_left = $6, hour_ends_at = $7, allowed = $8,
                   ends_at = $9, updated_at = $10
             WHERE cloud_id = $1 AND limit_name = $2 AND scope = $3";
        let kept = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
        execute!(
            self,
            SQL,
            of.site.as_ref().map_or("", CloudId::as_str),
            of.limit.as_str(),
            of.scope.as_str(),
            budget.refused_until.map(Millis::from),
            i64::from(budget.refusals),
            budget.left.map(|it| kept(it.points)),
            budget.left.map(|it| Millis::from(it.until)),
            budget.of.map(kept),
            Millis::from(budget.ends_at().unwrap_or(now)),
            Millis::from(now),
        )?;
        Ok(())
    }

    /// Of how many sites the points of this hour are used up, and whether those of all sites are.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_used_up_hours(
        &mut self,
        now: Timestamp,
    ) -> Result<Vec<(Limit, i64)>, StoreError> {
        const SQL: &str = "
            SELECT limit_name, count(*) FROM rate_budgets
             WHERE ends_at > $1 AND limit_name IN ('app_hour', 'site_hour')
               AND (refused_until > $1 OR (points_left = 0 AND hour_ends_at > $1))
             GROUP BY limit_name";
        let rows: Vec<(String, i64)> = fetch_all!(self, SQL, Millis::from(now))?;
        let counts = rows.into_iter().map(|(limit, count)| {
            let limit = HERE.word("limit_name", &limit, &Limit::ALL, Limit::as_str)?;
            Ok((limit, count))
        });
        counts.collect()
    }

    /// Removes what has ended before a time; says how much.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_ended_rate_budgets(
        &mut self,
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM rate_budgets WHERE ends_at <= $1";
        Ok(execute!(self, SQL, Millis::from(before))?)
    }
}
