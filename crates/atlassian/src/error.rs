//! What a failed call means for us. Never holds text of Atlassian's.

use domain::{credential::RefreshOutcome, rate_budget::Report};
use jiff::SignedDuration;

/// Why no client was made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There is no client secret.
    #[error("there is no client secret")]
    NoClientSecret,
    /// TLS cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Tls(#[source] reqwest::Error),
    /// The same, for what is passed on.
    #[error("TLS cannot be set up")]
    GatewayTls(#[source] rustls::Error),
    /// The gateway's address has no host.
    #[error("the gateway's address has no host")]
    GatewayUrl,
}

/// Why a refresh token was perhaps not forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevokeError {
    /// No answer.
    #[error("no answer")]
    NoAnswer,
    /// Another status than success.
    #[error("refused with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
}

/// Why a code gave no pair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// Atlassian did not take the code: used, expired, or never given.
    #[error("the code was refused")]
    CodeRefused,
    /// Our client id or secret was refused.
    #[error("client id or secret was refused")]
    ClientMisconfigured,
    /// No usable answer.
    #[error("no usable answer (sent: {sent})")]
    NoAnswer {
        /// Whether the request was sent, so that the code may be spent.
        sent: bool,
    },
    /// An answer that nobody foresaw.
    #[error("unexpected status {status}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
    },
}

/// Why a refresh token gave no new pair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .outcome.as_str())]
pub struct RefreshError {
    /// What it means (`design.md` 6); never `Ok`.
    pub outcome: RefreshOutcome,
    /// How long Atlassian asked us to wait, within 1 second and 5 minutes.
    pub retry_after: Option<SignedDuration>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Whether it was held back in the last moment: nothing was sent.
    pub held_back: bool,
}

/// Why a call with an access token gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The token was refused: expired, or the grant has ended.
    #[error("the token was refused")]
    Unauthorized,
    /// The token is good, but lacks a scope. A refresh would not help.
    #[error("a scope is missing")]
    ScopeMissing,
    /// The site does not let the app in, or the person.
    #[error("the site refuses the app")]
    SiteRefused,
    /// No such thing there.
    #[error("not found")]
    NotFound,
    /// Too many calls.
    #[error("rate limited")]
    RateLimited {
        /// How long Atlassian asked us to wait, within 1 second and 5 minutes.
        retry_after: Option<SignedDuration>,
        /// What the answer says of the limit.
        reports: Vec<Report>,
    },
    /// No usable answer; later there may be one.
    #[error("no usable answer")]
    NoAnswer,
    /// An answer that nobody foresaw.
    #[error("unexpected status {status}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
    },
}
