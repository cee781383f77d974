//! How receivers of webhooks answer. Each is known by the hash of its address, so that another address
//! starts afresh and the address itself, which may hold a secret, is kept nowhere.

use jiff::Timestamp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

/// How a receiver answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverHealth {
    /// Since when it fails; none while it does not.
    pub failing_since: Option<Timestamp>,
    /// When it took something last.
    pub last_success_at: Option<Timestamp>,
    /// Since when it is switched off.
    pub disabled_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct HealthRow {
    failing_since: Option<Millis>,
    last_success_at: Option<Millis>,
    disabled_at: Option<Millis>,
}

impl TryFrom<HealthRow> for ReceiverHealth {
    type Error = StoreError;

    fn try_from(row: HealthRow) -> Result<Self, StoreError> {
        // Its key is no id.
        let here = Row {
            table: "webhook_receivers",
            id: Uuid::nil(),
        };
        Ok(Self {
            failing_since: here.maybe_time("failing_since", row.failing_since)?,
            last_success_at: here.maybe_time("last_success_at", row.last_success_at)?,
            disabled_at: here.maybe_time("disabled_at", row.disabled_at)?,
        })
    }
}

impl Tx {
    /// How a receiver answers, as far as it is known.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_receiver_health(
        &mut self,
        url_hash: &[u8],
    ) -> Result<ReceiverHealth, StoreError> {
        const SQL: &str = "
            SELECT failing_since, last_success_at, disabled_at
              FROM webhook_receivers WHERE url_hash = $1";
        let row: Option<HealthRow> = fetch_optional!(self, SQL, url_hash)?;
        row.map_or_else(|| Ok(ReceiverHealth::default()), TryInto::try_into)
    }

    /// Notes that a receiver took something.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_receiver_works(
        &mut self,
        url_hash: &[u8],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO webhook_receivers (url_hash, last_success_at, created_at, updated_at)
            VALUES ($1, $2, $2, $2)
                ON CONFLICT (url_hash) DO UPDATE
               SET failing_since = NULL, last_success_at = $2, updated_at = $2";
        execute!(self, SQL, url_hash, Millis::from(now))?;
        Ok(())
    }

    /// Notes that a receiver failed; gives since when it does so.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_receiver_fails(
        &mut self,
        url_hash: &[u8],
        now: Timestamp,
    ) -> Result<ReceiverHealth, StoreError> {
        const SQL: &str = "
            INSERT INTO webhook_receivers (url_hash, failing_since, created_at, updated_at)
            VALUES ($1, $2, $2, $2)
                ON CONFLICT (url_hash) DO UPDATE
               SET failing_since = coalesce(webhook_receivers.failing_since, $2), updated_at = $2
            RETURNING failing_since, last_success_at, disabled_at";
        let row: Option<HealthRow> = fetch_optional!(self, SQL, url_hash, Millis::from(now))?;
        row.map_or_else(|| Ok(ReceiverHealth::default()), TryInto::try_into)
    }

    /// Switches a receiver off; `false` if it was off.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn disable_receiver(
        &mut self,
        url_hash: &[u8],
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE webhook_receivers SET disabled_at = $3, disabled_reason = $2, updated_at = $3
             WHERE url_hash = $1 AND disabled_at IS NULL";
        Ok(execute!(self, SQL, url_hash, reason, Millis::from(now))? == 1)
    }

    /// Switches a receiver on again, as if it had never failed; `false` if it was on.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn enable_receiver(
        &mut self,
        url_hash: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE webhook_receivers
               SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL, updated_at = $2
             WHERE url_hash = $1 AND disabled_at IS NOT NULL";
        Ok(execute!(self, SQL, url_hash, Millis::from(now))? == 1)
    }
}
