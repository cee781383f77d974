//! A small body is kept, a large one flows by once.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use atlassian::gateway::{Body, BoxError, CallersFault, Sending, body};
use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::KEPT_BYTES;

/// A body that is to be sent, and what it is sent as once more: nothing, if it flows by.
pub(super) type Kept = (Sending, Option<Bytes>);

/// Reads a small one whole, and of one that tells no length as much as shows that it is not small.
///
/// # Errors
///
/// [`CallersFault`] if a small one does not come whole, or stands still for longer than `patience`.
pub(super) async fn keep(mut from: Body, patience: Duration) -> Result<Kept, CallersFault> {
    let whole = |bytes: Bytes| (Sending::Whole(bytes.clone()), Some(bytes));
    if from.is_end_stream() {
        return Ok(whole(Bytes::new()));
    }
    let is_large = |bytes: usize| bytes > KEPT_BYTES;
    let told = usize::try_from(from.size_hint().lower()).unwrap_or(usize::MAX);
    if is_large(told) {
        return Ok((Sending::Stream(from), None));
    }
    let (mut first, mut length) = (VecDeque::new(), 0);
    loop {
        let frame = match timeout(patience, from.frame()).await {
            Err(_) => return Err(CallersFault::Stalled),
            Ok(Some(Err(_))) => return Err(CallersFault::BrokeOff),
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return Ok(whole(joined(first))),
        };
        // Trailers are for whoever is next, which is us.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len();
        first.push_back(data);
        if is_large(length) {
            let all = body(Chained { first, rest: from });
            return Ok((Sending::Stream(all), None));
        }
    }
}

fn joined(mut pieces: VecDeque<Bytes>) -> Bytes {
    match (pieces.pop_front(), pieces.is_empty()) {
        (None, _) => Bytes::new(),
        (Some(only), true) => only,
        (Some(first), false) => {
            let mut all = BytesMut::from(first);
            for piece in pieces {
                all.extend_from_slice(&piece);
            }
            all.freeze()
        }
    }
}

/// What was read already, and then the rest.
struct Chained {
    first: VecDeque<Bytes>,
    rest: Body,
}

impl http_body::Body for Chained {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        match this.first.pop_front() {
            Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            None => Pin::new(&mut this.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.rest.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many pieces of a kilobyte, without a length that is told.
    struct Pieces(usize);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
            let Some(left) = self.0.checked_sub(1) else {
                return Poll::Ready(None);
            };
            self.0 = left;
            let piece = vec![u8::try_from(left % 251).unwrap(); 1_024];
            Poll::Ready(Some(Ok(Frame::data(piece.into()))))
        }
    }

    async fn all(of: Sending) -> Vec<u8> {
        match of {
            Sending::Whole(bytes) => bytes.to_vec(),
            Sending::Stream(stream) => stream.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    #[tokio::test]
    async fn a_small_body_is_there_as_often_as_it_is_wanted_and_a_large_one_once() {
        let patience = Duration::from_secs(5);
        for (count, is_kept) in [(0, true), (1, true), (64, true), (65, false), (300, false)] {
            let expected = body(Pieces(count)).collect().await.unwrap().to_bytes();
            let (sent, kept) = keep(body(Pieces(count)), patience).await.unwrap();
            assert_eq!(all(sent).await, expected, "{count}");
            assert_eq!(kept, is_kept.then_some(expected), "{count}");
        }
    }
}
