//! What belongs to the installation as a whole: one row.

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
}
