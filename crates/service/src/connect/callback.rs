//! What a browser brought back from Atlassian, read once.

use secrecy::SecretString;
use url::form_urlencoded;

/// The query of the redirect URI (RFC 6749, 4.1.2): a code or an error, and the state.
#[derive(Debug)]
pub enum Callback {
    /// The person accepted.
    Code {
        /// To be exchanged for a pair.
        code: SecretString,
        /// What we sent along.
        state: String,
    },
    /// The person refused, or something failed there. Atlassian's words are not kept.
    Error {
        /// Whether the person pressed Cancel (`access_denied`).
        denied: bool,
        /// What we sent along.
        state: String,
    },
}

impl Callback {
    /// Reads a query. `None` if code, error or state are missing, empty or doubled: nobody can say
    /// then which one is meant. Other parameters are not looked at.
    pub fn parse(query: &str) -> Option<Self> {
        let (mut code, mut error, mut state) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "code" => &mut code,
                "error" => &mut error,
                "state" => &mut state,
                _ => continue,
            };
            if value.is_empty() || slot.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        let state = state?;
        match (code, error) {
            (Some(code), None) => Some(Self::Code {
                code: code.into(),
                state,
            }),
            (None, Some(error)) => Some(Self::Error {
                denied: error == "access_denied",
                state,
            }),
            _ => None,
        }
    }

    /// What we sent along.
    pub fn state(&self) -> &str {
        match self {
            Self::Code { state, .. } | Self::Error { state, .. } => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[track_caller]
    fn check(query: &str, expected: &str) {
        let got = match Callback::parse(query) {
            Some(Callback::Code { state, .. }) => format!("code {state}"),
            Some(Callback::Error { denied, state }) => format!("error {denied} {state}"),
            None => "bad".to_owned(),
        };
        assert_eq!(got, expected, "{query}");
    }

    #[test]
    fn a_callback_is_a_code_or_an_error_with_a_state() {
        check("code=c&state=s", "code s");
        check("state=s&code=c&extra=1", "code s");
        check(
            "error=access_denied&error_description=No&state=s",
            "error true s",
        );
        check("error=server_error&state=s", "error false s");
    }

    #[test]
    fn what_is_missing_empty_or_doubled_is_bad() {
        for query in [
            "",
            "code=c",
            "state=s",
            "code=&state=s",
            "code=c&state=",
            "code=c&code=d&state=s",
            "code=c&state=s&state=t",
            "code=c&error=e&state=s",
            "%ff%fe",
            "code",
            "=",
        ] {
            check(query, "bad");
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_query_is_read_or_bad(query in "\\PC{0,300}|[a-z%&=0-9+]{0,300}") {
            if let Some(callback) = Callback::parse(&query) {
                prop_assert!(!callback.state().is_empty());
            }
        }

        #[test]
        fn whatever_a_code_and_a_state_hold_they_come_through(code in "\\PC{1,200}", state in "\\PC{1,200}") {
            let query: String = form_urlencoded::Serializer::new(String::new())
                .append_pair("state", &state)
                .append_pair("code", &code)
                .finish();
            match Callback::parse(&query) {
                Some(Callback::Code { code: got, state: its_state }) => {
                    prop_assert_eq!(got.expose_secret(), code.as_str());
                    prop_assert_eq!(its_state, state);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
