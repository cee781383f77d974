//! Both ends of the proxy as bytes: a gateway that does what it is told, and a caller that sends what it likes.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use url::Url;

/// Of a body so much is kept for looking at.
const KEPT: usize = 256 * 1024;

/// What a gateway does with a request.
#[derive(Clone, Debug)]
pub(super) enum Play {
    /// Reads it and says this.
    Say(Vec<u8>),
    /// Reads it, says this and closes.
    SayAndCut(Vec<u8>),
    /// Reads it, says this, and waits for the other side to go.
    SayAndHold(Vec<u8>),
    /// Says this before the body was read, and then reads on.
    SayEarly(Vec<u8>),
    /// Reads it, says this, then so many times this piece, each after a while.
    Pieces(Vec<u8>, usize, Vec<u8>, Duration),
}

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrived {
    /// Up to the empty line.
    pub(super) head: String,
    /// The beginning of what followed, as bytes of the wire.
    pub(super) body: Vec<u8>,
    /// How much followed.
    pub(super) length: usize,
    /// Whether all of it came.
    pub(super) is_whole: bool,
}

impl Arrived {
    /// The first line.
    pub(super) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The names of its headers, sorted.
    pub(super) fn names(&self) -> Vec<&str> {
        let lines = self.head.lines().skip(1);
        let mut names: Vec<_> = lines.filter_map(|it| Some(it.split_once(':')?.0)).collect();
        names.sort_unstable();
        names
    }

    /// A header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header_in(&self.head, name)
    }
}

/// A header of a head.
pub(super) fn header_in<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().skip(1).filter_map(|it| it.split_once(':'));
    let (_, value) = fields.find(|(it, _)| it.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

/// A gateway over a socket.
#[derive(Clone, Debug)]
pub(super) struct RawGateway {
    pub(super) url: Url,
    plays: Arc<Mutex<VecDeque<Play>>>,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    /// How often the token was tried at accessible-resources, and what it is answered there.
    pub(super) proofs: Arc<Mutex<(usize, u16)>>,
    connections: Arc<AtomicUsize>,
    /// The other side went before its time.
    left: Arc<Semaphore>,
    /// A request has been read.
    read: Arc<Semaphore>,
}

impl RawGateway {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let gateway = Self {
            url: url.parse().unwrap(),
            plays: Arc::default(),
            arrived: Arc::default(),
            proofs: Arc::new(Mutex::new((0, 401))),
            connections: Arc::default(),
            left: Arc::new(Semaphore::new(0)),
            read: Arc::new(Semaphore::new(0)),
        };
        let serving = gateway.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let gateway = serving.clone();
                gateway.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move { gateway.serve(stream).await });
            }
        });
        gateway
    }

    /// What comes next, one for each request.
    pub(super) fn play(&self, play: Play) {
        self.plays.lock().unwrap().push_back(play);
    }

    /// Answers 200 with this JSON next.
    pub(super) fn say_json(&self, body: &str) {
        self.play(Play::Say(said(
            "200 OK",
            "content-type: application/json\r\n",
            body,
        )));
    }

    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The one request that arrived.
    pub(super) fn only(&self) -> Arrived {
        let arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        arrived[0].clone()
    }

    /// Waits until the other side went before its time.
    pub(super) async fn left(&self) {
        self.left.acquire().await.unwrap().forget();
    }

    /// Waits until a request has been read.
    pub(super) async fn read(&self) {
        self.read.acquire().await.unwrap().forget();
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut rest = Vec::new();
        while let Some(head) = read_head(&mut stream, &mut rest).await {
            if head.starts_with("GET /oauth/token/accessible-resources ") {
                let status = {
                    let mut proofs = self.proofs.lock().unwrap();
                    proofs.0 += 1;
                    proofs.1
                };
                let answer = said(
                    &format!("{status} X"),
                    "content-type: application/json\r\n",
                    "[]",
                );
                stream.write_all(&answer).await.unwrap();
                continue;
            }
            let play = self.plays.lock().unwrap().pop_front();
            let play = play.unwrap_or_else(|| Play::Say(said("200 OK", "", "ok")));
            if let Play::SayEarly(text) = &play {
                stream.write_all(text).await.unwrap();
            }
            let arrived = read_body(&mut stream, &mut rest, head).await;
            let is_whole = arrived.is_whole;
            self.arrived.lock().unwrap().push(arrived);
            self.read.add_permits(1);
            if !is_whole {
                self.left.add_permits(1);
                return;
            }
            match play {
                Play::SayEarly(_) => {}
                Play::Say(text) => drop(stream.write_all(&text).await),
                Play::SayAndCut(text) => {
                    drop(stream.write_all(&text).await);
                    return;
                }
                Play::SayAndHold(text) => {
                    drop(stream.write_all(&text).await);
                    self.wait_for_the_end(&mut stream).await;
                    return;
                }
                Play::Pieces(head, count, piece, every) => {
                    drop(stream.write_all(&head).await);
                    let mut clock = tokio::time::interval(every.max(Duration::from_nanos(1)));
                    for _ in 0..count {
                        if !every.is_zero() {
                            clock.tick().await;
                        }
                        if stream.write_all(&piece).await.is_err() {
                            self.left.add_permits(1);
                            return;
                        }
                    }
                }
            }
        }
    }

    async fn wait_for_the_end(&self, stream: &mut TcpStream) {
        let mut buffer = [0; 1_024];
        while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
        self.left.add_permits(1);
    }
}

/// A gateway that lets people in and hangs up on them, before a word of theirs that it would understand.
pub(super) struct Deaf {
    pub(super) url: Url,
    connections: Arc<AtomicUsize>,
}

impl Deaf {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            url: url.parse().unwrap(),
            connections,
        }
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A whole answer.
pub(super) fn said(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Up to the empty line; what came after it stays in `rest`. None at the end.
async fn read_head(stream: &mut TcpStream, rest: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = rest.windows(4).position(|it| it == b"\r\n\r\n") {
            let after = rest.split_off(at + 4);
            let head = std::mem::replace(rest, after);
            return Some(String::from_utf8_lossy(&head).into_owned());
        }
        if !matches!(stream.read_buf(rest).await, Ok(1..)) {
            return None;
        }
    }
}

async fn read_body(stream: &mut TcpStream, rest: &mut Vec<u8>, head: String) -> Arrived {
    let is_chunked = header_in(&head, "transfer-encoding") == Some("chunked");
    let told = header_in(&head, "content-length").map_or(0, |it| it.parse().unwrap());
    let mut arrived = Arrived {
        head,
        ..Arrived::default()
    };
    let mut tail = Vec::new();
    let mut piece = std::mem::take(rest);
    loop {
        arrived.length += piece.len();
        let room = KEPT.saturating_sub(arrived.body.len());
        arrived.body.extend(piece.iter().take(room));
        tail.extend_from_slice(&piece[piece.len().saturating_sub(5)..]);
        tail.drain(..tail.len().saturating_sub(5));
        arrived.is_whole = if is_chunked {
            tail == b"0\r\n\r\n"
        } else {
            arrived.length >= told
        };
        piece.clear();
        if arrived.is_whole {
            return arrived;
        }
        piece.resize(64 * 1024, 0);
        match stream.read(&mut piece).await {
            Ok(read @ 1..) => piece.truncate(read),
            _ => return arrived,
        }
    }
}

/// A caller over a socket.
pub(super) struct RawCaller(TcpStream);

impl RawCaller {
    /// Sends this.
    pub(super) async fn send(to: SocketAddr, bytes: &[u8]) -> Self {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        Self(stream)
    }

    /// Sends more; false if nobody takes it any more.
    pub(super) async fn more(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// Sends no more, and reads.
    pub(super) async fn finish(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// The head of the answer and what has come behind it.
    pub(super) async fn head(&mut self) -> (String, Vec<u8>) {
        let mut rest = Vec::new();
        let head = read_head(&mut self.0, &mut rest).await;
        (head.unwrap_or_default(), rest)
    }

    /// Everything up to the end of the connection.
    pub(super) async fn all(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let _may_be_reset = self.0.read_to_end(&mut all).await;
        all
    }

    /// The next bytes; none at the end.
    pub(super) async fn some(&mut self, buffer: &mut [u8]) -> usize {
        self.0.read(buffer).await.unwrap_or_default()
    }
}

/// Passes bytes between callers and a server, and keeps what it saw.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Relay {
    pub(super) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<u8>>>::default();
        let keeping = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(server).await.unwrap();
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                for (mut from, mut to) in [(near_read, far_write), (far_read, near_write)] {
                    let seen = Arc::clone(&keeping);
                    tokio::spawn(async move {
                        let mut buffer = vec![0; 16 * 1024];
                        while let Ok(read @ 1..) = from.read(&mut buffer).await {
                            seen.lock().unwrap().extend_from_slice(&buffer[..read]);
                            if to.write_all(&buffer[..read]).await.is_err() {
                                return;
                            }
                        }
                    });
                }
            }
        });
        Self { address, seen }
    }

    /// Whether this was seen, in either direction.
    pub(super) fn saw(&self, text: &str) -> bool {
        let seen = self.seen.lock().unwrap();
        assert!(!text.is_empty());
        seen.windows(text.len()).any(|it| it == text.as_bytes())
    }
}
