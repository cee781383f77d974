//! Runs the binary in a folder of its own, with an environment of its own.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tempfile::TempDir;

/// A machine with a folder and variables; commands run one after the other.
#[derive(Debug)]
pub(crate) struct Machine {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ended {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }

    /// What the command printed, if it ended well.
    #[track_caller]
    pub(crate) fn good(&self) -> &str {
        assert_eq!(self.code, 0, "{self:?}");
        &self.out
    }

    /// The last word of a command that ended with 1.
    #[track_caller]
    pub(crate) fn refused(&self) -> &str {
        assert_eq!(self.code, 1, "{self:?}");
        let last = self.err.lines().last().unwrap();
        last.strip_prefix("tformance: ").unwrap()
    }
}

/// An entry of a key ring.
pub(crate) fn key(id: &str, byte: u8) -> String {
    format!("{id}:{}", STANDARD.encode([byte; 32]))
}

impl Machine {
    /// With the key `k1`, and the default database in an empty folder.
    pub(crate) fn new() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
            variables: BTreeMap::new(),
        };
        machine.set("ENCRYPTION_KEYS", key("k1", 1))
    }

    /// Sets a variable.
    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// A file in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of the binary, not yet run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tformance"));
        command
            .args(args)
            .env_clear()
            .env("METRICS_LISTEN", "")
            .envs(&self.variables)
            .current_dir(self.folder.path());
        command
    }

    /// Starts `serve`, and ends it once it serves or refuses to.
    pub(crate) fn serve_once(&self) -> Result<(), String> {
        self.start_serving().map(drop)
    }

    /// Starts `serve`; what it says when it refuses.
    pub(crate) fn start_serving(&self) -> Result<Serving, String> {
        let mut serving = Serving(
            self.command(&["serve"])
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let mut lines = BufReader::new(serving.0.stderr.take().unwrap()).lines();
        while let Some(line) = lines.next() {
            let line = line.unwrap();
            if line.contains(": serving ") {
                // Somebody must read what it logs, or it cannot log.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(serving);
            }
            if let Some(last) = line.strip_prefix("tformance: ") {
                assert_eq!(serving.0.wait().unwrap().code(), Some(1));
                return Err(last.to_owned());
            }
        }
        Err("it ended without a word".to_owned())
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().unwrap())
    }
}

/// A server process, killed with this value.
#[derive(Debug)]
pub(crate) struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// How a command ended that was run in another way.
pub(crate) fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
