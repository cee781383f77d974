//! HTTP/2, over TLS, with a gateway that offers both.

use std::{
    convert::Infallible,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::Version;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_rustls::TlsAcceptor;

use super::*;

/// Of `localhost`, for a hundred years, signed by its own key. Nobody but this test believes it; it was made by
/// `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=localhost
/// -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE`.
const CERTIFICATE: &[u8] = include_bytes!("localhost.cert.der");
const KEY: &[u8] = include_bytes!("localhost.key.der");

/// What a gateway saw.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    /// Each call: version, authority, names of its headers.
    calls: Mutex<Vec<(Version, String, Vec<String>)>>,
}

/// Answers with the body that it was sent. Says so when a call of `/hang` was cancelled.
async fn answer(
    request: Request<Incoming>,
    seen: Arc<Seen>,
    cancelled: Arc<Semaphore>,
) -> Result<Response<Body>, Infallible> {
    struct Cancelled(Arc<Semaphore>);
    impl Drop for Cancelled {
        fn drop(&mut self) {
            self.0.add_permits(1);
        }
    }
    let authority = request.uri().authority().map(Authority::to_string);
    let names = request.headers().keys().map(ToString::to_string);
    let call = (
        request.version(),
        authority.unwrap_or_default(),
        names.collect(),
    );
    seen.calls.lock().unwrap().push(call);
    if request.uri().path().ends_with("/hang") {
        let _cancelled = Cancelled(cancelled);
        std::future::pending::<()>().await;
    }
    Ok(Response::new(body(request.into_body())))
}

async fn serve(seen: &Arc<Seen>, cancelled: &Arc<Semaphore>) -> Gateway {
    let certificate = CertificateDer::from(CERTIFICATE);
    let key = PrivatePkcs8KeyDer::from(KEY);
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, cancelled) = (Arc::clone(seen), Arc::clone(cancelled));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            seen.connections.fetch_add(1, Ordering::SeqCst);
            let (seen, cancelled) = (Arc::clone(&seen), Arc::clone(&cancelled));
            let accepting = acceptor.accept(stream);
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request| {
                    answer(request, Arc::clone(&seen), Arc::clone(&cancelled))
                });
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(accepting.await.unwrap()), service)
                    .await
            });
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let url: Url = format!("https://localhost:{port}").parse().unwrap();
    let mut gateway = Gateway::new(&url, Timeouts::default()).unwrap();
    let tls = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let uri = url.as_str().parse().unwrap();
    gateway.pool = Pool::with_tls(&uri, Duration::from_secs(10), || Ok(tls)).unwrap();
    gateway
}

async fn post(gateway: &Gateway, path: &str, text: Sending) -> Response<AnswerBody> {
    let path = JiraPath::parse(path).unwrap();
    let target = gateway.target(&site(), path, None).unwrap();
    let call = Call {
        method: Method::POST,
        headers: HeaderMap::new(),
        body: text,
    };
    let observer: Arc<dyn Observer> = Arc::new(crate::transport::Nobody);
    let token = "token".into();
    let answering = gateway.pass_on(&token, &target, call, &observer);
    answering.await.unwrap()
}

#[tokio::test]
async fn where_it_is_offered_calls_share_one_connection_by_http_2() {
    let (seen, cancelled) = (Arc::<Seen>::default(), Arc::new(Semaphore::new(0)));
    let gateway = serve(&seen, &cancelled).await;
    post(&gateway, "rest/first", Sending::Whole(Bytes::new())).await;
    let large = Bytes::from(vec![b'x'; 1_000_000]);
    let calls = (0..20).map(|n| {
        let (gateway, large) = (&gateway, large.clone());
        async move {
            let text = if n % 2 == 0 {
                Sending::Whole(large.clone())
            } else {
                Sending::Stream(body(Full::new(large.clone())))
            };
            let answer = post(gateway, "rest/x", text).await;
            assert_eq!(answer.version(), Version::HTTP_2);
            let came = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(came, large);
        }
    });
    let mut all: Vec<_> = calls.map(Box::pin).collect();
    // All at once, on one thread.
    std::future::poll_fn(|cx| {
        all.retain_mut(|it| it.as_mut().poll(cx).is_pending());
        if all.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    assert_eq!(seen.connections.load(Ordering::SeqCst), 1);
    let authority = gateway.authority.to_string();
    for (version, of, names) in seen.calls.lock().unwrap().iter() {
        assert_eq!((*version, of), (Version::HTTP_2, &authority));
        let mut names = names.clone();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "content-length", "user-agent"]);
    }
}

#[tokio::test]
async fn who_leaves_ends_the_call_and_not_the_connection() {
    let (seen, cancelled) = (Arc::<Seen>::default(), Arc::new(Semaphore::new(0)));
    let gateway = serve(&seen, &cancelled).await;
    post(&gateway, "rest/first", Sending::Whole(Bytes::new())).await;
    {
        let hanging = post(&gateway, "rest/hang", Sending::Whole(Bytes::new()));
        tokio::pin!(hanging);
        let arrived = async {
            while seen.calls.lock().unwrap().len() < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = &mut hanging => unreachable!("it hangs"),
            () = arrived => {}
        }
    }
    cancelled.acquire().await.unwrap().forget();
    post(&gateway, "rest/next", Sending::Whole(Bytes::new())).await;
    assert_eq!(seen.connections.load(Ordering::SeqCst), 1);
}
