//! Opening the database: its schema must fit, and a `SQLite` file is served by one process alone.

use std::{fs::File, path::PathBuf};

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use store::{Schema, Store};

/// What to do about a schema that is not up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldSchema {
    /// Bring it up to date.
    Migrate,
    /// On `SQLite` bring it up to date; on PostgreSQL, where other processes may be serving, refuse.
    MigrateIfAlone,
}

/// Held while a process serves a `SQLite` file; the system lets go of it when the process ends,
/// however it ends.
#[derive(Debug)]
pub(crate) struct ServingLock {
    _file: Option<File>,
}

/// Opens the database, with its schema up to date.
///
/// # Errors
///
/// If it cannot be reached, or its schema does not fit.
pub(crate) async fn open(url: &SecretString, old: OldSchema) -> anyhow::Result<Store> {
    if let Some(path) = sqlite_file(url) {
        make_private(&path)?;
    }
    let store = Store::open(url.expose_secret())
        .await
        .context("DATABASE_URL cannot be opened")?;
    let is_alone = matches!(store, Store::Sqlite { .. });
    match store.schema().await.context("the schema cannot be read")? {
        Schema::UpToDate => {}
        Schema::Newer => bail!(
            "the database's schema was made by a newer version, or changed by hand; run that version"
        ),
        Schema::Missing | Schema::Older if old == OldSchema::Migrate || is_alone => {
            store.migrate().await?;
            tracing::info!("the schema is up to date");
        }
        Schema::Missing | Schema::Older => {
            bail!(
                "the database's schema is not up to date; run `tformance migrate`, or `tformance serve --migrate`"
            )
        }
    }
    Ok(store)
}

/// Opens a database that is there and has the schema of this version; makes and migrates nothing.
///
/// # Errors
///
/// If it is not there, cannot be reached, or its schema is another version's.
pub(crate) async fn open_as_it_is(url: &SecretString) -> anyhow::Result<Store> {
    let store = open_existing(url).await?;
    match store.schema().await.context("the schema cannot be read")? {
        Schema::UpToDate => Ok(store),
        Schema::Newer => bail!(
            "the database's schema was made by a newer version, or changed by hand; run that version"
        ),
        Schema::Missing | Schema::Older => {
            bail!("the database's schema is not up to date; run `tformance migrate`")
        }
    }
}

/// Opens a database that is there, whatever its schema.
///
/// # Errors
///
/// If it is not there or cannot be reached.
pub(crate) async fn open_existing(url: &SecretString) -> anyhow::Result<Store> {
    if let Some(path) = sqlite_file(url)
        && !path.exists()
    {
        bail!("DATABASE_URL names {}, which is not there", path.display());
    }
    Store::open(url.expose_secret())
        .await
        .context("DATABASE_URL cannot be opened")
}

/// Takes the right to serve this database. On PostgreSQL any number of processes have it.
///
/// # Errors
///
/// If another process serves the same `SQLite` file.
pub(crate) fn lock_for_serving(url: &SecretString) -> anyhow::Result<ServingLock> {
    let Some(path) = sqlite_file(url) else {
        return Ok(ServingLock { _file: None });
    };
    make_private(&path)?;
    let mut lock = path.clone().into_os_string();
    lock.push(".lock");
    let lock = PathBuf::from(lock);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock)
        .with_context(|| format!("{} cannot be opened", lock.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(ServingLock { _file: Some(file) }),
        Err(std::fs::TryLockError::WouldBlock) => bail!(
            "another process serves {}; SQLite is for one process, PostgreSQL for several",
            path.display()
        ),
        Err(std::fs::TryLockError::Error(err)) => {
            Err(err).with_context(|| format!("{} cannot be locked", lock.display()))
        }
    }
}

/// The file of a `SQLite` address; none for PostgreSQL and for databases in memory.
pub(crate) fn sqlite_file(url: &SecretString) -> Option<PathBuf> {
    let rest = url.expose_secret().strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let path = path.split('?').next().unwrap_or(path);
    (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
}

/// A file that is not there yet is made so that nobody else on the machine can read it.
fn make_private(path: &PathBuf) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let made = File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(()),
        Err(err) if err.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(err) => Err(err).with_context(|| {
            format!(
                "DATABASE_URL names {}, which cannot be made",
                path.display()
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_an_address_is_found() {
        let file = |url: &str| sqlite_file(&url.into()).map(|it| it.display().to_string());
        assert_eq!(
            file("sqlite://tformance.db"),
            Some("tformance.db".to_owned())
        );
        assert_eq!(
            file("sqlite:///var/x.db?mode=rwc"),
            Some("/var/x.db".to_owned())
        );
        assert_eq!(file("sqlite:x.db"), Some("x.db".to_owned()));
        assert_eq!(file("sqlite::memory:"), None);
        assert_eq!(file("postgres://db/x"), None);
    }

    #[test]
    fn a_second_process_may_not_serve_the_same_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        let url: SecretString = format!("sqlite://{}", path.display()).into();
        let first = lock_for_serving(&url).unwrap();
        let err = lock_for_serving(&url).unwrap_err().to_string();
        assert!(err.starts_with("another process serves"), "{err}");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(first);
        lock_for_serving(&url).unwrap();
    }
}
