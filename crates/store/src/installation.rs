//! What belongs to the installation as a whole: one row, and the canaries of its keys.

use domain::sealed::Sealed;
use jiff::Timestamp;

use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    columns::{Millis, Row},
};

/// As what the store was served last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// The `BASE_URL`; none in a store that was never served.
    pub base_url: Option<String>,
    /// The client id at Atlassian; none while there was none.
    pub client_id: Option<String>,
    /// When this copy of the store was made; none in the original, and once it was adopted.
    pub copied_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct ServedRow {
    base_url: Option<String>,
    client_id: Option<String>,
    copied_at: Option<Millis>,
}

impl Tx {
    /// Finds the canary of the key ring; a new store has none.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_canary(&mut self) -> Result<Option<Sealed>, StoreError> {
        const SQL: &str = "SELECT canary FROM installation WHERE id = 1";
        let row: Option<(Vec<u8>,)> = fetch_optional!(self, SQL)?;
        Ok(row.map(|(canary,)| Sealed::from_bytes(canary)))
    }

    /// Adds the canary; `false` if another process was faster.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_canary(
        &mut self,
        canary: &Sealed,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            INSERT INTO installation (id, canary, created_at, updated_at) VALUES (1, $1, $2, $2)
            ON CONFLICT (id) DO NOTHING";
        Ok(execute!(self, SQL, canary.as_bytes(), Millis::from(now))? == 1)
    }

    /// Puts another canary in the place of `old`; `false` if something else stands there by now.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn replace_canary(
        &mut self,
        old: &Sealed,
        new: &Sealed,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str =
            "UPDATE installation SET canary = $2, updated_at = $3 WHERE id = 1 AND canary = $1";
        let changed = execute!(self, SQL, old.as_bytes(), new.as_bytes(), Millis::from(now))?;
        Ok(changed == 1)
    }

    /// The canaries of all keys that may have sealed anything, by key id.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_key_canaries(&mut self) -> Result<Vec<(String, Sealed)>, StoreError> {
        const SQL: &str = "SELECT key_id, canary FROM key_canaries ORDER BY key_id";
        let rows: Vec<(String, Vec<u8>)> = fetch_all!(self, SQL)?;
        let canaries = rows.into_iter();
        Ok(canaries
            .map(|(id, canary)| (id, Sealed::from_bytes(canary)))
            .collect())
    }

    /// Adds the canary of a key; one that is there stays.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn add_key_canary(
        &mut self,
        key_id: &str,
        canary: &Sealed,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO key_canaries (key_id, canary, created_at, updated_at)
            VALUES ($1, $2, $3, $3)
            ON CONFLICT (key_id) DO NOTHING";
        execute!(self, SQL, key_id, canary.as_bytes(), Millis::from(now))?;
        Ok(())
    }

    /// Forgets a key; `false` if the store did not know it.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn remove_key_canary(&mut self, key_id: &str) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM key_canaries WHERE key_id = $1";
        Ok(execute!(self, SQL, key_id)? == 1)
    }

    /// As what the store was served last.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_served(&mut self) -> Result<Served, StoreError> {
        const SQL: &str = "SELECT base_url, client_id, copied_at FROM installation WHERE id = 1";
        let row: Option<ServedRow> = fetch_optional!(self, SQL)?;
        let Some(row) = row else {
            return Ok(Served::default());
        };
        let here = Row {
            table: "installation",
            id: Uuid::nil(),
        };
        Ok(Served {
            base_url: row.base_url,
            client_id: row.client_id,
            copied_at: here.maybe_time("copied_at", row.copied_at)?,
        })
    }

    /// Says as what the store is served from now on; it is no copy any more. A client id that is not
    /// told stays as it was. `false` if the store has no canary yet.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_served(
        &mut self,
        base_url: &str,
        client_id: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE installation
               SET base_url = $1, client_id = coalesce($2, client_id), copied_at = NULL,
                   updated_at = $3
             WHERE id = 1";
        Ok(execute!(self, SQL, base_url, client_id, Millis::from(now))? == 1)
    }

    /// The time by the database's clock; on `SQLite` that is this machine's.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn find_clock(&mut self) -> Result<Timestamp, StoreError> {
        const SQLITE: &str = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)";
        const POSTGRES: &str =
            "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
        let sql = self.pick(SQLITE, POSTGRES);
        let (now,): (Millis,) = on_both!(self, |conn| sqlx::query_as(sql).fetch_one(conn).await)?;
        let here = Row {
            table: "installation",
            id: Uuid::nil(),
        };
        here.time("clock", now)
    }

    /// Writes what stands there already, to see whether the store can be written; drop the transaction.
    ///
    /// # Errors
    ///
    /// If it cannot.
    pub async fn set_unchanged(&mut self) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE installation SET updated_at = updated_at WHERE id = 1";
        execute!(self, SQL)?;
        Ok(())
    }

    /// Marks this store as a copy of another one; `false` if it has no canary yet.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn set_copied(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE installation SET copied_at = $1, updated_at = $1 WHERE id = 1";
        Ok(execute!(self, SQL, Millis::from(now))? == 1)
    }
}
