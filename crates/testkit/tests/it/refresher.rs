//! A child process that serves, and does as it is told.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use reqwest::{Client, RequestBuilder};
use rustix::process::{Pid, Signal, kill_process};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use service::refresh::Step;
use testkit::output::{self, Kind};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

/// Longer than anything here takes on a busy machine; a test that waits for it has failed.
pub(crate) const LONGEST: Duration = Duration::from_mins(1);

/// A running child; it is killed when the test drops it.
#[derive(Debug)]
pub(crate) struct Refresher {
    child: Child,
    orders: ChildStdin,
    lines: UnboundedReceiver<String>,
    address: SocketAddr,
    http: Client,
}

/// Who asks a child for tokens; clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    address: SocketAddr,
    http: Client,
    key: SecretString,
}

/// What came out of the door: the token, or the code of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) told: String,
}

impl Refresher {
    /// Starts one, which holds every refresh at `hold`, and waits until it serves.
    pub(crate) async fn start(vars: &[(&str, &str)], hold: Option<Step>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_refresher"))
            .env_clear()
            .envs(vars.iter().copied())
            .env("HOLD", hold.map_or("", Step::as_str))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                tell(&line);
                // Logs are searched for secrets when the whole run is over.
                output::add(Kind::Seen, ".process.log", format!("{line}\n").as_bytes());
            }
        });
        let (sender, lines) = unbounded_channel();
        let said = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut refresher = Self {
            orders: child.stdin.take().unwrap(),
            child,
            lines,
            address: ([0, 0, 0, 0], 0).into(),
            http: Client::builder()
                .no_proxy()
                .timeout(LONGEST)
                .build()
                .unwrap(),
        };
        refresher.address = refresher.next_line().await.parse().unwrap();
        refresher
    }

    async fn next_line(&mut self) -> String {
        match timeout(LONGEST, self.lines.recv()).await {
            Ok(Some(line)) => line,
            Ok(None) => panic!("a child ended"),
            Err(waited) => panic!("a child said nothing: {waited}"),
        }
    }

    async fn says(&mut self, wanted: &str) {
        while self.next_line().await != wanted {}
    }

    /// Waits until a refresh is held at the step.
    pub(crate) async fn reached(&mut self, step: Step) {
        self.says(&format!("reached {}", step.as_str())).await;
    }

    /// From now on every refresh is held at the step.
    pub(crate) async fn hold(&mut self, step: Step) {
        let step = step.as_str();
        writeln!(self.orders, "hold {step}").unwrap();
        self.says(&format!("holding {step}")).await;
    }

    /// What is held goes on, and nothing is held any more. A paused child does so when it wakes up.
    pub(crate) fn go(&mut self) {
        writeln!(self.orders, "go").unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Stops it where it is, and all its threads.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn wake_up(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it, as the system does that runs out of memory.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its door, for a service that has this key.
    pub(crate) fn door(&self, key: SecretString) -> Door {
        Door {
            address: self.address,
            http: self.http.clone(),
            key,
        }
    }
}

#[expect(clippy::print_stderr, reason = "shown where a test fails")]
fn tell(line: &str) {
    eprintln!("{line}");
}

impl Drop for Refresher {
    fn drop(&mut self) {
        self.end();
    }
}

impl Door {
    /// Asks for a token; none if the process is gone.
    pub(crate) async fn ask(&self) -> Option<Answer> {
        let url = format!("http://{}/api/v1/integrations/jira/token", self.address);
        self.send(self.http.post(url), &["access_token", "code"])
            .await
    }

    /// Asks why the connection is in its state.
    pub(crate) async fn reason(&self) -> Option<Answer> {
        let url = format!("http://{}/api/v1/integrations/jira", self.address);
        self.send(self.http.get(url), &["reason"]).await
    }

    /// The first of the members that the answer has.
    async fn send(&self, request: RequestBuilder, members: &[&str]) -> Option<Answer> {
        let request = request.bearer_auth(self.key.expose_secret());
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
        let told = members.iter().find_map(|it| body[*it].as_str());
        Some(Answer {
            status,
            told: told.unwrap_or_default().to_owned(),
        })
    }
}
