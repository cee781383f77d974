//! Why the database did not do what was asked.

use uuid::Uuid;

/// Meanings, not origins: what a caller can tell apart.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address names a database of another kind.
    #[error("the database address must begin with sqlite:// or postgres://")]
    UnknownKind,
    /// The address cannot be read.
    #[error("the database address cannot be read")]
    BadAddress(#[source] sqlx::Error),
    /// It cannot be reached now; later it may.
    #[error("the database does not answer")]
    Unavailable(#[source] sqlx::Error),
    /// Two transactions were in each other's way; doing it again may help.
    #[error("another transaction was in the way")]
    Conflict(#[source] sqlx::Error),
    /// A unique rule of the schema says no where nobody expected it.
    #[error("already exists")]
    Duplicate,
    /// A value that this version never writes.
    #[error("{table}.{column} of row {row} holds a value that this version does not know")]
    OddValue {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's id.
        row: Uuid,
    },
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// Anything else: a bug, a full disk, a database that only reads.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

/// PostgreSQL: serialization failure and deadlock.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

/// PostgreSQL: the server is shutting down, starting, or out of connections (class 57P and 53300).
const GONE: [&str; 4] = ["57P01", "57P02", "57P03", "53300"];

impl From<sqlx::Error> for StoreError {
    fn from(err: sqlx::Error) -> Self {
        match &err {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(err),
            sqlx::Error::Database(it) => {
                let code = it.code().unwrap_or_default();
                if it.is_unique_violation() {
                    Self::Duplicate
                } else if CONFLICTS.contains(&code.as_ref()) {
                    Self::Conflict(err)
                } else if GONE.contains(&code.as_ref()) {
                    Self::Unavailable(err)
                } else {
                    Self::Database(err)
                }
            }
            _ => Self::Database(err),
        }
    }
}
