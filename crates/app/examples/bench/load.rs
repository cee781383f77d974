//! Asking one route as fast as it answers, over kept connections.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::server::header;

/// What is asked, as it is written, and the status that is expected.
pub(crate) struct Asked {
    pub(crate) address: SocketAddr,
    pub(crate) request: String,
    pub(crate) status: u16,
}

impl Asked {
    /// A page, with a session.
    pub(crate) fn page(address: SocketAddr, path: &str, cookie: &str) -> Self {
        Self {
            address,
            request: format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n"),
            status: 200,
        }
    }
}

/// Answers a second.
pub(crate) fn per_second(asked: &Asked, connections: usize, how_long: Duration) -> f64 {
    let (count, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let (mut stream, mut buffer) = connect(asked);
                while !stop.load(Ordering::Relaxed) {
                    ask(&mut stream, &mut buffer, asked);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(how_long);
        stop.store(true, Ordering::Relaxed);
    });
    let seconds = begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let count = count.load(Ordering::Relaxed) as f64;
    count / seconds
}

/// Asks so often, in all.
pub(crate) fn times(asked: &Asked, connections: usize, calls: u64) {
    let left = AtomicU64::new(calls);
    let take = || {
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| it.checked_sub(1));
        taken.is_ok()
    };
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let (mut stream, mut buffer) = connect(asked);
                while take() {
                    ask(&mut stream, &mut buffer, asked);
                }
            });
        }
    });
}

/// How long an answer takes over one kept connection: the median of so many calls, in microseconds.
pub(crate) fn median_micros(asked: &Asked, calls: usize) -> f64 {
    let (mut stream, mut buffer) = connect(asked);
    let times = (0..calls).map(|_| {
        let begun = Instant::now();
        ask(&mut stream, &mut buffer, asked);
        begun.elapsed().as_secs_f64() * 1e6
    });
    crate::median(&mut times.collect::<Vec<_>>())
}

fn connect(asked: &Asked) -> (TcpStream, Vec<u8>) {
    let stream = TcpStream::connect(asked.address).unwrap();
    stream.set_nodelay(true).unwrap();
    (stream, Vec::with_capacity(64 * 1024))
}

fn ask(stream: &mut TcpStream, buffer: &mut Vec<u8>, asked: &Asked) {
    stream.write_all(asked.request.as_bytes()).unwrap();
    read_answer(stream, buffer, asked.status);
}

fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>, status: u16) {
    buffer.clear();
    let mut chunk = vec![0; 32 * 1024];
    let mut whole = None;
    while whole.is_none_or(|it| buffer.len() < it) {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "the server closed a kept connection");
        buffer.extend(&chunk[..read]);
        if whole.is_none()
            && let Some(end) = buffer.windows(4).position(|it| it == b"\r\n\r\n")
        {
            let head = std::str::from_utf8(&buffer[..end]).unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
            let length: usize = header(head, "content-length").unwrap().parse().unwrap();
            whole = Some(end + 4 + length);
        }
    }
}
