//! What an answer of the token endpoint means (`design.md` 6). Pure.
//!
//! Sources of the spellings: Atlassian's OAuth 2.0 (3LO) page and what clients have seen; the endpoint
//! says `unauthorized_client` where its documentation says `invalid_grant`.

use domain::credential::RefreshOutcome;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

use crate::wire::TokenErrorResponse;

/// A wait that is asked of us is taken for at least this.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_secs(1);
/// And for at most this, whatever was asked.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// What came back from the token endpoint, as far as its meaning goes.
#[derive(Clone, Copy, Debug)]
pub enum TokenAnswer<'a> {
    /// The request was not sent.
    NotSent,
    /// It was sent, and no whole answer came.
    Lost,
    /// A whole answer.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: &'a [u8],
        /// Whether the body is JSON with an `access_token`.
        has_access_token: bool,
    },
}

/// What it means for a refresh.
pub fn refresh_outcome(answer: TokenAnswer<'_>) -> RefreshOutcome {
    let (status, body) = match answer {
        TokenAnswer::NotSent => return RefreshOutcome::NotSent,
        TokenAnswer::Lost => return RefreshOutcome::Ambiguous,
        TokenAnswer::Answer {
            status: 200,
            has_access_token: true,
            ..
        } => return RefreshOutcome::Ok,
        TokenAnswer::Answer { status, body, .. } => (status, body),
    };
    match status {
        429 => RefreshOutcome::NotSent,
        0..400 | 408 | 500.. => RefreshOutcome::Ambiguous,
        400 | 401 | 403 => refusal(status, body),
        _ => RefreshOutcome::Unexpected,
    }
}

fn refusal(status: u16, body: &[u8]) -> RefreshOutcome {
    // A proxy's page, or a body without an error code, says nothing of the grant.
    let Ok(said) = serde_json::from_slice::<TokenErrorResponse>(body) else {
        return RefreshOutcome::Unexpected;
    };
    let description = said.error_description.unwrap_or_default().to_lowercase();
    let names_token = description.contains("refresh_token is invalid")
        || description.contains("refresh token is invalid")
        || description.contains("invalid refresh token");
    if description.contains("globally revoked") {
        return RefreshOutcome::GrantDead;
    }
    match (said.error.as_str(), status) {
        ("invalid_grant", _) => RefreshOutcome::GrantDead,
        ("unauthorized_client", _) if names_token => RefreshOutcome::GrantDead,
        ("access_denied", 401) | ("invalid_client" | "unauthorized_client", _) => {
            RefreshOutcome::Misconfigured
        }
        _ => RefreshOutcome::Unexpected,
    }
}

/// Reads a `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3), and bounds it. `None` for what
/// cannot be read.
pub fn retry_after(value: &str, now: Timestamp) -> Option<SignedDuration> {
    let value = value.trim();
    let wait = match value.parse::<i64>() {
        Ok(secs) => SignedDuration::from_secs(secs),
        Err(_) => rfc2822::parse(value).ok()?.timestamp().duration_since(now),
    };
    Some(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcome(status: u16, body: &str) -> &'static str {
        let answer = TokenAnswer::Answer {
            status,
            body: body.as_bytes(),
            has_access_token: false,
        };
        refresh_outcome(answer).as_str()
    }

    #[test]
    fn each_answer_has_its_class() {
        let said = |error: &str, description: &str| {
            format!(r#"{{"error":"{error}","error_description":"{description}"}}"#)
        };
        let table: &[(u16, &str, &str, &str)] = &[
            (
                403,
                "unauthorized_client",
                "refresh_token is invalid",
                "grant_dead",
            ),
            (
                403,
                "invalid_grant",
                "Unknown or invalid refresh token.",
                "grant_dead",
            ),
            (
                400,
                "invalid_grant",
                "Token has been expired or revoked.",
                "grant_dead",
            ),
            (
                401,
                "access_denied",
                "Token was globally revoked",
                "grant_dead",
            ),
            (401, "access_denied", "Unauthorized", "misconfigured"),
            (401, "invalid_client", "", "misconfigured"),
            (403, "unauthorized_client", "not allowed", "misconfigured"),
            (
                400,
                "invalid_request",
                "authorization_code is invalid",
                "unexpected",
            ),
            (403, "access_denied", "", "unexpected"),
            (404, "not_found", "", "unexpected"),
            (408, "x", "", "ambiguous"),
            (429, "x", "", "not_sent"),
            (500, "x", "", "ambiguous"),
            (503, "invalid_grant", "", "ambiguous"),
        ];
        for (status, error, description, expected) in table {
            assert_eq!(
                outcome(*status, &said(error, description)),
                *expected,
                "{status} {error} {description}"
            );
        }
    }

    #[test]
    fn an_outage_is_never_taken_for_a_refusal() {
        for status in [200, 204, 301, 302, 408, 500, 502, 503, 504] {
            for body in ["", "<html>", "{}", r#"{"access_token":1}"#, "null"] {
                assert_eq!(outcome(status, body), "ambiguous", "{status} {body}");
            }
        }
        for body in ["", "<html>Access denied</html>", "{}", "[]", "\u{feff}{"] {
            assert_eq!(outcome(403, body), "unexpected", "{body}");
        }
        assert_eq!(refresh_outcome(TokenAnswer::NotSent).as_str(), "not_sent");
        assert_eq!(refresh_outcome(TokenAnswer::Lost).as_str(), "ambiguous");
        let good = TokenAnswer::Answer {
            status: 200,
            body: b"",
            has_access_token: true,
        };
        assert_eq!(refresh_outcome(good).as_str(), "ok");
    }

    #[test]
    fn a_bogus_retry_after_is_bounded() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let check = |value: &str, expected: Option<i64>| {
            assert_eq!(
                retry_after(value, now).map(|it| it.as_secs()),
                expected,
                "{value}"
            );
        };
        check("30", Some(30));
        check("0", Some(1));
        check("-5", Some(1));
        check("315360000", Some(300));
        check("99999999999999999999999", None);
        check("Tue, 24 Nov 2026 10:01:00 GMT", Some(60));
        check("Tue, 24 Nov 2020 10:01:00 GMT", Some(1));
        check("soon", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn whatever_is_answered_an_outage_kills_no_grant(status in 0_u16..1000, body in any::<Vec<u8>>(), has: bool) {
            let outcome = refresh_outcome(TokenAnswer::Answer { status, body: &body, has_access_token: has });
            let may_be_refused = (400..500).contains(&status) && ![408, 429].contains(&status);
            if !may_be_refused {
                prop_assert!(outcome != RefreshOutcome::GrantDead && outcome != RefreshOutcome::Misconfigured);
            }
            prop_assert_eq!(outcome == RefreshOutcome::Ok, status == 200 && has);
        }

        #[test]
        fn whatever_is_asked_for_we_wait_a_second_to_five_minutes(value in "\\PC{0,60}|-?[0-9]{1,25}") {
            let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
            if let Some(wait) = retry_after(&value, now) {
                prop_assert!((1..=300).contains(&wait.as_secs()));
            }
        }
    }
}
