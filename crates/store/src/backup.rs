//! A copy of a `SQLite` store as it stands, and whether a store is whole.

use crate::{Store, StoreError};

impl Store {
    /// Copies the store as it stands into `path`, which must be empty or not be there yet; processes
    /// that serve it go on. `false` on PostgreSQL, which has tools of its own for that.
    ///
    /// # Errors
    ///
    /// If the file cannot be written. What is in it then is no copy.
    pub async fn copy_into(&self, path: &str) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite { writer, .. } => {
                sqlx::query("VACUUM INTO $1")
                    .bind(path)
                    .execute(writer)
                    .await?;
                Ok(true)
            }
            Self::Postgres(_) => Ok(false),
        }
    }

    /// What is wrong with a `SQLite` file, by its own check; nothing where it is whole, and nothing on
    /// PostgreSQL, which checks its pages itself.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn list_damage(&self) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Sqlite { readers, .. } => {
                let said: Vec<(String,)> = sqlx::query_as("PRAGMA integrity_check")
                    .fetch_all(readers)
                    .await?;
                let lines = said.into_iter().map(|(line,)| line);
                Ok(lines.filter(|it| it != "ok").collect())
            }
            Self::Postgres(_) => Ok(Vec::new()),
        }
    }
}
