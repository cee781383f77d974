//! The PostgreSQL server of the tests: that of `TEST_POSTGRES_URL`, one that answers, or a private cluster.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use sqlx::{Connection as _, PgConnection};

use super::tell;

/// The address of a server that answers.
pub(super) async fn find() -> Option<String> {
    if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
        return Some(url);
    }
    for user in ["root", "postgres"] {
        let url = format!("postgres://{user}@127.0.0.1:5432/test");
        if PgConnection::connect(&url).await.is_ok() {
            return Some(url);
        }
    }
    private_cluster().await
}

/// Starts a cluster of our own, once for all tests of a machine's user; it goes on until the machine
/// stops, so that the next run finds it.
async fn private_cluster() -> Option<String> {
    let bin = find_initdb()?;
    let home = std::env::temp_dir().join("tformance-test-postgres");
    let url = format!("postgres://postgres@127.0.0.1:{PRIVATE_PORT}/postgres");
    if PgConnection::connect(&url).await.is_ok() {
        return Some(url);
    }
    let lock = home.with_extension("lock");
    if std::fs::create_dir(&lock).is_ok() {
        start_cluster(&bin, &home);
    }
    for _ in 0..100 {
        if PgConnection::connect(&url).await.is_ok() {
            return Some(url);
        }
        pause().await;
    }
    None
}

const PRIVATE_PORT: u16 = 54_329;

#[expect(
    clippy::disallowed_methods,
    reason = "waits for a server to start, with a limit"
)]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

fn find_initdb() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = debian
        .filter_map(Result::ok)
        .map(|it| it.path().join("bin"))
        .filter(|it| it.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

/// `initdb` refuses to run as root; then it runs as the user that Debian's package made.
fn start_cluster(bin: &Path, home: &Path) {
    let (bin, home) = (bin.display(), home.display());
    let script = format!(
        "{bin}/initdb -D {home} -U postgres -A trust >/dev/null && \
         {bin}/pg_ctl -D {home} -l {home}/log -w \
         -o '-p {PRIVATE_PORT} -c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories=' \
         start >/dev/null"
    );
    let as_postgres = format!(
        "if [ $(id -u) = 0 ]; then exec su postgres -s /bin/sh -c \"{script}\"; else {script}; fi"
    );
    match Command::new("sh").args(["-c", &as_postgres]).status() {
        Ok(status) if status.success() => {}
        other => tell(&format!("a private PostgreSQL did not start: {other:?}")),
    }
}
