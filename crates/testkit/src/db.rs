//! A fresh database for each test, on `SQLite` and on PostgreSQL.
//!
//! PostgreSQL is the one of `TEST_POSTGRES_URL`, else the one on 127.0.0.1:5432, else a private cluster
//! started from an installed `initdb`. Each test has a schema of its own; nothing else in the server
//! is touched.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use store::Store;
use tempfile::TempDir;

mod server;

/// A database that is there for one test.
#[derive(Debug)]
pub struct TestDb {
    /// Open and migrated.
    pub store: Store,
    /// Its address, for another process or another [`Store`].
    pub url: String,
    schema: Option<Schema>,
    // Removed with the test; also the home of a SQLite file.
    _dir: TempDir,
}

/// A schema of a test's own.
#[derive(Debug)]
struct Schema {
    server: String,
    name: String,
}

/// Tables that nobody else reads or writes.
#[derive(Debug)]
pub struct HeldTables(sqlx::Transaction<'static, sqlx::Postgres>);

impl HeldTables {
    /// Lets them go.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub async fn let_go(self) {
        self.0.rollback().await.unwrap();
    }
}

/// What our schemas are called: the prefix, the second of their making, something random.
const PREFIX: &str = "tformance_test_";

/// A schema of a run that was cut off is dropped by a later run after this time.
const STALE: Duration = Duration::from_hours(1);

/// A commit is there for everybody before it is on the disk. Tests kill our processes, never the server; waiting
/// for the disk is most of what they would do.
const UNHURRIED: &str = "options[synchronous_commit]=off";

/// A connection that waits for no disk.
async fn connect_unhurried(server: &str) -> Result<PgConnection, sqlx::Error> {
    let separator = if server.contains('?') { '&' } else { '?' };
    PgConnection::connect(&format!("{server}{separator}{UNHURRIED}")).await
}

impl TestDb {
    /// A file in a temporary folder.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/test.db", dir.path().display());
        let store = Store::open_with(&url, 4).await.unwrap();
        // As PostgreSQL does here: what a power cut would leave is not what tests ask.
        raw_on(&store, "PRAGMA synchronous = OFF").await.unwrap();
        store.migrate().await.unwrap();
        Self {
            store,
            url,
            schema: None,
            _dir: dir,
        }
    }

    /// A schema in a PostgreSQL server. `None` where there is no server; then it says how to get one,
    /// and where `CI` is set it fails.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub async fn postgres() -> Option<Self> {
        let db = Self::empty_postgres().await?;
        db.store.migrate_without_lock().await.unwrap();
        Some(db)
    }

    /// The same without tables.
    #[expect(clippy::unwrap_used, clippy::panic, reason = "test support")]
    pub async fn empty_postgres() -> Option<Self> {
        let Some(server) = server::find().await else {
            let help = "no PostgreSQL: set TEST_POSTGRES_URL, start one on 127.0.0.1:5432, or install \
                        one (Debian: apt-get install postgresql) so that the tests can start their own";
            assert!(std::env::var_os("CI").is_none(), "{help}");
            tell(help);
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let random = dir
            .path()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_lowercase();
        let name = format!(
            "{PREFIX}{}_{}",
            now().as_secs(),
            random.trim_start_matches('.')
        );
        let mut admin = connect_unhurried(&server).await.unwrap();
        if let Err(err) = run(&mut admin, format!("CREATE SCHEMA \"{name}\"")).await {
            panic!(
                "the tests may not make schemas in {}: {err}",
                without_password(&server)
            );
        }
        drop_stale_schemas(&mut admin).await;
        admin.close().await.unwrap();
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!(
            "{server}{separator}options[search_path]={name}&{UNHURRIED}&application_name={name}"
        );
        let store = Store::open_with(&url, 4).await.unwrap();
        Some(Self {
            store,
            url,
            schema: Some(Schema { server, name }),
            _dir: dir,
        })
    }

    /// The same opened as the product opens it, each commit waiting for the disk: for whoever measures.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub async fn waiting_for_the_disk(mut self) -> Self {
        self.store.close().await;
        self.url = self.url.replace(&format!("&{UNHURRIED}"), "");
        self.store = Store::open_with(&self.url, 4).await.unwrap();
        self
    }

    /// Runs a statement that no code of ours has: planting, swapping, breaking.
    ///
    /// # Errors
    ///
    /// If the database refuses.
    pub async fn raw(&self, sql: &str) -> Result<(), sqlx::Error> {
        raw_on(&self.store, sql).await
    }

    /// Holds tables, so that nobody else reads or writes them until they are let go. PostgreSQL alone
    /// has such locks.
    #[expect(clippy::unwrap_used, clippy::panic, reason = "test support")]
    #[expect(clippy::disallowed_methods, reason = "a table's name cannot be bound")]
    pub async fn hold_tables(&self, tables: &str) -> HeldTables {
        let Store::Postgres(pool) = &self.store else {
            panic!("SQLite locks whole databases");
        };
        let mut tx = pool.begin().await.unwrap();
        let lock = format!("LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE");
        sqlx::raw_sql(AssertSqlSafe(lock))
            .execute(&mut *tx)
            .await
            .unwrap();
        HeldTables(tx)
    }

    /// The names of all tables.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub async fn tables(&self) -> Vec<String> {
        let tables: Vec<(String,)> = match &self.store {
            Store::Sqlite { writer, .. } => {
                let sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
                sqlx::query_as(sql).fetch_all(writer).await.unwrap()
            }
            Store::Postgres(pool) => sqlx::query_as(PG_TABLES).fetch_all(pool).await.unwrap(),
        };
        tables.into_iter().map(|(it,)| it).collect()
    }

    /// Every row of a table as text, in a fixed order: for comparing.
    #[expect(clippy::unwrap_used, reason = "test support")]
    #[expect(clippy::disallowed_methods, reason = "a table's name cannot be bound")]
    pub async fn rows(&self, table: &str) -> Vec<String> {
        let rows: Vec<(String,)> = match &self.store {
            Store::Sqlite { writer, .. } => {
                let columns = "SELECT 'quote(\"' || name || '\")' FROM pragma_table_info($1)";
                let columns: Vec<(String,)> = sqlx::query_as(columns)
                    .bind(table)
                    .fetch_all(writer)
                    .await
                    .unwrap();
                let columns: Vec<_> = columns.into_iter().map(|(it,)| it).collect();
                let sql = format!(
                    "SELECT {} FROM \"{table}\" ORDER BY 1",
                    columns.join(" || ',' || ")
                );
                let found = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(writer).await;
                found.unwrap()
            }
            Store::Postgres(pool) => {
                let sql = format!("SELECT it::text FROM \"{table}\" it ORDER BY 1");
                let found = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(pool).await;
                found.unwrap()
            }
        };
        rows.into_iter().map(|(it,)| it).collect()
    }

    /// Every value of every table as text, bytes both as hex and as they are: for searching.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub async fn dump(&self) -> String {
        match &self.store {
            Store::Sqlite { writer, .. } => {
                // What is still in the log goes into the file, which is read as it lies on the disk.
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                    .execute(writer)
                    .await
                    .unwrap();
                let path = self.url.trim_start_matches("sqlite://");
                String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
            }
            Store::Postgres(pool) => dump_schema(pool).await.unwrap(),
        }
    }

    /// As [`TestDb::dump`], for destructors, which cannot wait for the runtime that they are in.
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub fn dump_blocking(&self) -> Vec<u8> {
        if self.schema.is_none() {
            // Open connections keep the log beside the file: both are read as they lie on the disk.
            let path = self.url.trim_start_matches("sqlite://").to_owned();
            let mut dump = std::fs::read(&path).unwrap();
            dump.extend(std::fs::read(format!("{path}-wal")).unwrap_or_default());
            return dump;
        }
        let url = self.url.clone();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let pool = sqlx::postgres::PgPoolOptions::new()
                    .max_connections(1)
                    .connect(&url)
                    .await?;
                dump_schema(&pool).await
            })
        };
        let dump: Result<String, sqlx::Error> = std::thread::spawn(work).join().unwrap();
        dump.unwrap().into_bytes()
    }
}

const PG_TABLES: &str = "SELECT table_name::text FROM information_schema.tables
    WHERE table_schema = current_schema() ORDER BY 1";

/// As [`TestDb::raw`], on the writing connection of a store of its own.
///
/// # Errors
///
/// If the database refuses.
#[expect(
    clippy::disallowed_methods,
    reason = "a test breaks what the store would not"
)]
pub async fn raw_on(store: &Store, sql: &str) -> Result<(), sqlx::Error> {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    match store {
        Store::Sqlite { writer, .. } => sql.execute(writer).await.map(drop),
        Store::Postgres(pool) => sql.execute(pool).await.map(drop),
    }
}

async fn dump_schema(pool: &sqlx::PgPool) -> Result<String, sqlx::Error> {
    let tables: Vec<(String,)> = sqlx::query_as(PG_TABLES).fetch_all(pool).await?;
    let mut dump = String::new();
    for (table,) in tables {
        dump.push_str(&dump_table(pool, &table).await?);
    }
    Ok(dump)
}

/// `bytea` is told as hex and, where it is text, as text.
#[expect(clippy::disallowed_methods, reason = "a table's name cannot be bound")]
async fn dump_table(pool: &sqlx::PgPool, table: &str) -> Result<String, sqlx::Error> {
    let columns = "SELECT column_name::text, data_type::text FROM information_schema.columns
                    WHERE table_schema = current_schema() AND table_name = $1";
    let columns: Vec<(String, String)> =
        sqlx::query_as(columns).bind(table).fetch_all(pool).await?;
    let mut dump = String::new();
    for (column, kind) in columns {
        let value = if kind == "bytea" {
            format!("encode(\"{column}\", 'hex') || ' ' || encode(\"{column}\", 'escape')")
        } else {
            format!("\"{column}\"::text")
        };
        let sql = format!("SELECT coalesce({value}, '') FROM \"{table}\"");
        let values: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(pool).await?;
        dump.extend(
            values
                .into_iter()
                .flat_map(|(value,)| [value, "\n".to_owned()]),
        );
    }
    Ok(dump)
}

impl Drop for TestDb {
    /// Drops the schema in a thread of its own: a destructor cannot wait for the runtime that it is in.
    ///
    /// The runtime stands still meanwhile, so that a transaction dropped a moment ago has not sent its
    /// rollback: the schema's connections are ended first, else their locks would be waited for.
    fn drop(&mut self) {
        let Some(Schema { server, name }) = self.schema.take() else {
            return;
        };
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let mut admin = connect_unhurried(&server).await?;
                sqlx::query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
                )
                .bind(&name)
                .execute(&mut admin)
                .await?;
                run(
                    &mut admin,
                    format!("DROP SCHEMA IF EXISTS \"{name}\" CASCADE"),
                )
                .await
            })
        };
        let done: Result<Result<(), sqlx::Error>, _> = std::thread::spawn(work).join();
        match done {
            Ok(Ok(())) => {}
            // The next run drops it.
            Ok(Err(err)) => tell(&format!("a test schema stays for a while: {err}")),
            Err(_) => tell("a test schema stays for a while"),
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "test support talks to whoever runs the tests"
)]
fn tell(what: &str) {
    eprintln!("{what}");
}

#[expect(clippy::disallowed_methods, reason = "a schema's name cannot be bound")]
async fn run(conn: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(conn)
        .await
        .map(drop)
}

async fn drop_stale_schemas(admin: &mut PgConnection) {
    let sql = "SELECT schema_name::text FROM information_schema.schemata WHERE schema_name LIKE $1";
    let found: Result<Vec<(String,)>, _> = sqlx::query_as(sql)
        .bind(format!("{PREFIX}%"))
        .fetch_all(&mut *admin)
        .await;
    for (name,) in found.unwrap_or_default() {
        let made = name
            .strip_prefix(PREFIX)
            .and_then(|it| it.split('_').next()?.parse().ok());
        let is_stale = made.is_some_and(|secs| Duration::from_secs(secs) + STALE < now());
        if is_stale
            && let Err(err) = run(admin, format!("DROP SCHEMA IF EXISTS \"{name}\" CASCADE")).await
        {
            // Another test of this run was faster.
            tell(&format!("a stale test schema stays: {err}"));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the age of a schema has nothing to do with a test's clock"
)]
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn without_password(url: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| "the server".to_owned(),
        |it| {
            format!(
                "{}:{}",
                it.host_str().unwrap_or_default(),
                it.port().unwrap_or(5432)
            )
        },
    )
}

/// Writes each test once and runs it on both databases.
#[macro_export]
macro_rules! db_tests {
    ($(async fn $name:ident($db:ident: TestDb) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every test needs all of its file's imports")]
            use super::*;

            async fn check($db: $crate::db::TestDb) $body

            #[tokio::test]
            async fn sqlite() {
                check($crate::db::TestDb::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(db) = $crate::db::TestDb::postgres().await {
                    check(db).await;
                }
            }
        }
    )+};
}
