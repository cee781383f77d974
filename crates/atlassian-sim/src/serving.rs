//! Serving on a socket, with one thing that `axum::serve` cannot do: cut a connection without an
//! answer.

use axum::{Router, body::Body, extract::Request, response::Response};
use hyper::body::Incoming;
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
