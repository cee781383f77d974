//! What services are refused: code and words.

use domain::{
    api_key::{Forbidden, Right},
    jira_path::PathError,
    state::ConnectionState,
};
use service::{
    Error,
    door::{KeyEnded, KeyError, NotServed, RejectedError},
    key_rate::KeyLimited,
    proxy::{CallersFault, PassError, ProxyError},
    refresh::TokenError,
};

use super::{
    Problem,
    codes::{Explanation, code},
    log,
};

/// Tells how to come in.
const CHALLENGE: &str = "Bearer realm=\"Tformance\"";
/// The same, after a key that opens nothing (RFC 6750, 3.1).
const CHALLENGE_AGAIN: &str = "Bearer realm=\"Tformance\", error=\"invalid_token\"";

/// The same, to a good key that may not do this.
const CHALLENGE_SCOPE: &str = "Bearer realm=\"Tformance\", error=\"insufficient_scope\"";

fn key(row: &'static Explanation, detail: &str) -> Problem {
    Problem::of(row, detail).with_challenge(CHALLENGE_AGAIN)
}

fn forbidden(row: &'static Explanation, detail: impl Into<String>) -> Problem {
    Problem::of(row, detail).with_challenge(CHALLENGE_SCOPE)
}

impl Problem {
    pub(crate) fn nothing_here() -> Self {
        Self::of(
            code!("not_found"),
            "No call has this address. Is it mistyped?",
        )
    }

    pub(crate) fn key_missing() -> Self {
        Self::of(
            code!("key_missing"),
            "Send the key of your service as Authorization: Bearer tfk_…. An admin of your team makes one on \
             the page Keys.",
        )
        .with_challenge(CHALLENGE)
    }

    pub(crate) fn key_malformed() -> Self {
        key(
            code!("key_malformed"),
            "A key begins with tfk_ and has 53 characters; older ones have 47. Was it copied whole?",
        )
    }

    pub(crate) fn body_too_large() -> Self {
        Self::of(code!("too_large"), "No call takes more than 64 KiB.")
    }

    pub(crate) fn not_json() -> Self {
        Self::of(
            code!("not_json"),
            "Send it with Content-Type: application/json.",
        )
    }

    pub(crate) fn bad_json() -> Self {
        Self::of(code!("bad_json"), "It has to be one JSON object, or empty.")
    }

    /// A member of the body that no call knows; of a long name the beginning is told.
    pub(crate) fn unknown_field(name: &str, known: &[&str]) -> Self {
        const LONGEST: usize = 60;
        let mut told: String = name.chars().take(LONGEST).collect();
        if name.chars().count() > LONGEST {
            told.push('…');
        }
        Self::of(
            code!("unknown_field"),
            format!("It is {told:?}. This call knows {}.", known.join(", ")),
        )
    }

    pub(crate) fn minimum_invalid() -> Self {
        Self::of(
            code!("minimum_invalid"),
            "It has to be a whole number, 0 or more.",
        )
    }

    pub(crate) fn minimum_too_long(most: u64) -> Self {
        Self::of(
            code!("minimum_too_long"),
            format!("It is {most} at most: a token of Atlassian's lives for an hour."),
        )
    }

    pub(crate) fn max_wait_invalid(most: u64) -> Self {
        Self::of(
            code!("max_wait_invalid"),
            format!("It has to be a whole number from 0 to {most}."),
        )
    }

    pub(crate) fn token_id_missing() -> Self {
        Self::of(
            code!("token_id_missing"),
            "Send the token_id that came with the token which was refused.",
        )
    }

    pub(crate) fn body_incomplete() -> Self {
        Self::of(
            code!("body_incomplete"),
            "It ended before its end. Nothing was done.",
        )
    }

    pub(crate) fn path_refused(why: PathError) -> Self {
        let detail = format!(
            "Behind proxy/ belongs a path as Jira's documentation has it, such as rest/api/3/myself. It is passed \
             on as it was written, so nothing may be in it that could mean another path: {why}."
        );
        Self::of(code!("path_refused"), &detail)
    }

    pub(crate) fn links_unknown() -> Self {
        Self::of(
            code!("links_unknown"),
            "Send Tformance-Links: proxy once, so that links in JSON lead here, or leave it out.",
        )
    }

    /// A fault of nobody outside, in words for whoever reads logs.
    pub(crate) fn for_programs(err: &Error) -> Self {
        log(err);
        match err {
            Error::StoreUnavailable(_) => Self::of(
                code!("store_unavailable"),
                "This server cannot check keys or read tokens now. Try again later.",
            ),
            Error::DoesNotOpen(_) => cannot_open(),
            Error::Internal(_) => Self::broken_for_programs(),
        }
    }

    /// A fault of ours.
    pub(crate) fn broken_for_programs() -> Self {
        Self::of(
            code!("internal"),
            "The server's log has it under the x-request-id of this answer.",
        )
    }
}

fn cannot_open() -> Problem {
    Problem::of(
        code!("connection_misconfigured"),
        "The key ring of this server does not fit what it stored. Only its operator can mend that; the log has \
         it under the x-request-id of this answer.",
    )
}

impl From<KeyLimited> for Problem {
    fn from(err: KeyLimited) -> Self {
        Self::of(
            code!("key_rate_limited"),
            "The operator of this server allows each key so many calls a second. Atlassian was not asked.",
        )
        .with_retry_after(err.retry_after)
    }
}

impl From<KeyError> for Problem {
    fn from(err: KeyError) -> Self {
        match err {
            KeyError::Malformed => Self::key_malformed(),
            KeyError::Mistyped => key(
                code!("key_mistyped"),
                "Its last six characters do not fit the others: one of them was changed. Copy it anew.",
            ),
            KeyError::Ended(why) => why.into(),
            KeyError::Forbidden { why, .. } => why.into(),
            KeyError::Throttled(err) => err.into(),
            KeyError::Failed(err) => Self::for_programs(&err),
        }
    }
}

impl From<KeyEnded> for Problem {
    fn from(why: KeyEnded) -> Self {
        match why {
            KeyEnded::Unknown => key(
                code!("key_unknown"),
                "It may belong to another server, or its team was deleted.",
            ),
            KeyEnded::Revoked => key(
                code!("key_revoked"),
                "An admin of the team ended it. Ask for a new one.",
            ),
            KeyEnded::Expired => key(
                code!("key_expired"),
                "It was made to end. An admin of the team makes another one on the page Keys.",
            ),
        }
    }
}

impl From<Forbidden> for Problem {
    fn from(why: Forbidden) -> Self {
        const WHO: &str = "An admin of the team decides what a key may do, on the page Keys.";
        match why {
            Forbidden::Right(Right::Status) => forbidden(code!("key_may_not_status"), WHO),
            Forbidden::Right(Right::Token) => forbidden(
                code!("key_may_not_token"),
                format!("Call Jira through the proxy, if it may do that. {WHO}"),
            ),
            Forbidden::Right(Right::Proxy) => forbidden(
                code!("key_may_not_proxy"),
                format!("Ask for a token and call Jira with it, if it may do that. {WHO}"),
            ),
            Forbidden::Method => forbidden(
                code!("key_method_not_allowed"),
                format!("It may call the path by other methods. {WHO}"),
            ),
            Forbidden::Path => forbidden(code!("key_path_not_allowed"), WHO),
            Forbidden::Site => forbidden(
                code!("key_pinned_elsewhere"),
                "It is pinned to one Jira site, and the connection is with another one now. An admin of the \
                 team chooses that site again, or makes a key for this one.",
            ),
        }
    }
}

impl From<NotServed> for Problem {
    fn from(err: NotServed) -> Self {
        match err {
            NotServed::Token(err) => err.into(),
            NotServed::Key(why) => why.into(),
            NotServed::Forbidden(why) => why.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(err: TokenError) -> Self {
        match err {
            TokenError::NoConnection(state) => no_connection(state),
            TokenError::Misconfigured { retry_after } => Self::of(
                code!("connection_misconfigured"),
                "Atlassian refuses its client id or secret, or there are none. Only its operator can mend \
                 that. The connection is intact.",
            ).with_retry_after(retry_after),
            TokenError::ProviderUnavailable { retry_after } => Self::of(
                code!("provider_unavailable"),
                "It gives no token now, and the last one has ended. We keep trying; the connection is intact.",
            ).with_retry_after(retry_after),
            TokenError::NotSaved => Self::of(
                code!("store_unavailable"),
                "The newest token could not be saved. The server's operator is told.",
            ),
            TokenError::Failed(err) => Self::for_programs(&err),
        }
    }
}

impl From<ProxyError> for Problem {
    fn from(err: ProxyError) -> Self {
        let err = match err {
            ProxyError::NotServed(err) => return err.into(),
            ProxyError::OverBudget(over) => return over.into(),
            ProxyError::BadQuery => {
                return Self::of(
                    code!("query_refused"),
                    "It has characters that no address may have, or is too long with its path.",
                );
            }
            ProxyError::NoAnswer(err) => err,
        };
        let (row, detail) = match err {
            PassError::NotSent => (
                code!("upstream_unreachable"),
                "There was no connection. Nothing was sent, so nothing was done.",
            ),
            PassError::Lost => (
                code!("upstream_lost"),
                "The connection ended before an answer. What was asked for may have been done: look before you \
                 send again what changes something.",
            ),
            PassError::Slow => (
                code!("upstream_slow"),
                "There was no answer for a minute. What was asked for may have been done, or may be yet: look \
                 before you send again what changes something.",
            ),
            PassError::Body(CallersFault::BrokeOff) => (
                code!("body_incomplete"),
                "It ended before its end. It was not passed on whole.",
            ),
            PassError::Body(CallersFault::Stalled) => (
                code!("body_stalled"),
                "Nothing of it came for a minute. It was not passed on whole.",
            ),
        };
        Self::of(row, detail)
    }
}

impl From<RejectedError> for Problem {
    fn from(err: RejectedError) -> Self {
        match err {
            RejectedError::UnknownToken => Self::of(
                code!("token_id_unknown"),
                "Send the token_id that came with the token which was refused.",
            ),
            RejectedError::NotServed(err) => err.into(),
        }
    }
}

fn no_connection(state: ConnectionState) -> Problem {
    match state {
        ConnectionState::NotConnected => Problem::of(
            code!("connection_not_connected"),
            "An admin of the team has to connect Jira.",
        ),
        ConnectionState::Connecting => Problem::of(
            code!("connection_connecting"),
            "Somebody is on the way to Atlassian and has not come back.",
        ),
        ConnectionState::ChooseSite => Problem::of(
            code!("connection_choose_site"),
            "An admin of the team has to choose a Jira site.",
        ),
        ConnectionState::Disconnected => Problem::of(
            code!("connection_disconnected"),
            "An admin of the team disconnected Jira, and has to connect it anew.",
        ),
        ConnectionState::ReconnectNeeded => Problem::of(
            code!("connection_reconnect_needed"),
            "Atlassian no longer accepts it. An admin of the team has to reconnect; nothing else helps.",
        ),
        ConnectionState::Misconfigured
        | ConnectionState::SiteLost
        | ConnectionState::PermissionsMissing
        | ConnectionState::Waiting
        | ConnectionState::Degraded
        | ConnectionState::RenewSoon
        | ConnectionState::Connected => {
            tracing::error!(
                state = state.as_str(),
                "a state that has a grant was refused"
            );
            Problem::broken_for_programs()
        }
    }
}
