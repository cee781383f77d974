//! What belongs to the installation as a whole: one row, and the canaries of its keys.

use domain::sealed::Sealed;
use jiff::Timestamp;

use crate::{StoreError, Tx, columns::Millis};

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
}
