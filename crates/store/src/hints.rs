//! Hints that a refresh has ended in another process. The row is the truth; a hint that is lost costs a
//! moment.

use sqlx::postgres::PgListener;

use crate::{Store, StoreError};

/// The hints of other processes.
#[derive(Debug)]
pub struct RefreshHints(PgListener);

impl RefreshHints {
    /// Waits for the next one.
    ///
    /// # Errors
    ///
    /// If the connection broke.
    pub async fn next(&mut self) -> Result<(), StoreError> {
        self.0.recv().await?;
        Ok(())
    }
}

impl Store {
    /// Listens for hints; `None` on `SQLite`, which has one process.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn refresh_hints(&self) -> Result<Option<RefreshHints>, StoreError> {
        const SCHEMA: &str = "SELECT current_schema()";
        let Self::Postgres(pool) = self else {
            return Ok(None);
        };
        // Channels are one name space for the whole database.
        let (schema,): (String,) = sqlx::query_as(SCHEMA).fetch_one(pool).await?;
        let mut listener = PgListener::connect_with(pool).await?;
        listener
            .listen(&format!("tformance_refresh_{schema}"))
            .await?;
        Ok(Some(RefreshHints(listener)))
    }
}
