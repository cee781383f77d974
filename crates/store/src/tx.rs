//! An open database, and a transaction on it.

use std::time::Duration;

use log::LevelFilter;
use sqlx::{
    ConnectOptions as _, PgPool, SqlitePool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::StoreError;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a caller waits for a connection before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// An open database.
#[derive(Clone, Debug)]
pub enum Store {
    /// The embedded default: many readers, one writer.
    Sqlite {
        /// Connections that only read.
        readers: SqlitePool,
        /// The one connection that writes, so that writers queue here and never see `SQLITE_BUSY`.
        writer: SqlitePool,
    },
    /// For more than one server process.
    Postgres(PgPool),
}

/// A transaction. Dropped without [`Tx::commit`], it rolls back.
#[derive(Debug)]
pub enum Tx {
    /// On `SQLite`.
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    /// On PostgreSQL.
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

/// Runs one query on whichever database the transaction is on.
///
/// The body is compiled twice, once for each driver, so it must type-check for both.
macro_rules! on_both {
    ($tx:expr, |$conn:ident| $body:expr) => {
        match $tx {
            $crate::Tx::Sqlite(tx) => {
                let $conn = &mut **tx;
                $body
            }
            $crate::Tx::Postgres(tx) => {
                let $conn = &mut **tx;
                $body
            }
        }
    };
}

/// Runs a statement of bound values and gives the number of rows that it changed.
macro_rules! execute {
    ($tx:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        on_both!($tx, |conn| sqlx::query($sql)
            $(.bind($value))*
            .execute(conn)
            .await
            .map(|it| it.rows_affected()))
    };
}

/// Runs a query of bound values that finds one row or none.
macro_rules! fetch_optional {
    ($tx:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        on_both!($tx, |conn| sqlx::query_as($sql)
            $(.bind($value))*
            .fetch_optional(conn)
            .await)
    };
}

/// Runs a query of bound values that finds any number of rows.
macro_rules! fetch_all {
    ($tx:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        on_both!($tx, |conn| sqlx::query_as($sql)
            $(.bind($value))*
            .fetch_all(conn)
            .await)
    };
}

/// As [`fetch_all`], planned anew for its values each time. PostgreSQL keeps one plan of a statement for all values: of
/// one with filters that are mostly off it believes that they leave next to nothing, and reads all there is.
macro_rules! fetch_filtered {
    ($tx:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        on_both!($tx, |conn| sqlx::query_as($sql)
            $(.bind($value))*
            .persistent(false)
            .fetch_all(conn)
            .await)
    };
}

/// How the schema of a database compares with this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// As it should be.
    UpToDate,
    /// There is none yet.
    Missing,
    /// Made by an older version.
    Older,
    /// Made by a newer version, or changed by hand.
    Newer,
}

impl Store {
    /// Opens the database that `url` names. Changes nothing in it, but makes a `SQLite` file that is
    /// not there yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::UnknownKind`] or [`StoreError::BadAddress`] for the address,
    /// [`StoreError::Unavailable`] if the database does not answer.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, 10).await
    }

    /// As [`Store::open`], with at most `connections` open at once to PostgreSQL or for reading.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub async fn open_with(url: &str, connections: u32) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            Self::open_sqlite(url.parse().map_err(StoreError::BadAddress)?, connections).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options: PgConnectOptions = url.parse().map_err(StoreError::BadAddress)?;
            let pool = PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // A broken connection is found by its query; asking first would double the statements.
                .test_before_acquire(false)
                .connect_with(options.log_statements(LevelFilter::Trace))
                .await?;
            Ok(Self::Postgres(pool))
        } else {
            Err(StoreError::UnknownKind)
        }
    }

    async fn open_sqlite(
        options: SqliteConnectOptions,
        connections: u32,
    ) -> Result<Self, StoreError> {
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A rotated token must survive a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true)
            .log_statements(LevelFilter::Trace);
        let unreachable = |err| match err {
            // A folder that is not there, a file that may not be read: nothing that we can mend.
            sqlx::Error::Database(_) => StoreError::Unavailable(err),
            other => StoreError::from(other),
        };
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await
            .map_err(unreachable)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options.read_only(true))
            .await
            .map_err(unreachable)?;
        Ok(Self::Sqlite { readers, writer })
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::Migration`] if a step fails, or the schema is a newer version's;
    /// [`StoreError::HalfMigrated`] if an earlier attempt broke off.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { writer, .. } => SQLITE.run(writer).await,
            Self::Postgres(pool) => POSTGRES.run(pool).await,
        }
        .map_err(StoreError::from)
    }

    /// As [`Store::migrate`], for tests: each has a schema of its own, and the migrator's lock is one a
    /// database, so that they would all wait for each other.
    ///
    /// # Errors
    ///
    /// As [`Store::migrate`].
    pub async fn migrate_without_lock(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { writer, .. } => SQLITE.run(writer).await,
            Self::Postgres(pool) => {
                let mut migrator = sqlx::migrate!("migrations/postgres");
                migrator.set_locking(false);
                migrator.run(pool).await
            }
        }
        .map_err(StoreError::from)
    }

    /// Compares the schema with this version's; changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the database does not answer.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        const HAS_TABLE_SQLITE: &str =
            "SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
        const HAS_TABLE_POSTGRES: &str = "
            SELECT count(*) FROM information_schema.tables
             WHERE table_schema = current_schema() AND table_name = '_sqlx_migrations'";
        const APPLIED: &str =
            "SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version";
        let mut tx = self.read().await?;
        let sql = tx.pick(HAS_TABLE_SQLITE, HAS_TABLE_POSTGRES);
        let (tables,): (i64,) =
            on_both!(&mut tx, |conn| sqlx::query_as(sql).fetch_one(conn).await)?;
        if tables == 0 {
            return Ok(Schema::Missing);
        }
        let applied: Vec<(i64, Vec<u8>, bool)> = fetch_all!(&mut tx, APPLIED)?;
        let known = match self {
            Self::Sqlite { .. } => &SQLITE,
            Self::Postgres(_) => &POSTGRES,
        };
        let mut missing = false;
        for migration in known.iter() {
            match applied
                .iter()
                .find(|(version, ..)| *version == migration.version)
            {
                Some((_, checksum, _)) if checksum.as_slice() != migration.checksum.as_ref() => {
                    return Ok(Schema::Newer);
                }
                // A step that broke off half way was not made.
                Some((.., made)) => missing |= !made,
                None => missing = true,
            }
        }
        let is_unknown = |(version, ..): &(i64, Vec<u8>, bool)| !known.version_exists(*version);
        Ok(match (applied.iter().any(is_unknown), missing) {
            (true, _) => Schema::Newer,
            (false, true) => Schema::Older,
            (false, false) => Schema::UpToDate,
        })
    }

    /// Starts a transaction that may write.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if no connection is free in time.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Starts a transaction that only reads, on one snapshot.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if no connection is free in time.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Tx::Sqlite(readers.begin().await?),
            Self::Postgres(pool) => Tx::Postgres(
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await?,
            ),
        })
    }

    /// Closes all connections; what is under way ends first.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// The text for the database that this transaction is on, where the two must differ.
    pub(crate) const fn pick(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
        }
    }

    /// Makes what the transaction did last.
    ///
    /// # Errors
    ///
    /// If the database refuses; nothing is kept then.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
