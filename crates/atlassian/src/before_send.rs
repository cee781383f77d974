//! A last look before a request is written.
//!
//! A token exchange must not be sent late: the old token would then be spent when a newer one is in
//! force, which ends the whole family (`design.md` 5.4). Between the decision to refresh and the first
//! byte lie DNS, connect and TLS, and whatever the process was stopped for. So the connector asks again
//! when the connection stands, and closes it unsent where the answer is no.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tower::{BoxError, Layer, Service};

/// An answer that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who knows whether the request may still be written.
pub trait BeforeSend: fmt::Debug + Send + Sync {
    /// Asked when the connection stands and nothing was written yet.
    fn may_send(&self) -> Later<'_, bool>;
}

/// Says yes: for requests that may be late.
#[derive(Clone, Copy, Debug)]
pub struct Always;

impl BeforeSend for Always {
    fn may_send(&self) -> Later<'_, bool> {
        Box::pin(std::future::ready(true))
    }
}

tokio::task_local! {
    static LOOK: Arc<Look>;
}

/// The last look of one request, and what came of it.
#[derive(Debug)]
pub(crate) struct Look {
    who: Arc<dyn BeforeSend>,
    passed: AtomicBool,
    held_back: AtomicBool,
}

impl Look {
    pub(crate) fn new(who: Arc<dyn BeforeSend>) -> Arc<Self> {
        Arc::new(Self {
            who,
            passed: AtomicBool::new(false),
            held_back: AtomicBool::new(false),
        })
    }

    /// Runs `sending`, whose connections are looked at by this.
    pub(crate) async fn around<T>(self: &Arc<Self>, sending: impl Future<Output = T>) -> T {
        LOOK.scope(Arc::clone(self), sending).await
    }

    /// Whether a byte of the request may have been written.
    pub(crate) fn has_passed(&self) -> bool {
        self.passed.load(Ordering::SeqCst)
    }

    /// Whether it was held back.
    pub(crate) fn was_held_back(&self) -> bool {
        self.held_back.load(Ordering::SeqCst)
    }
}

/// Puts the last look behind a connector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LookLayer;

impl<S> Layer<S> for LookLayer {
    type Service = LookService<S>;

    fn layer(&self, connector: S) -> LookService<S> {
        LookService(connector)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct LookService<S>(S);

impl<S, R> Service<R> for LookService<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: Send,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Later<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, req: R) -> Self::Future {
        let connecting = self.0.call(req);
        Box::pin(async move {
            let connection = connecting.await?;
            // Connections are made in the task of their request: these clients keep none.
            let look = LOOK.try_with(Arc::clone)?;
            if look.who.may_send().await {
                look.passed.store(true, Ordering::SeqCst);
                return Ok(connection);
            }
            look.held_back.store(true, Ordering::SeqCst);
            Err("held back: it would be sent too late".into())
        })
    }
}
