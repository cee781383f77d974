//! Links in answers: left as they are, or, where that is asked for, leading back here.
//!
//! A client that follows a link of an answer sends its credentials with it. Left as they are, such links lead to
//! Atlassian's hosts, which would be sent our key (`docs/api.md` says so).

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use domain::json_links::{LinkRewriter, Rule, relinked};
use http_body::{Body as HttpBody, Frame};
use service::proxy::{AnswerBody, BrokeOff};

use super::PREFIX;
use crate::{Settings, problem::Problem};

/// Asks for it, and in an answer tells that it was done.
const NAME: HeaderName = HeaderName::from_static("tformance-links");

/// The one wish.
const PROXY: &str = "proxy";

/// Where links shall lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// Where they lead.
    AsTheyAre,
    /// Here.
    Ours,
}

impl Links {
    /// What a caller wishes. What is not understood is refused: the links would lead elsewhere.
    pub(super) fn asked_for(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(NAME).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(Self::AsTheyAre),
            (Some(value), None) if value == PROXY => Ok(Self::Ours),
            _ => Err(Problem::links_unknown()),
        }
    }
}

/// How the proxy is reached from outside.
pub(super) fn here(settings: &Settings) -> String {
    let origin = settings.base_url.origin().ascii_serialization();
    format!("{origin}{PREFIX}")
}

/// Lets links of an answer lead here by these rules: in JSON, and where it redirects to.
pub(super) fn lead(answer: Response<AnswerBody>, rules: Vec<Rule>) -> Response<Body> {
    if rules.is_empty() {
        return answer.map(Body::new);
    }
    let (mut parts, body) = answer.into_parts();
    let headers = &mut parts.headers;
    let location = headers.get(header::LOCATION);
    let location = location.and_then(|it| relinked(&rules, it.to_str().ok()?));
    if let Some(location) = location.and_then(|it| HeaderValue::try_from(it).ok()) {
        headers.insert(header::LOCATION, location);
    }
    let is_part = parts.status == StatusCode::PARTIAL_CONTENT;
    if is_part || !is_json(headers) || headers.contains_key(header::CONTENT_ENCODING) {
        return Response::from_parts(parts, Body::new(body));
    }
    // It has another length, no parts that anybody could ask for, and no checksum; and what it is called is
    // what another text is called.
    for name in [
        "content-length",
        "accept-ranges",
        "content-md5",
        "digest",
        "content-digest",
        "repr-digest",
    ] {
        headers.remove(name);
    }
    if let Some(weak) = headers.get(header::ETAG).and_then(weakened) {
        headers.insert(header::ETAG, weak);
    }
    headers.insert(NAME, HeaderValue::from_static(PROXY));
    let led = Led {
        body,
        rewriter: Some(LinkRewriter::new(rules)),
    };
    Response::from_parts(parts, Body::new(led))
}

/// `"x"` becomes `W/"x"`: the same in meaning, not byte by byte.
fn weakened(tag: &HeaderValue) -> Option<HeaderValue> {
    let is_strong = tag.as_bytes().starts_with(b"\"");
    let weak = is_strong.then(|| [b"W/", tag.as_bytes()].concat());
    HeaderValue::from_bytes(&weak?).ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    super::super::is_json_kind(kind)
}

/// A text whose links lead here.
struct Led {
    body: AnswerBody,
    /// Taken at the end.
    rewriter: Option<LinkRewriter>,
}

impl HttpBody for Led {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        loop {
            let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
            let mut out = Vec::new();
            let is_end = frame.is_none();
            match (frame, &mut self.rewriter) {
                (Some(Ok(frame)), Some(rewriter)) => match frame.into_data() {
                    Ok(data) => rewriter.push(&data, &mut out),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                (None, rewriter) => {
                    if let Some(mut rewriter) = rewriter.take() {
                        rewriter.finish(&mut out);
                    }
                }
                (other, _) => return Poll::Ready(other),
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
            if is_end {
                return Poll::Ready(None);
            }
        }
    }
}
