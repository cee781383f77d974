//! `tformance backup` and `tformance restore --verify`.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Args;
use secrecy::SecretString;
use service::{start::check_key_ring, verify::open_everything};
use store::{Schema, Store};

use crate::{
    cli::say,
    config::{self, ProcessEnvironment, StoreArgs},
    env::SystemEnv,
    open, operator,
    serve::{key_error, runtime},
    telemetry,
};

/// Copy the database into a file while it is served.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to make; it must not be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

/// Look whether a backup can be restored.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Verify the file; nothing is restored. To restore, stop `serve`, put the file in the place of the
    /// database, run `tformance admin adopt`, and start `serve`.
    #[arg(long, required = true)]
    verify: bool,
    /// The backup.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

/// Makes a backup.
///
/// # Errors
///
/// If the database or the file cannot be had; on PostgreSQL always, with the command that does it.
pub(crate) fn backup(args: &BackupArgs) -> anyhow::Result<()> {
    let url = config::database_url(&args.store, &ProcessEnvironment)?;
    telemetry::start(&args.store)?;
    if open::sqlite_file(&url).is_none() {
        bail!(
            "PostgreSQL has its own tools for this: pg_dump --format=custom --file={} \"$DATABASE_URL\"",
            args.file.display()
        );
    }
    runtime()?.block_on(async {
        let store = open::open_as_it_is(&url).await?;
        make_new(&args.file)?;
        let copied = copy(&store, &args.file).await;
        store.close().await;
        if copied.is_err() {
            // Half a copy is worse than none.
            std::fs::remove_file(&args.file)
                .with_context(|| format!("{} stays behind", args.file.display()))?;
        }
        copied?;
        say(&format!(
            "backed up into {}; keep the keys of ENCRYPTION_KEYS elsewhere: without them it cannot be read",
            args.file.display()
        ));
        Ok(())
    })
}

fn make_new(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .with_context(|| format!("{} cannot be made", path.display()))
}

async fn copy(store: &Store, path: &Path) -> anyhow::Result<()> {
    use domain::env::Env as _;
    let text = path.to_str().context("the file's name is not UTF-8")?;
    store
        .copy_into(text)
        .await
        .with_context(|| format!("{} cannot be written", path.display()))?;
    // Whoever serves it by mistake would spend the refresh tokens of the original.
    let copy = Store::open(address_of(path)?.as_str()).await?;
    let mut tx = copy.write().await?;
    tx.set_copied(SystemEnv.now()).await?;
    tx.commit().await?;
    copy.close().await;
    let on_disk = File::open(path).and_then(|it| it.sync_all());
    on_disk.with_context(|| format!("{} did not reach the disk", path.display()))
}

fn address_of(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().context("the file's name is not UTF-8")?;
    if text.contains(['?', '#', '%']) {
        bail!("the file's name has one of ?, # and %, which an address cannot hold");
    }
    Ok(format!("sqlite://{text}"))
}

/// Verifies a backup on a private copy of it.
///
/// # Errors
///
/// If anything in it would keep it from being served.
pub(crate) fn restore(args: &RestoreArgs) -> anyhow::Result<()> {
    let key_ring = config::key_ring(&ProcessEnvironment)?;
    telemetry::start(&args.store)?;
    runtime()?.block_on(async {
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let copied = folder.path().join("verified.db");
        for ending in ["", "-wal"] {
            copy_file(&with(&args.file, ending), &with(&copied, ending), ending.is_empty())?;
        }
        let url: SecretString = address_of(&copied)?.into();
        let store = open::open_existing(&url)
            .await
            .with_context(|| format!("{} is no database, or damaged", args.file.display()))?;
        let damage = store.list_damage().await.context("the file is damaged")?;
        if let Some(first) = damage.first() {
            bail!("the file is damaged: {first}");
        }
        say("integrity     good");
        match store.schema().await.context("the schema cannot be read")? {
            Schema::UpToDate => say("schema        of this version"),
            Schema::Older => {
                say("schema        of an older version; `serve` brings it up to date");
                store.migrate().await?;
            }
            Schema::Newer => bail!("the schema is of a newer version; restore it with that version"),
            Schema::Missing => bail!("{} is not one of our databases", args.file.display()),
        }
        let services = operator::services_on(store, key_ring);
        check_key_ring(&services).await.map_err(key_error)?;
        let status = service::keys::status(&services).await?;
        for key in &status.keys {
            say(&format!("key           {}: opens, {} values", key.id, key.total()));
        }
        let opened = open_everything(&services).await?;
        say(&format!("values        {} open", opened.opened));
        for it in &opened.refused {
            let (column, row, why) = (it.column, it.value.row, &it.why);
            say(&format!("does not open {column} of row {row}: {why}"));
        }
        let served = services.store.read().await?.find_served().await?;
        if let Some(at) = served.copied_at {
            say(&format!("made          {at}"));
        }
        if let Some(url) = served.base_url {
            say(&format!("last served   {url}"));
        }
        services.store.close().await;
        if !opened.refused.is_empty() {
            bail!("{} values do not open", opened.refused.len());
        }
        say("to restore    stop `serve`, put the file in the place of the database, run `tformance admin adopt`");
        Ok(())
    })
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(ending);
    PathBuf::from(name)
}

fn copy_file(from: &Path, to: &Path, is_required: bool) -> anyhow::Result<()> {
    match std::fs::copy(from, to) {
        Ok(_) => Ok(()),
        Err(err) if !is_required && err.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(err).with_context(|| format!("{} cannot be read", from.display())),
    }
}
