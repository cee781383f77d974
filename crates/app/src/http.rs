//! Serving HTTP on a socket, with an end to whatever a client may draw out: a head that does not come, an answer
//! that is not read, connections without number. `axum::serve` has none of these limits.
//!
//! What is too large is refused by the router, with a code; here reading stops at twice as much, so that nobody
//! fills the memory. A body that does not come is the router's affair as well.

use std::{
    future::{Pending, pending},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Timeout, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// A head that is larger is answered with a bare 431; the router refuses the half of it with a code.
const MOST_HEAD_BYTES: usize = 96 * 1024;

/// More are not served at once, however many files may be open.
const MOST_CONNECTIONS: usize = 4_096;

/// What clients may draw out, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// So long the head of a request may take to arrive; and so long a connection may be idle.
    pub(crate) head: Duration,
    /// So long an answer waits for a client that does not read on.
    pub(crate) answer: Duration,
    /// So many connections are served at once. Others wait to be taken.
    pub(crate) connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            answer: Duration::from_mins(1),
            connections: most_connections(),
        }
    }
}

/// Half of the files that the process may have open: a call may need another one, to the database or to Atlassian.
fn most_connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let half = files.map(|it| usize::try_from(it / 2).unwrap_or(usize::MAX));
    half.unwrap_or(MOST_CONNECTIONS).clamp(1, MOST_CONNECTIONS)
}

/// Serves until `stop`; then nobody new is let in, and what is under way ends.
pub(crate) async fn serve(
    mut listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(MOST_HEAD_BYTES);
    let seats = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    loop {
        let (seat, stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            next = next(&mut listener, &seats) => match next {
                Some(next) => next,
                None => break,
            },
        };
        let connection = Connection {
            stream,
            peer,
            router: router.clone(),
            limits,
        };
        let (http, stop) = (http.clone(), stop.clone());
        connections.spawn(async move {
            connection.serve(&http, &stop).await;
            drop(seat);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The next connection, once there is a seat for it. None if there will never be one.
async fn next(
    listener: &mut TcpListener,
    seats: &Arc<Semaphore>,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    if seats.available_permits() == 0 {
        tracing::warn!("as many connections are open as are served at once; others wait");
    }
    let seat = Arc::clone(seats).acquire_owned().await.ok()?;
    // Fully qualified: this one goes on after an error, as when too many files are open.
    let (stream, peer) = axum::serve::Listener::accept(listener).await;
    Some((seat, stream, peer))
}

/// A client, and what it is served.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
}

impl Connection {
    async fn serve(self, http: &http1::Builder, stop: &CancellationToken) {
        let Self {
            stream,
            peer,
            router,
            limits,
        } = self;
        // An answer is written at once, not kept for more to come.
        if let Err(err) = stream.set_nodelay(true) {
            tracing::debug!(error = %err, "a connection ended before it began");
        }
        let service = service_fn(move |mut req: Request<Incoming>| {
            req.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(req.map(Body::new))
        });
        let io = TokioIo::new(Patient::new(stream, limits.answer));
        let serving = http.serve_connection(io, service);
        tokio::pin!(serving);
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = stop.cancelled() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(err) = ended {
            tracing::debug!(error = %err, "a connection was cut");
        }
    }
}

/// A connection to a client that has to read what is written to it.
struct Patient {
    stream: TcpStream,
    limit: Duration,
    waiting: Option<Pin<Box<Timeout<Pending<()>>>>>,
}

impl Patient {
    const fn new(stream: TcpStream, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            waiting: None,
        }
    }

    /// Passes on what came of writing, unless nothing was taken for too long.
    fn watched(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let limit = self.limit;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(timeout(limit, pending())));
        match waiting.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
