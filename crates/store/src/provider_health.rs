//! Whether a provider answers: one row each, for all teams and processes.

use domain::{
    credential::{Provider, RefreshOutcome},
    ids::CredentialId,
    provider_health::ProviderHealth,
};
use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

#[derive(FromRow)]
struct HealthRow {
    provider: String,
    failing_since: Option<Millis>,
    first_failed: Option<Uuid>,
    is_down: bool,
    last_outcome: Option<String>,
    next_probe_at: Option<Millis>,
    probes: i64,
    last_success_at: Option<Millis>,
    last_success_of: Option<Uuid>,
}

impl TryFrom<HealthRow> for ProviderHealth {
    type Error = StoreError;

    fn try_from(row: HealthRow) -> Result<Self, StoreError> {
        let here = Row {
            table: "provider_health",
            id: Uuid::nil(),
        };
        Ok(Self {
            provider: here.provider(&row.provider)?,
            failing_since: here.maybe_time("failing_since", row.failing_since)?,
            first_failed: row.first_failed.map(CredentialId::from_uuid),
            is_down: row.is_down,
            last_outcome: here.last_outcome(row.last_outcome.as_deref())?,
            next_probe_at: here.maybe_time("next_probe_at", row.next_probe_at)?,
            probes: row.probes,
            last_success_at: here.maybe_time("last_success_at", row.last_success_at)?,
            last_success_of: row.last_success_of.map(CredentialId::from_uuid),
        })
    }
}

/// The same beside something that may have none, under names of its own.
#[derive(FromRow)]
pub(crate) struct MaybeHealthRow {
    #[sqlx(rename = "health_provider")]
    provider: Option<String>,
    #[sqlx(rename = "health_failing_since")]
    failing_since: Option<Millis>,
    #[sqlx(rename = "health_first_failed")]
    first_failed: Option<Uuid>,
    #[sqlx(rename = "health_is_down")]
    is_down: Option<bool>,
    #[sqlx(rename = "health_last_outcome")]
    last_outcome: Option<String>,
    #[sqlx(rename = "health_next_probe_at")]
    next_probe_at: Option<Millis>,
    #[sqlx(rename = "health_probes")]
    probes: Option<i64>,
    #[sqlx(rename = "health_last_success_at")]
    last_success_at: Option<Millis>,
    #[sqlx(rename = "health_last_success_of")]
    last_success_of: Option<Uuid>,
}

impl MaybeHealthRow {
    pub(crate) fn checked(self) -> Result<Option<ProviderHealth>, StoreError> {
        let found = (self.provider, self.is_down, self.probes);
        let (Some(provider), Some(is_down), Some(probes)) = found else {
            return Ok(None);
        };
        let row = HealthRow {
            provider,
            failing_since: self.failing_since,
            first_failed: self.first_failed,
            is_down,
            last_outcome: self.last_outcome,
            next_probe_at: self.next_probe_at,
            probes,
            last_success_at: self.last_success_at,
            last_success_of: self.last_success_of,
        };
        row.try_into().map(Some)
    }
}

impl Tx {
    /// How the provider answered of late.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_provider_health(
        &mut self,
        provider: Provider,
    ) -> Result<ProviderHealth, StoreError> {
        const SQL: &str = "SELECT * FROM provider_health WHERE provider = $1";
        let row: Option<HealthRow> = fetch_optional!(self, SQL, provider.as_str())?;
        row.map_or_else(|| Ok(ProviderHealth::new(provider)), TryInto::try_into)
    }

    /// The same, and nobody else changes it until this transaction ends.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn lock_provider_health(
        &mut self,
        provider: Provider,
        now: Timestamp,
    ) -> Result<ProviderHealth, StoreError> {
        const ADD: &str = "
            INSERT INTO provider_health (provider, is_down, probes, created_at, updated_at)
            VALUES ($1, FALSE, 0, $2, $2)
            ON CONFLICT (provider) DO UPDATE SET updated_at = excluded.updated_at
            RETURNING provider, failing_since, first_failed, is_down, last_outcome, next_probe_at,
                      probes, last_success_at, last_success_of";
        let row: Option<HealthRow> =
            fetch_optional!(self, ADD, provider.as_str(), Millis::from(now))?;
        row.map_or_else(|| Ok(ProviderHealth::new(provider)), TryInto::try_into)
    }

    /// Writes what [`Tx::lock_provider_health`] gave, changed.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_provider_health(
        &mut self,
        health: &ProviderHealth,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE provider_health
               SET failing_since = $2, first_failed = $3, is_down = $4, last_outcome = $5,
                   next_probe_at = $6, probes = $7, last_success_at = $8, last_success_of = $9,
                   updated_at = $10
             WHERE provider = $1";
        execute!(
            self,
            SQL,
            health.provider.as_str(),
            health.failing_since.map(Millis::from),
            health.first_failed.map(CredentialId::uuid),
            health.is_down,
            health.last_outcome.map(RefreshOutcome::as_str),
            health.next_probe_at.map(Millis::from),
            health.probes,
            health.last_success_at.map(Millis::from),
            health.last_success_of.map(CredentialId::uuid),
            Millis::from(now),
        )?;
        Ok(())
    }
}
