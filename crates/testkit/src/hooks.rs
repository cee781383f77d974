//! A receiver of webhooks that keeps what it gets, and ones that misbehave.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, StatusCode},
};
use service::webhook::{WebhookReceiver, WebhookRules};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

/// The secret of the tests' receivers.
pub const HOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// How the receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookManner {
    /// It takes everything.
    Takes,
    /// It answers with this status.
    Answers(u16),
    /// The same, and asks for so many seconds of patience.
    AsksToWait(u16, u32),
    /// It sends whoever calls to another path of its own.
    Redirects,
    /// It says nothing.
    Hangs,
}

/// A webhook, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The method and the path.
    pub call: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

impl Hook {
    /// A header; empty without.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }
}

#[derive(Debug)]
struct Inner {
    hooks: watch::Sender<Vec<Hook>>,
    manner: Mutex<HookManner>,
}

/// A receiver on loopback; it ends with this value.
#[derive(Debug)]
pub struct HookSink {
    address: SocketAddr,
    inner: Arc<Inner>,
    serving: AbortHandle,
}

#[expect(clippy::unwrap_used, reason = "test support")]
impl HookSink {
    /// Starts one.
    pub async fn start(manner: HookManner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            hooks: watch::Sender::new(Vec::new()),
            manner: Mutex::new(manner),
        });
        let router = Router::new().fallback(take).with_state(Arc::clone(&inner));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            inner,
            serving: serving.abort_handle(),
        }
    }

    /// Its address, as the setting has it.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The port that it listens on.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// It, as our code knows it.
    pub fn receiver(&self) -> WebhookReceiver {
        receiver(&self.url(), WebhookRules::default())
    }

    /// From now on it behaves otherwise.
    pub fn set_manner(&self, manner: HookManner) {
        *self
            .inner
            .manner
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// What came so far, whatever was answered.
    pub fn hooks(&self) -> Vec<Hook> {
        self.inner.hooks.borrow().clone()
    }

    /// Waits until so many came.
    pub async fn until(&self, count: usize) {
        let mut hooks = self.inner.hooks.subscribe();
        // The sender is ours: it is not gone.
        hooks.wait_for(|it| it.len() >= count).await.unwrap();
    }
}

impl Drop for HookSink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A receiver at an address.
#[expect(clippy::unwrap_used, reason = "test support")]
pub fn receiver(url: &str, rules: WebhookRules) -> WebhookReceiver {
    WebhookReceiver::parse(url, &HOOK_SECRET.into(), rules).unwrap()
}

#[expect(clippy::unwrap_used, reason = "test support")]
async fn take(
    State(sink): State<Arc<Inner>>,
    method: axum::http::Method,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let manner = *sink.manner.lock().unwrap_or_else(PoisonError::into_inner);
    let hook = Hook {
        call: format!("{method} {uri}"),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    sink.hooks.send_modify(|it| it.push(hook));
    let answer = Response::builder();
    let answer = match manner {
        HookManner::Takes => answer.status(StatusCode::NO_CONTENT).body(Body::empty()),
        HookManner::Answers(status) => answer
            .status(status)
            .body(Body::from("words of the receiver")),
        HookManner::AsksToWait(status, secs) => answer
            .status(status)
            .header("retry-after", secs)
            .body(Body::empty()),
        HookManner::Redirects => answer
            .status(StatusCode::TEMPORARY_REDIRECT)
            .header("location", "/elsewhere")
            .body(Body::empty()),
        HookManner::Hangs => std::future::pending().await,
    };
    answer.unwrap()
}

/// What a server says that speaks no HTTP as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// It takes everything, and its answer has no end.
    Endless,
    /// It hangs up without a word.
    HangsUp,
    /// It answers in no language that we know.
    Nonsense,
}

/// A server on loopback that is odd; it ends with this value.
#[derive(Debug)]
pub struct OddServer {
    address: SocketAddr,
    accepting: AbortHandle,
}

#[expect(clippy::unwrap_used, reason = "test support")]
impl OddServer {
    /// Starts one.
    pub async fn start(odd: Odd) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that leaves is what the test is about.
                tokio::spawn(async move { speak(stream, odd).await.ok() });
            }
        });
        Self {
            address,
            accepting: accepting.abort_handle(),
        }
    }

    /// Its address, as the setting has it.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

impl Drop for OddServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn speak(mut stream: TcpStream, odd: Odd) -> std::io::Result<()> {
    let mut request = vec![0; 16 * 1024];
    let _some = stream.read(&mut request).await?;
    match odd {
        Odd::HangsUp => Ok(()),
        Odd::Nonsense => stream.write_all(b"moo\r\n\r\n").await,
        Odd::Endless => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
            stream.write_all(head).await?;
            let more = vec![b'x'; 16 * 1024];
            loop {
                stream.write_all(&more).await?;
            }
        }
    }
}
