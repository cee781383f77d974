//! Asking one route as fast as it answers, over kept connections.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::server::{Server, header};

/// Answers a second.
pub(crate) fn per_second(
    server: &Server,
    path: &str,
    cookie: &str,
    connections: usize,
    how_long: Duration,
) -> f64 {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n",
        server.address
    );
    let (count, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(server.address).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut buffer = Vec::with_capacity(64 * 1024);
                while !stop.load(Ordering::Relaxed) {
                    stream.write_all(request.as_bytes()).unwrap();
                    read_answer(&mut stream, &mut buffer);
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

fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
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
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            let length: usize = header(head, "content-length").unwrap().parse().unwrap();
            whole = Some(end + 4 + length);
        }
    }
}
