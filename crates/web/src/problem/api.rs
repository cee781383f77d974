//! What services are refused: status, code and words.

use axum::http::StatusCode;
use domain::{
    api_key::{Forbidden, Right},
    jira_path::PathError,
    state::ConnectionState,
};
use jiff::SignedDuration;
use service::{
    Error,
    door::{KeyError, NotServed, RejectedError},
    key_rate::KeyLimited,
    proxy::{CallersFault, PassError, ProxyError},
    refresh::TokenError,
};

use super::{COME_BACK, Problem};

/// Tells how to come in.
const CHALLENGE: &str = "Bearer realm=\"Tformance\"";
/// The same, after a key that opens nothing (RFC 6750, 3.1).
const CHALLENGE_AGAIN: &str = "Bearer realm=\"Tformance\", error=\"invalid_token\"";

/// The same, to a good key that may not do this.
const CHALLENGE_SCOPE: &str = "Bearer realm=\"Tformance\", error=\"insufficient_scope\"";

fn refused(code: &'static str, title: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, title, detail)
}

fn unavailable(
    code: &'static str,
    title: &str,
    detail: &str,
    retry_after: Option<SignedDuration>,
) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, title, detail)
        .with_retry_after(retry_after.unwrap_or(COME_BACK))
}

fn key(code: &'static str, title: &str, detail: &str) -> Problem {
    let challenge = if code == "key_missing" {
        CHALLENGE
    } else {
        CHALLENGE_AGAIN
    };
    Problem {
        challenge: Some(challenge),
        ..Problem::new(StatusCode::UNAUTHORIZED, code, title, detail)
    }
}

fn forbidden(code: &'static str, title: &str, detail: &str) -> Problem {
    Problem {
        challenge: Some(CHALLENGE_SCOPE),
        ..Problem::new(StatusCode::FORBIDDEN, code, title, detail)
    }
}

impl Problem {
    pub(crate) fn nothing_here() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is nothing here",
            "No call has this address. Is it mistyped?",
        )
    }

    pub(crate) fn key_missing() -> Self {
        key(
            "key_missing",
            "A key is missing",
            "Send the key of your service as Authorization: Bearer tfk_…. An admin of your team makes one on \
             the page Keys.",
        )
    }

    pub(crate) fn key_malformed() -> Self {
        key(
            "key_malformed",
            "This is not a key",
            "A key begins with tfk_ and has 53 characters; older ones have 47. Was it copied whole?",
        )
    }

    pub(crate) fn body_too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The body is too large",
            "No call takes more than 64 KiB.",
        )
    }

    pub(crate) fn not_json() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "The body is not sent as JSON",
            "Send it with Content-Type: application/json.",
        )
    }

    pub(crate) fn bad_json() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_json",
            "The body cannot be read",
            "It has to be one JSON object, or empty.",
        )
    }

    /// A member of the body that no call knows; of a long name the beginning is told.
    pub(crate) fn unknown_field(name: &str, known: &[&str]) -> Self {
        const LONGEST: usize = 60;
        let mut told: String = name.chars().take(LONGEST).collect();
        if name.chars().count() > LONGEST {
            told.push('…');
        }
        refused(
            "unknown_field",
            "The body has a member that is not known",
            &format!("It is {told:?}. This call knows {}.", known.join(", ")),
        )
    }

    pub(crate) fn minimum_invalid() -> Self {
        refused(
            "minimum_invalid",
            "minimum_seconds is not a number of seconds",
            "It has to be a whole number, 0 or more.",
        )
    }

    pub(crate) fn minimum_too_long(most: u64) -> Self {
        refused(
            "minimum_too_long",
            "minimum_seconds is too long",
            &format!("It is {most} at most: a token of Atlassian's lives for an hour."),
        )
    }

    pub(crate) fn max_wait_invalid(most: u64) -> Self {
        refused(
            "max_wait_invalid",
            "max_wait_seconds is not a time to wait",
            &format!("It has to be a whole number from 0 to {most}."),
        )
    }

    pub(crate) fn token_id_missing() -> Self {
        refused(
            "token_id_missing",
            "token_id is missing",
            "Send the token_id that came with the token which was refused.",
        )
    }

    pub(crate) fn path_refused(why: PathError) -> Self {
        let detail = format!(
            "Behind proxy/ belongs a path as Jira's documentation has it, such as rest/api/3/myself. It is passed \
             on as it was written, so nothing may be in it that could mean another path: {why}."
        );
        Self::new(
            StatusCode::BAD_REQUEST,
            "path_refused",
            "This path is not passed on",
            &detail,
        )
    }

    pub(crate) fn links_unknown() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "links_unknown",
            "Tformance-Links is not understood",
            "Send Tformance-Links: proxy once, so that links in JSON lead here, or leave it out.",
        )
    }

    /// A fault of nobody outside, in words for whoever reads logs.
    pub(crate) fn for_programs(err: Error) -> Self {
        let problem = Self::from(err);
        match problem.code {
            "store_unavailable" => unavailable(
                problem.code,
                "The database does not answer",
                "This server cannot check keys or read tokens now. Try again later.",
                None,
            ),
            "connection_misconfigured" => cannot_open(),
            _ => Self::broken_for_programs(),
        }
    }

    /// A fault of ours.
    pub(crate) fn broken_for_programs() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something broke on our side",
            "The server's log has it under the x-request-id of this answer.",
        )
    }
}

fn cannot_open() -> Problem {
    unavailable(
        "connection_misconfigured",
        "This server cannot read what it stored",
        "Its key ring does not fit. Only its operator can mend that; the log has it under the x-request-id of \
         this answer.",
        Some(SignedDuration::from_secs(60)),
    )
}

impl From<KeyLimited> for Problem {
    fn from(err: KeyLimited) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "key_rate_limited",
            "This key calls too often",
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
                "key_mistyped",
                "This key is mistyped",
                "Its last six characters do not fit the others: one of them was changed. Copy it anew.",
            ),
            KeyError::Unknown => key(
                "key_unknown",
                "There is no such key",
                "It may belong to another server, or its team was deleted.",
            ),
            KeyError::Revoked => key(
                "key_revoked",
                "This key is revoked",
                "An admin of the team ended it. Ask for a new one.",
            ),
            KeyError::Expired => key(
                "key_expired",
                "This key has expired",
                "It was made to end. An admin of the team replaces it on the page Keys.",
            ),
            KeyError::Forbidden { why, .. } => why.into(),
            KeyError::Throttled(err) => err.into(),
            KeyError::Failed(err) => Self::for_programs(err),
        }
    }
}

impl From<Forbidden> for Problem {
    fn from(why: Forbidden) -> Self {
        const WHO: &str = "An admin of the team decides what a key may do, on the page Keys.";
        match why {
            Forbidden::Right(Right::Status) => forbidden(
                "key_may_not_status",
                "This key may not ask for the connection",
                WHO,
            ),
            Forbidden::Right(Right::Token) => forbidden(
                "key_may_not_token",
                "This key may not ask for tokens",
                &format!("Call Jira through the proxy, if it may do that. {WHO}"),
            ),
            Forbidden::Right(Right::Proxy) => forbidden(
                "key_may_not_proxy",
                "This key may not use the proxy",
                &format!("Ask for a token and call Jira with it, if it may do that. {WHO}"),
            ),
            Forbidden::Method => forbidden(
                "key_method_not_allowed",
                "This key may not use this method here",
                &format!("It may call the path by other methods. {WHO}"),
            ),
            Forbidden::Path => forbidden(
                "key_path_not_allowed",
                "This key may not call this path",
                WHO,
            ),
            Forbidden::Site => forbidden(
                "key_pinned_elsewhere",
                "This key is for another site",
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
            NotServed::Forbidden(why) => why.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(err: TokenError) -> Self {
        match err {
            TokenError::NoConnection(state) => no_connection(state),
            TokenError::Misconfigured { retry_after } => unavailable(
                "connection_misconfigured",
                "This server's settings are in the way",
                "Atlassian refuses its client id or secret, or there are none. Only its operator can mend \
                 that. The connection is intact.",
                retry_after,
            ),
            TokenError::ProviderUnavailable { retry_after } => unavailable(
                "provider_unavailable",
                "Atlassian gives no token now",
                "The last token has ended. We keep trying; the connection is intact.",
                retry_after,
            ),
            TokenError::NotSaved => unavailable(
                "store_unavailable",
                "The database does not take what is written",
                "The newest token could not be saved. The server's operator is told.",
                None,
            ),
            TokenError::Failed(err) => Self::of_shared(&err),
        }
    }
}

impl From<ProxyError> for Problem {
    fn from(err: ProxyError) -> Self {
        let err = match err {
            ProxyError::NotServed(err) => return err.into(),
            ProxyError::OverBudget(over) => return over.into(),
            ProxyError::BadQuery => {
                return Self::new(
                    StatusCode::BAD_REQUEST,
                    "query_refused",
                    "This query is not passed on",
                    "It has characters that no address may have, or is too long with its path.",
                );
            }
            ProxyError::NoAnswer(err) => err,
        };
        let (status, code, title, detail) = match err {
            PassError::NotSent => (
                StatusCode::BAD_GATEWAY,
                "upstream_unreachable",
                "Atlassian cannot be reached",
                "There was no connection. Nothing was sent, so nothing was done.",
            ),
            PassError::Lost => (
                StatusCode::BAD_GATEWAY,
                "upstream_lost",
                "Atlassian did not answer",
                "The connection ended before an answer. What was asked for may have been done: look before you \
                 send again what changes something.",
            ),
            PassError::Slow => (
                StatusCode::GATEWAY_TIMEOUT,
                "upstream_slow",
                "Atlassian did not answer in time",
                "There was no answer for a minute. What was asked for may have been done, or may be yet: look \
                 before you send again what changes something.",
            ),
            PassError::Body(CallersFault::BrokeOff) => (
                StatusCode::BAD_REQUEST,
                "body_incomplete",
                "The body did not come whole",
                "It ended before its end. It was not passed on whole.",
            ),
            PassError::Body(CallersFault::Stalled) => (
                StatusCode::REQUEST_TIMEOUT,
                "body_stalled",
                "The body did not come in time",
                "Nothing of it came for a minute. It was not passed on whole.",
            ),
        };
        Self::new(status, code, title, detail)
    }
}

impl From<RejectedError> for Problem {
    fn from(err: RejectedError) -> Self {
        match err {
            RejectedError::UnknownToken => refused(
                "token_id_unknown",
                "token_id names no token of this connection",
                "Send the token_id that came with the token which was refused.",
            ),
            RejectedError::NotServed(err) => err.into(),
        }
    }
}

impl Problem {
    /// As [`Problem::for_programs`], for an error that several callers wait for.
    fn of_shared(err: &Error) -> Self {
        let cause = std::error::Error::source(err);
        tracing::error!(error = %err, ?cause, "no token could be given");
        match err {
            Error::StoreUnavailable(_) => unavailable(
                "store_unavailable",
                "The database does not answer",
                "This server cannot read tokens now. Try again later.",
                None,
            ),
            Error::DoesNotOpen(_) => cannot_open(),
            Error::Internal(_) => Self::broken_for_programs(),
        }
    }
}

fn no_connection(state: ConnectionState) -> Problem {
    let conflict =
        |code, title: &str, detail: &str| Problem::new(StatusCode::CONFLICT, code, title, detail);
    match state {
        ConnectionState::NotConnected => conflict(
            "connection_not_connected",
            "There is no connection",
            "An admin of the team has to connect Jira.",
        ),
        ConnectionState::Connecting => conflict(
            "connection_connecting",
            "The connection is not made yet",
            "Somebody is on the way to Atlassian and has not come back.",
        ),
        ConnectionState::ChooseSite => conflict(
            "connection_choose_site",
            "No site is chosen yet",
            "An admin of the team has to choose a Jira site.",
        ),
        ConnectionState::Disconnected => conflict(
            "connection_disconnected",
            "The connection was ended",
            "An admin of the team disconnected Jira, and has to connect it anew.",
        ),
        ConnectionState::ReconnectNeeded => conflict(
            "connection_reconnect_needed",
            "The connection needs to be renewed",
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
