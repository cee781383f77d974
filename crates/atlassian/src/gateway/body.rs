//! Bodies that flow by: what was asked, what is answered, and for how long either may stand still.

use std::{
    collections::VecDeque,
    fmt,
    future::Future as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Observer;

/// Whatever goes wrong with a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way to the gateway.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Makes one of another kind of body.
pub fn body<B>(of: B) -> Body
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    of.map_err(Into::into).boxed_unsync()
}

/// What became of a body that a caller was sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallersFault {
    /// It broke off.
    BrokeOff,
    /// Nothing came for too long.
    Stalled,
}

impl fmt::Display for CallersFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BrokeOff => "it broke off",
            Self::Stalled => "nothing came for too long",
        })
    }
}

impl std::error::Error for CallersFault {}

const NO_FAULT: u8 = 0;
const BROKE_OFF: u8 = 1;
const STALLED: u8 = 2;

/// How far a body has come: told by the task that sends it, read by the one that waits for an answer.
#[derive(Debug)]
pub(super) struct Progress {
    begun: Instant,
    moved_after_millis: AtomicU64,
    is_waited_for: AtomicBool,
    fault: AtomicU8,
}

impl Progress {
    pub(super) fn begin() -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            moved_after_millis: AtomicU64::new(0),
            is_waited_for: AtomicBool::new(false),
            fault: AtomicU8::new(NO_FAULT),
        })
    }

    fn moved(&self) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_after_millis.store(millis, Ordering::Relaxed);
        self.is_waited_for.store(false, Ordering::SeqCst);
    }

    /// The gateway would take more, and the caller sends nothing.
    fn stands_still(&self) {
        self.is_waited_for.store(true, Ordering::SeqCst);
    }

    fn failed(&self, fault: CallersFault) {
        let code = match fault {
            CallersFault::BrokeOff => BROKE_OFF,
            CallersFault::Stalled => STALLED,
        };
        self.fault.store(code, Ordering::SeqCst);
    }

    /// Since when the gateway owes an answer: it does not while the body moves, or while it is the caller who lets
    /// it stand, which [`watched`] ends in time.
    pub(super) fn answer_expected_since(&self) -> Instant {
        if self.is_waited_for.load(Ordering::SeqCst) {
            return Instant::now();
        }
        self.begun + Duration::from_millis(self.moved_after_millis.load(Ordering::Relaxed))
    }

    /// What went wrong with it.
    pub(super) fn fault(&self) -> Option<CallersFault> {
        match self.fault.load(Ordering::SeqCst) {
            BROKE_OFF => Some(CallersFault::BrokeOff),
            STALLED => Some(CallersFault::Stalled),
            _ => None,
        }
    }
}

/// For how long a body that is waited for gave nothing. While nobody asks for more, no time passes: a slow
/// reader is no silent sender.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl Patience {
    const fn of(limit: Duration) -> Self {
        Self {
            limit,
            waiting: None,
            is_waiting: false,
        }
    }

    /// Something came.
    const fn restore(&mut self) {
        self.is_waiting = false;
    }

    /// Nothing came. Ready when that is so for too long.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let sleep = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        if !self.is_waiting {
            self.is_waiting = true;
            sleep.as_mut().reset(Instant::now() + limit);
        }
        sleep.as_mut().poll(cx)
    }
}

/// A caller's body, and its progress.
#[derive(Debug)]
struct Watched {
    body: Body,
    progress: Arc<Progress>,
    patience: Patience,
}

/// Tells `progress` of it, and gives it up when it stands still.
pub(super) fn watched(of: Body, progress: Arc<Progress>, patience: Duration) -> Body {
    body(Watched {
        body: of,
        progress,
        patience: Patience::of(patience),
    })
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let fault = match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Err(_))) => CallersFault::BrokeOff,
            Poll::Ready(frame) => {
                this.patience.restore();
                this.progress.moved();
                return Poll::Ready(frame);
            }
            Poll::Pending => {
                this.progress.stands_still();
                ready!(this.patience.poll_over(cx));
                CallersFault::Stalled
            }
        };
        this.progress.failed(fault);
        Poll::Ready(Some(Err(fault.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why an answer ended before its end. Whoever reads it must see that it is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokeOff {
    /// The connection did.
    #[error("the gateway's answer broke off")]
    Ended,
    /// Nothing came for too long.
    #[error("the gateway's answer stood still for too long")]
    Stalled,
}

/// The body of an answer. Dropped before its end, it ends the call.
#[derive(Debug)]
pub struct AnswerBody {
    /// What was looked at and is still to be given.
    first: VecDeque<Frame<Bytes>>,
    rest: Option<Incoming>,
    /// It never had one, and its length is that of another answer (`HEAD`, 304).
    is_of_head: bool,
    failed: Option<BrokeOff>,
    patience: Patience,
    observer: Arc<dyn Observer>,
}

impl AnswerBody {
    pub(super) fn new(
        of: Incoming,
        is_of_head: bool,
        patience: Duration,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            is_of_head,
            first: VecDeque::new(),
            rest: Some(of),
            failed: None,
            patience: Patience::of(patience),
            observer,
        }
    }

    /// Reads the beginning, up to about `limit` bytes. It is given all the same to whoever reads the body.
    pub async fn peek(&mut self, limit: usize) -> Bytes {
        let mut seen = Vec::new();
        while seen.len() < limit {
            match std::future::poll_fn(|cx| self.poll_rest(cx)).await {
                Some(Ok(frame)) => {
                    seen.extend(frame.data_ref().into_iter().flatten());
                    self.first.push_back(frame);
                }
                Some(Err(broke_off)) => {
                    self.failed = Some(broke_off);
                    break;
                }
                None => break,
            }
        }
        seen.into()
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let broke_off = match Pin::new(rest).poll_frame(cx) {
            Poll::Ready(Some(Err(err))) => {
                tracing::info!(error = %err, "an answer of the gateway broke off");
                BrokeOff::Ended
            }
            Poll::Ready(frame) => {
                self.patience.restore();
                if frame.is_none() {
                    self.rest = None;
                }
                return Poll::Ready(frame.and_then(Result::ok).map(Ok));
            }
            Poll::Pending => {
                ready!(self.patience.poll_over(cx));
                tracing::info!("an answer of the gateway stood still for too long");
                BrokeOff::Stalled
            }
        };
        self.rest = None;
        self.observer.broke_off();
        Poll::Ready(Some(Err(broke_off)))
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let this = self.get_mut();
        if let Some(frame) = this.first.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Some(failed) = this.failed.take() {
            return Poll::Ready(Some(Err(failed)));
        }
        this.poll_rest(cx)
    }

    fn is_end_stream(&self) -> bool {
        let is_over = self.rest.as_ref().is_none_or(HttpBody::is_end_stream);
        self.first.is_empty() && self.failed.is_none() && is_over
    }

    fn size_hint(&self) -> SizeHint {
        if self.failed.is_some() || self.is_of_head {
            return SizeHint::default();
        }
        let held = self.first.iter().filter_map(Frame::data_ref);
        let held: usize = held.map(Bytes::len).sum();
        let held = u64::try_from(held).unwrap_or(u64::MAX);
        let rest = self.rest.as_ref().map(HttpBody::size_hint);
        let rest = rest.unwrap_or_else(|| SizeHint::with_exact(0));
        let mut all = SizeHint::new();
        all.set_lower(rest.lower().saturating_add(held));
        if let Some(upper) = rest.upper() {
            all.set_upper(upper.saturating_add(held));
        }
        all
    }
}
