//! Why the database did not do what was asked.

use sqlx::{migrate::MigrateError, sqlite::SqliteError};
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
    /// Somebody else held what is needed for longer than we wait.
    #[error("the database is locked: find the program that holds its lock, and end it")]
    Locked(#[source] sqlx::Error),
    /// It can be read and not be written.
    #[error(
        "the database only reads: look at the permissions of its file and folder, or whether the \
         server is a standby"
    )]
    ReadOnly(#[source] sqlx::Error),
    /// There is no room for what should be written.
    #[error("the database is full: make room on its disk, or raise its limit")]
    Full(#[source] sqlx::Error),
    /// Its disk, or its file, does not do what it should.
    #[error("the disk of the database failed: look at the disk, and at the system's log")]
    Disk(#[source] sqlx::Error),
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
    Migration(#[source] MigrateError),
    /// A step of the schema was begun and did not end.
    #[error(
        "the schema's step {0} broke off half way: restore the backup from before the upgrade and \
         migrate that"
    )]
    HalfMigrated(i64),
    /// Anything else: a bug.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

/// What a failure of the database comes to, whoever asked for what.
fn meaning(err: sqlx::Error, sqlite: Option<i32>, code: &str) -> StoreError {
    if let Some(code) = sqlite {
        // The low byte is the kind, the rest says more of it.
        return match code & 0xff {
            5 | 6 => StoreError::Locked(err),   // BUSY, LOCKED
            8 => StoreError::ReadOnly(err),     // READONLY
            10 | 11 => StoreError::Disk(err),   // IOERR, CORRUPT
            13 => StoreError::Full(err),        // FULL
            14 => StoreError::Unavailable(err), // CANTOPEN
            _ => StoreError::Database(err),
        };
    }
    match code {
        // Serialization failure and deadlock.
        "40001" | "40P01" => StoreError::Conflict(err),
        // Waited for a lock, or for an answer, for as long as the operator allows.
        "55P03" | "57014" => StoreError::Locked(err),
        "25006" => StoreError::ReadOnly(err),
        // Of the disk, or of memory.
        "53100" | "53200" => StoreError::Full(err),
        "58030" | "XX001" | "XX002" => StoreError::Disk(err),
        // Out of connections; shutting down or starting; the connection is gone.
        "53300" => StoreError::Unavailable(err),
        _ if code.starts_with("57P") || code.starts_with("08") => StoreError::Unavailable(err),
        _ => StoreError::Database(err),
    }
}

impl StoreError {
    /// Whether it is the database's trouble, not a mistake of ours: what was asked for may succeed later.
    pub const fn is_trouble(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::Locked(_)
                | Self::ReadOnly(_)
                | Self::Full(_)
                | Self::Disk(_)
                | Self::Conflict(_)
        )
    }
}

impl From<MigrateError> for StoreError {
    fn from(err: MigrateError) -> Self {
        match err {
            MigrateError::Dirty(version) => Self::HalfMigrated(version),
            other => Self::Migration(other),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(err: sqlx::Error) -> Self {
        match &err {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(err),
            sqlx::Error::Database(it) if it.is_unique_violation() => Self::Duplicate,
            sqlx::Error::Database(it) => {
                let code = it.code().unwrap_or_default().into_owned();
                let is_sqlite = it.try_downcast_ref::<SqliteError>().is_some();
                let sqlite = if is_sqlite { code.parse().ok() } else { None };
                meaning(err, sqlite, &code)
            }
            _ => Self::Database(err),
        }
    }
}
