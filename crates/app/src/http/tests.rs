//! Clients that draw things out, over real sockets.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
    task::Waker,
};

use axum::{
    body::Bytes,
    extract::rejection::BytesRejection,
    routing::{get, post},
};
use hyper::body::Frame;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
};

use super::*;

/// Long enough that nothing in a test comes near it.
const LONG: Duration = Duration::from_mins(10);
const SHORT: Duration = Duration::from_millis(100);

fn limits() -> Limits {
    Limits {
        head: LONG,
        answer: LONG,
        connections: 100,
    }
}

/// A server, and how to stop it.
struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(router: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, router, limits, stop.clone()));
        Self {
            address,
            stop,
            serving,
        }
    }

    /// Says this and nothing more.
    async fn say(&self, text: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        client.write_all(text.as_bytes()).await.unwrap();
        client
    }

    async fn stop(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
    }
}

/// Everything until the server closes the connection.
async fn rest(client: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // A connection that is cut may end with an error.
    let _cut = client.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).into_owned()
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let head = Limits {
        head: SHORT,
        ..limits()
    };
    let running = Running::start(hello(), head).await;
    for begun in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let mut client = running.say(begun).await;
        let answer = rest(&mut client).await;
        assert!(!answer.contains("200 OK"), "{begun:?}: {answer}");
    }
    running.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let head = Limits {
        head: SHORT,
        ..limits()
    };
    let running = Running::start(hello(), head).await;
    let mut client = running.say("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = rest(&mut client).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"),
        "{answer}"
    );
    running.stop().await;
}

/// A body without end, which tells when it is given up.
struct Endless(mpsc::UnboundedSender<()>);

impl Drop for Endless {
    fn drop(&mut self) {
        let _nobody_waits = self.0.send(());
    }
}

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 8 * 1024])))))
    }
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_given_up() {
    let (sender, mut dropped) = mpsc::unbounded_channel();
    let large = move || {
        let sender = sender.clone();
        async move { Body::new(Endless(sender)) }
    };
    let router = Router::new().route("/", get(large));
    let answer = Limits {
        answer: SHORT,
        ..limits()
    };
    let running = Running::start(router, answer).await;
    let mut client = running.say("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    dropped.recv().await.unwrap();
    // What lay in the buffers comes, and then the end: the body is not whole.
    assert!(!rest(&mut client).await.ends_with("0\r\n\r\n"));
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_reads_on_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
    let mut patient = Patient::new(stream.unwrap(), SHORT);
    let mut cx = Context::from_waker(Waker::noop());
    let mut write = |written| patient.watched(&mut cx, written);
    let over_the_limit = async || timeout(SHORT * 2, pending::<()>()).await.unwrap_err();
    for _ in 0..2 {
        assert!(write(Poll::Pending).is_pending());
        over_the_limit().await;
        // Something was taken late, and since then nothing for no time at all.
        assert!(matches!(write(Poll::Ready(Ok(1))), Poll::Ready(Ok(1))));
    }
    assert!(write(Poll::Pending).is_pending());
    over_the_limit().await;
    let Poll::Ready(Err(given_up)) = write(Poll::Pending) else {
        panic!("whoever does not read on is waited for");
    };
    assert_eq!(given_up.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn an_answer_that_is_larger_than_all_buffers_comes_whole() {
    const SIZE: usize = 8 * 1024 * 1024;
    let router = Router::new().route("/", get(|| async { "x".repeat(SIZE) }));
    let running = Running::start(router, limits()).await;
    let mut client = running
        .say("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    assert!(rest(&mut client).await.len() > SIZE);
    running.stop().await;
}

#[tokio::test]
async fn no_more_connections_are_served_than_there_are_seats() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    async fn count() -> &'static str {
        let now = NOW.fetch_add(1, Ordering::SeqCst) + 1;
        MOST.fetch_max(now, Ordering::SeqCst);
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        NOW.fetch_sub(1, Ordering::SeqCst);
        "counted"
    }
    let two = Limits {
        connections: 2,
        ..limits()
    };
    let running = Running::start(Router::new().route("/", get(count)), two).await;
    let mut clients = Vec::new();
    for _ in 0..12 {
        clients.push(
            running
                .say("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                .await,
        );
    }
    for client in &mut clients {
        assert!(rest(client).await.ends_with("counted"));
    }
    assert_eq!(MOST.load(Ordering::SeqCst), 2);
    running.stop().await;
}

#[tokio::test]
async fn a_head_without_end_is_not_read_to_the_end() {
    let running = Running::start(hello(), limits()).await;
    let many = "x-more: 1\r\n".repeat(101);
    let large = format!("x-more: {}\r\n", "1".repeat(MOST_HEAD_BYTES));
    for headers in [many, large] {
        let mut client = running
            .say(&format!("GET / HTTP/1.1\r\nhost: x\r\n{headers}\r\n"))
            .await;
        let answer = rest(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    running.stop().await;
}

#[tokio::test]
async fn half_a_body_is_no_body() {
    let (sender, mut read) = mpsc::unbounded_channel();
    let handler = |body: Result<Bytes, BytesRejection>| async move {
        let _nobody_waits = sender.send(body.is_ok());
    };
    let running = Running::start(Router::new().route("/", post(handler)), limits()).await;
    for (body, is_whole) in [("half", false), ("whole body", true)] {
        let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n";
        let mut client = running.say(&format!("{head}{body}")).await;
        client.shutdown().await.unwrap();
        assert_eq!(read.recv().await, Some(is_whole), "{body}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_stop_ends_what_is_idle_and_waits_for_what_is_under_way() {
    let (sender, mut begun) = mpsc::unbounded_channel();
    let release = CancellationToken::new();
    let held = release.clone();
    let slow = move || {
        let (sender, held) = (sender.clone(), held.clone());
        async move {
            let _nobody_waits = sender.send(());
            held.cancelled().await;
            "done"
        }
    };
    let router = hello().route("/slow", get(slow));
    let running = Running::start(router, limits()).await;
    let mut idle = running.say("").await;
    let mut busy = running.say("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    begun.recv().await.unwrap();
    running.stop.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert!(!running.serving.is_finished());
    release.cancel();
    assert!(rest(&mut busy).await.ends_with("done"));
    running.serving.await.unwrap();
}
