//! What a run leaves behind where `TFORMANCE_TEST_OUTPUT` names a folder: everything that was seen (`seen`),
//! and apart from it every secret that must not be in it (`secrets`). `scripts/find-secrets` searches the
//! one for the other when the run is over.

use std::{
    fs::{File, create_dir_all},
    io::Write as _,
    path::PathBuf,
};

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was written, sent or stored.
    Seen,
    /// What must not be in it, one a line.
    Secrets,
}

/// A file of this process in the folder, for adding to; none where no folder is named.
///
/// Names repeat when the system gives a process's number again: what is there stays.
#[expect(clippy::unwrap_used, reason = "test support")]
pub fn file(kind: Kind, suffix: &str) -> Option<File> {
    let folder = PathBuf::from(std::env::var_os("TFORMANCE_TEST_OUTPUT")?).join(match kind {
        Kind::Seen => "seen",
        Kind::Secrets => "secrets",
    });
    create_dir_all(&folder).unwrap();
    let name = format!("rust-{}{suffix}", std::process::id());
    let opened = File::options()
        .create(true)
        .append(true)
        .open(folder.join(name));
    Some(opened.unwrap())
}

/// Adds to a file of this process; does nothing where no folder is named.
#[expect(clippy::unwrap_used, reason = "test support")]
pub fn add(kind: Kind, suffix: &str, bytes: &[u8]) {
    if let Some(mut file) = file(kind, suffix) {
        file.write_all(bytes).unwrap();
    }
}
