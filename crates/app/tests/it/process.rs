//! The real binary as a process of its own: what it says, what it is told, how it ends.

use std::{
    io::{BufRead as _, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use testkit::output::{self, Kind};

/// Longer than anything here takes on a busy machine; a test that waits for it has failed.
const LONGEST: Duration = Duration::from_mins(1);

/// A folder, so that neither `.env` nor a database of the caller is found, and nothing of the caller's
/// environment but where programs are.
pub(crate) fn tformance(folder: &Path, args: &[&str], vars: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tformance"));
    command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        // Its default is one port for all.
        .env("METRICS_LISTEN", "")
        .envs(vars.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn run(folder: &Path, args: &[&str], vars: &[(&str, &str)]) -> Ended {
    Running::start(tformance(folder, args, vars)).wait()
}

/// A command that runs; it is killed when the test drops it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = Lines::of(child.stdout.take().unwrap(), None);
        // Logs are searched for secrets when the whole run is over.
        let stderr = Lines::of(child.stderr.take().unwrap(), Some(".process.log"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Waits for a line on standard output that begins so; gives the rest of it.
    pub(crate) fn says(&mut self, start: &str) -> String {
        self.stdout
            .find(|it| it.strip_prefix(start).map(str::to_owned))
    }

    /// Waits for a line on standard error that holds this; gives the line.
    pub(crate) fn logs(&mut self, part: &str) -> String {
        self.stderr
            .find(|it| it.contains(part).then(|| it.to_owned()))
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args(["-s", name, &id]).status();
        assert!(done.unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        let (stdout, stderr) = (self.stdout.rest(), self.stderr.rest());
        // Both ends are closed: it ends at once.
        let status: ExitStatus = self.child.wait().unwrap();
        Ended {
            code: status.code(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Mostly it has ended already, and then there is nothing to kill.
        let _has_ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Lines as they come, and all of them so far.
#[derive(Debug)]
struct Lines {
    coming: Receiver<String>,
    all: String,
}

impl Lines {
    fn of(from: impl Read + Send + 'static, left_behind: Option<&'static str>) -> Self {
        let (sender, coming) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                if let Some(suffix) = left_behind {
                    output::add(Kind::Seen, suffix, format!("{line}\n").as_bytes());
                }
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            coming,
            all: String::new(),
        }
    }

    fn next(&mut self) -> Option<String> {
        match self.coming.recv_timeout(LONGEST) {
            Ok(line) => {
                self.all.push_str(&line);
                self.all.push('\n');
                Some(line)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("nothing came after: {}", self.all),
        }
    }

    fn find<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        while let Some(line) = self.next() {
            if let Some(found) = wanted(&line) {
                return found;
            }
        }
        panic!("it ended, having said: {}", self.all);
    }

    fn rest(&mut self) -> String {
        while self.next().is_some() {}
        std::mem::take(&mut self.all)
    }
}
