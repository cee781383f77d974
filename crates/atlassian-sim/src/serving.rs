//! Serving on a socket, with one thing that `axum::serve` cannot do: cut a connection without an
//! answer.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// In the extensions of a response: do not send it, close the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut;

/// A response that is never sent.
pub(crate) fn cut() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Cut);
    response
}

/// So many spaces, made while they are sent.
pub(crate) struct Spaces(pub(crate) usize);

static SPACES: [u8; 16 * 1024] = [b' '; 16 * 1024];

impl HttpBody for Spaces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let now = self.0.min(SPACES.len());
        self.0 -= now;
        let piece = SPACES.get(..now).filter(|it| !it.is_empty());
        Poll::Ready(piece.map(|it| Ok(Frame::data(Bytes::from_static(it)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.0).unwrap_or(u64::MAX))
    }
}

/// A text that is promised whole, and whose connection dies when half of it is sent.
pub(crate) struct Dying {
    half: Option<Bytes>,
    has_waited: bool,
    promised: u64,
}

impl Dying {
    pub(crate) fn of(text: String) -> Self {
        let whole = Bytes::from(text);
        Self {
            half: Some(whole.slice(..whole.len() / 2)),
            has_waited: false,
            promised: u64::try_from(whole.len()).unwrap_or(u64::MAX),
        }
    }
}

impl HttpBody for Dying {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        if std::mem::replace(&mut self.has_waited, true) {
            return Poll::Ready(Some(Err(std::io::Error::other("dies on purpose"))));
        }
        // Once around, so that the half is on its way by then.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}

/// Serves until `stop`; then what is open is cut.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(err) => {
                    tracing::warn!(error = %err, "the simulator could not accept a connection");
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        let router = router.clone();
        let service = hyper::service::service_fn(move |req: hyper::Request<Incoming>| {
            answer(router.clone(), req.map(Body::new))
        });
        let http = hyper::server::conn::http1::Builder::new();
        connections.spawn(async move {
            // An error here is a connection that was cut, by us or by the caller.
            let _ended = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
    connections.shutdown().await;
}

async fn answer(router: Router, req: Request) -> Result<Response, std::io::Error> {
    let Ok(response) = router.oneshot(req).await;
    if response.extensions().get::<Cut>().is_some() {
        return Err(std::io::Error::other("cut on purpose"));
    }
    Ok(response)
}
