//! The binary that is measured, running.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) started_in: Duration,
    log: Option<PathBuf>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Server {
    /// `tformance serve` on a `SQLite` file in `dir`.
    pub(crate) fn serve(binary: &Path, dir: &Path) -> Self {
        let address = free_address();
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .current_dir(dir)
            .env_clear()
            .env("ENCRYPTION_KEYS", format!("bench:{}A", "A".repeat(42)))
            .env("LISTEN", address.to_string())
            .env("METRICS_LISTEN", "")
            // A store is served under one address; the port is another one each time.
            .env("BASE_URL", "http://127.0.0.1:8000")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let begun = Instant::now();
        let child = command.spawn().unwrap();
        let mut server = Self {
            child,
            address,
            started_in: Duration::ZERO,
            log: None,
        };
        while server.try_get("/healthz", "").is_none() {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "serve did not start"
            );
            std::thread::yield_now();
        }
        server.started_in = begun.elapsed();
        server
    }

    /// `tformance demo`, with every statement in a log.
    pub(crate) fn demo(binary: &Path, dir: &Path) -> Self {
        let log = dir.join("statements.log");
        Self::start_demo(binary, dir, "sqlx=trace", Some(log))
    }

    /// `tformance demo` as people start it.
    pub(crate) fn demo_without_log(binary: &Path, dir: &Path) -> Self {
        Self::start_demo(binary, dir, "warn", None)
    }

    fn start_demo(binary: &Path, dir: &Path, filter: &str, log: Option<PathBuf>) -> Self {
        let stderr = match &log {
            Some(path) => std::fs::File::create(path).unwrap().into(),
            None => Stdio::null(),
        };
        let begun = Instant::now();
        let mut child = Command::new(binary)
            .args(["demo", "--port", "0", "--log", filter, "--data"])
            .arg(dir.join("data"))
            .current_dir(dir)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap();
        Self {
            child,
            address,
            started_in: begun.elapsed(),
            log,
        }
    }

    /// What the kernel says that the process occupies.
    pub(crate) fn resident_kilobytes(&self) -> u64 {
        resident_kilobytes(&self.child.id().to_string())
    }

    /// Signs in as the demo's admin; gives the cookie.
    pub(crate) fn sign_in(&self) -> String {
        let form = "email=ada%40example.com&password=demo+password";
        let head = format!(
            "POST /login HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.address,
            form.len()
        );
        let answer = self.try_send(&head).expect("an answer");
        let cookie = header(&answer.head, "set-cookie").expect("a session");
        cookie.split(';').next().unwrap().to_owned()
    }

    /// How many statements a page runs.
    pub(crate) fn statements_of(&self, path: &str, cookie: &str) -> usize {
        let log = self.log.as_ref().unwrap();
        self.get(path, cookie);
        let before = std::fs::read_to_string(log).unwrap().lines().count();
        self.get(path, cookie);
        let after = std::fs::read_to_string(log).unwrap();
        after
            .lines()
            .skip(before)
            .filter(|it| it.contains("sqlx::query"))
            .count()
    }

    /// Bytes and requests of a first visit: the page and everything that it names, as browsers ask for it.
    pub(crate) fn first_visit(&self, path: &str, cookie: &str) -> (usize, usize) {
        let page = self.get(path, cookie);
        let html = String::from_utf8(page.body.clone()).unwrap();
        let mut bytes = page.head.len() + page.body.len();
        let mut requests = 1;
        for name in html.split('"').filter(|it| it.starts_with("/assets/")) {
            let asset = self.get(name, cookie);
            bytes += asset.head.len() + asset.body.len();
            requests += 1;
        }
        (bytes, requests)
    }

    fn get(&self, path: &str, cookie: &str) -> Answer {
        let answer = self.try_get(path, cookie).expect("an answer");
        assert!(
            answer.head.starts_with("HTTP/1.1 200"),
            "{path}: {}",
            answer.head
        );
        answer
    }

    fn try_get(&self, path: &str, cookie: &str) -> Option<Answer> {
        let address = self.address;
        self.try_send(&format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n"
        ))
    }

    fn try_send(&self, request: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
        let body = bytes.split_off(end);
        let head = String::from_utf8(bytes).ok()?;
        Some(Answer { head, body })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A header's value.
pub(crate) fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// What the kernel says that this process occupies.
pub(crate) fn own_resident_kilobytes() -> u64 {
    resident_kilobytes("self")
}

fn resident_kilobytes(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
