//! The machine: space on the disk, and who may read the files.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::Finding;
use crate::{
    config::{Environment as _, ProcessEnvironment, Readings},
    open,
};

/// With less than this, a write-ahead log and a backup have no room.
const LEAST_FREE_BYTES: u64 = 256 * 1024 * 1024;

/// Makes the checks.
pub(super) fn check(readings: &Readings) -> Vec<Finding> {
    let database = readings.database_url.as_ref().ok();
    let database = database.and_then(open::sqlite_file);
    let space = match &database {
        Some(path) => space(path, LEAST_FREE_BYTES),
        None => Finding::skipped("disk", "no SQLite file is in use"),
    };
    let mut files = vec![PathBuf::from(".env")];
    for name in [
        "ENCRYPTION_KEYS",
        "JIRA_CLIENT_SECRET",
        "DATABASE_URL",
        "SMTP_URL",
    ] {
        files.extend(
            ProcessEnvironment
                .var(&format!("{name}_FILE"))
                .map(PathBuf::from),
        );
    }
    if let Some(path) = database {
        for ending in ["", "-wal", "-shm"] {
            let mut file = path.clone().into_os_string();
            file.push(ending);
            files.push(file.into());
        }
    }
    vec![space, private(&files)]
}

fn space(database: &Path, least_bytes: u64) -> Finding {
    const CHECK: &str = "disk";
    let folder = match database.parent() {
        Some(it) if !it.as_os_str().is_empty() => it,
        _ => Path::new("."),
    };
    match rustix::fs::statvfs(folder) {
        Ok(found) => {
            let free_bytes = found.f_bavail.saturating_mul(found.f_frsize);
            if free_bytes >= least_bytes {
                return Finding::good(CHECK);
            }
            Finding::fault(
                CHECK,
                format!(
                    "{} has {} MB left",
                    folder.display(),
                    free_bytes / 1_000_000
                ),
                "free space, or move the database: tokens that cannot be saved are lost",
            )
        }
        Err(err) => Finding::skipped(CHECK, format!("{}: {err}", folder.display())),
    }
}

fn private(files: &[PathBuf]) -> Finding {
    const CHECK: &str = "files";
    let is_open = |path: &&PathBuf| {
        // A file that is not there has nothing to hide.
        std::fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o007 != 0)
    };
    let open: Vec<String> = files
        .iter()
        .filter(is_open)
        .map(|it| it.display().to_string())
        .collect();
    if open.is_empty() {
        return Finding::good(CHECK);
    }
    let open = open.join(" ");
    Finding::fault(
        CHECK,
        format!("everybody on this machine may read or write {open}"),
        format!("chmod o= {open}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    #[test]
    fn a_disk_that_is_nearly_full_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        assert!(matches!(space(&database, 1).outcome, Outcome::Good));
        let told = space(&database, u64::MAX).outcome;
        assert!(
            matches!(told, Outcome::Fault { ref fault, .. } if fault.ends_with(" MB left")),
            "{told:?}"
        );
        assert!(matches!(space(Path::new("x.db"), 1).outcome, Outcome::Good));
    }
}
