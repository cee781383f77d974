//! Where a demo keeps its things: in a folder that stays, or in one that goes when it ends.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use atlassian_sim::Sim;
use domain::env::Env;
use secrecy::SecretString;
use tempfile::TempDir;
use vault::{KeyId, KeyRing};

/// Where a demo keeps its things.
#[derive(Debug)]
pub(super) enum Data {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Data {
    pub(super) fn open(folder: Option<PathBuf>) -> anyhow::Result<Self> {
        match folder {
            Some(path) => {
                std::fs::create_dir_all(&path)
                    .with_context(|| format!("--data {} cannot be made", path.display()))?;
                Ok(Self::Kept(path))
            }
            None => Ok(Self::Temporary(
                tempfile::tempdir().context("no temporary folder can be made")?,
            )),
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }

    pub(super) fn database_url(&self) -> SecretString {
        format!("sqlite://{}", self.path().join("demo.db").display()).into()
    }

    fn service_key_path(&self) -> PathBuf {
        self.path().join("service-key")
    }

    /// The key of the demo's service, if it was made in this folder.
    pub(super) fn service_key(&self) -> anyhow::Result<Option<SecretString>> {
        let path = self.service_key_path();
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(Some(text.trim().into()))
    }

    /// Keeps it, as the database has its hash only.
    pub(super) fn keep_service_key(&self, key: &SecretString) -> anyhow::Result<()> {
        use secrecy::ExposeSecret as _;
        write_privately(&self.service_key_path(), key.expose_secret())
    }

    /// Where the simulated Atlassian's side is kept, if anything is.
    pub(super) fn simulator_path(&self) -> Option<PathBuf> {
        match self {
            Self::Kept(path) => Some(path.join("simulator.json")),
            Self::Temporary(_) => None,
        }
    }

    /// What the simulator knew when the last demo in this folder ended.
    pub(super) fn simulator(&self) -> anyhow::Result<Option<serde_json::Value>> {
        let Some(path) = self.simulator_path().filter(|it| it.exists()) else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let saved = serde_json::from_str(&text)
            .with_context(|| format!("{} is no JSON; remove it to start anew", path.display()))?;
        Ok(Some(saved))
    }

    /// Keeps what the simulator knows: tokens in the clear, so for this person's eyes only.
    pub(super) fn keep_simulator(&self, sim: &Sim) -> anyhow::Result<()> {
        match self.simulator_path() {
            Some(path) => write_privately(&path, &sim.state().save().to_string()),
            None => Ok(()),
        }
    }

    /// The keys of this demo, made at its first start.
    pub(super) fn key_ring(&self, env: &dyn Env) -> anyhow::Result<KeyRing> {
        use secrecy::ExposeSecret as _;
        let path = self.path().join("encryption-keys");
        let text = if path.exists() {
            std::fs::read_to_string(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?
                .trim()
                .into()
        } else {
            let id = KeyId::parse("demo").context("the demo's key id")?;
            let made = KeyRing::generate(env, &id);
            write_privately(&path, made.expose_secret())?;
            made
        };
        KeyRing::parse(&text).with_context(|| format!("{} holds no key ring", path.display()))
    }
}

/// Writes a file that nobody else can read, wholly or not at all.
fn write_privately(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};

    let unfinished = path.with_extension("unfinished");
    let write = || {
        // What a crash left may have been made with other rights.
        if unfinished.exists() {
            std::fs::remove_file(&unfinished)?;
        }
        let mut file = std::fs::File::options()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}
