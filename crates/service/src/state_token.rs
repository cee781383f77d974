//! The `state` that goes to Atlassian and comes back (RFC 6749, 10.12; RFC 9700, 2.1).
//!
//! It is signed, names the attempt, and is good for ten minutes. That it is used once, by the person
//! and in the browser session that it was made for, the attempt's row decides.

use domain::{
    attempt::{ConnectAttempt, Purpose, TRIP_LIFE},
    credential::Provider,
    ids::{AttemptId, TeamId},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use vault::KeyRing;

/// What the signature is for; a text signed for anything else does not verify.
const USE: &str = "connect state";

/// Clocks of two of our processes may differ by this much.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// What a good state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectState {
    /// With whom.
    pub provider: Provider,
    /// What for.
    pub purpose: Purpose,
    /// For which team.
    pub team: TeamId,
    /// For which attempt.
    pub attempt: AttemptId,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

/// Why a state is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateError {
    /// Not of the form that we make: cut, or from somewhere else.
    Unreadable,
    /// Of our form, but not signed by us for this.
    Forged,
}

/// How old a state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Good.
    Good,
    /// Too old.
    Expired,
    /// From the future: not made by a process of ours.
    Impossible,
}

/// As it is signed. No field is optional: a state without a time is no state.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    version: u8,
    provider: String,
    purpose: String,
    team: uuid::Uuid,
    attempt: uuid::Uuid,
    issued_at: i64,
    expires_at: i64,
}

const VERSION: u8 = 1;

impl ConnectState {
    /// The state of an attempt.
    pub const fn of(attempt: &ConnectAttempt) -> Self {
        Self {
            provider: attempt.provider,
            purpose: attempt.purpose,
            team: attempt.team,
            attempt: attempt.id,
            issued_at: attempt.created_at,
            expires_at: attempt.expires_at,
        }
    }

    /// The text for the authorize URL.
    ///
    /// # Errors
    ///
    /// Never in practice; a text that cannot be written is told as such.
    pub fn to_text(self, ring: &KeyRing) -> Result<String, serde_json::Error> {
        let claims = Claims {
            version: VERSION,
            provider: self.provider.as_str().to_owned(),
            purpose: self.purpose.as_str().to_owned(),
            team: self.team.uuid(),
            attempt: self.attempt.uuid(),
            issued_at: self.issued_at.as_second(),
            expires_at: self.expires_at.as_second(),
        };
        Ok(ring.sign(USE, &serde_json::to_vec(&claims)?))
    }

    /// Reads the text of a callback. Says nothing yet of its age.
    ///
    /// # Errors
    ///
    /// [`StateError`] if it was not made by [`ConnectState::to_text`] under a key of this ring.
    pub fn parse(text: &str, ring: &KeyRing) -> Result<Self, StateError> {
        if !has_our_form(text) {
            return Err(StateError::Unreadable);
        }
        let message = ring.verify(USE, text).ok_or(StateError::Forged)?;
        let claims: Claims = serde_json::from_slice(&message).map_err(|_| StateError::Forged)?;
        let time = |secs| Timestamp::from_second(secs).map_err(|_| StateError::Forged);
        let provider = Provider::ALL
            .into_iter()
            .find(|it| it.as_str() == claims.provider);
        let purpose = Purpose::ALL
            .into_iter()
            .find(|it| it.as_str() == claims.purpose);
        match (claims.version, provider, purpose) {
            (VERSION, Some(provider), Some(purpose)) => Ok(Self {
                provider,
                purpose,
                team: TeamId::from_uuid(claims.team),
                attempt: AttemptId::from_uuid(claims.attempt),
                issued_at: time(claims.issued_at)?,
                expires_at: time(claims.expires_at)?,
            }),
            _ => Err(StateError::Forged),
        }
    }

    /// How old it is at `now`. Whatever it says of its own end, it is never good for longer than
    /// [`TRIP_LIFE`].
    pub fn age(&self, now: Timestamp) -> Age {
        if now + CLOCK_SKEW < self.issued_at {
            Age::Impossible
        } else if self.expires_at <= now || self.issued_at + TRIP_LIFE <= now {
            Age::Expired
        } else {
            Age::Good
        }
    }
}

/// Two runs of URL-safe base64 with a dot between, at most 2 kB.
fn has_our_form(text: &str) -> bool {
    let part = |it: &str| {
        !it.is_empty()
            && it
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 2048
        && text
            .split_once('.')
            .is_some_and(|(a, b)| part(a) && part(b))
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn ring() -> KeyRing {
        KeyRing::parse(&format!("a:{}", STANDARD.encode([1; 32])).into()).unwrap()
    }

    fn state(purpose: Purpose) -> ConnectState {
        ConnectState {
            provider: Provider::Jira,
            purpose,
            team: TeamId::from_uuid(Uuid::from_u128(1)),
            attempt: AttemptId::from_uuid(Uuid::from_u128(2)),
            issued_at: NOW,
            expires_at: NOW + TRIP_LIFE,
        }
    }

    #[test]
    fn a_state_comes_back_as_it_went() {
        for purpose in Purpose::ALL {
            let text = state(purpose).to_text(&ring()).unwrap();
            assert_eq!(ConnectState::parse(&text, &ring()), Ok(state(purpose)));
        }
    }

    #[test]
    fn a_state_is_good_for_ten_minutes_and_not_before_its_time() {
        let secs = SignedDuration::from_secs;
        let it = state(Purpose::Connect);
        assert_eq!(it.age(NOW), Age::Good);
        assert_eq!(it.age(NOW - secs(60)), Age::Good);
        assert_eq!(it.age(NOW - secs(61)), Age::Impossible);
        assert_eq!(it.age(NOW + secs(599)), Age::Good);
        assert_eq!(it.age(NOW + secs(600)), Age::Expired);
        let patient = ConnectState {
            expires_at: NOW + secs(9_999),
            ..it
        };
        assert_eq!(patient.age(NOW + secs(600)), Age::Expired);
    }

    #[test]
    fn what_we_did_not_make_is_refused() {
        let parse = |text: &str| ConnectState::parse(text, &ring());
        let good = state(Purpose::Connect).to_text(&ring()).unwrap();
        let long = "A".repeat(20_000);
        for unreadable in ["", ".", "a", "a.", "a.b.c", "a b.c", "%00.%ff", &long] {
            assert_eq!(
                parse(unreadable),
                Err(StateError::Unreadable),
                "{unreadable:.20}"
            );
        }
        assert_eq!(parse("abc.def"), Err(StateError::Forged));
        assert_eq!(parse(&format!("A{good}")), Err(StateError::Forged));
        // Signed by us, but for something else, or without a time.
        let other_use = ring().sign("mail", b"{}");
        assert_eq!(parse(&other_use), Err(StateError::Forged));
        let no_time = r#"{"version":1,"provider":"jira","purpose":"connect","team":"00000000-0000-0000-0000-000000000001","attempt":"00000000-0000-0000-0000-000000000002"}"#;
        assert_eq!(
            parse(&ring().sign(USE, no_time.as_bytes())),
            Err(StateError::Forged)
        );
        assert_eq!(parse(&ring().sign(USE, b"\xff")), Err(StateError::Forged));
        assert_eq!(
            parse(&ring().sign(USE, b"not json")),
            Err(StateError::Forged)
        );
        let unknown_purpose = no_time
            .replace("connect", "login")
            .replace('}', r#","issued_at":0,"expires_at":600}"#);
        assert_eq!(
            parse(&ring().sign(USE, unknown_purpose.as_bytes())),
            Err(StateError::Forged)
        );
    }

    proptest! {
        #[test]
        fn whatever_a_browser_sends_as_state_is_refused_calmly(text in "\\PC{0,300}|[A-Za-z0-9_.-]{0,300}") {
            prop_assert!(ConnectState::parse(&text, &ring()).is_err());
        }

        #[test]
        fn whatever_we_signed_for_this_use_is_a_whole_state_or_refused(message in any::<Vec<u8>>()) {
            let signed = ring().sign(USE, &message);
            prop_assert!(ConnectState::parse(&signed, &ring()).is_err());
        }

        #[test]
        fn whatever_is_changed_in_a_state_makes_it_useless(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
            let good = state(Purpose::Connect).to_text(&ring()).unwrap();
            let mut chars: Vec<char> = good.chars().collect();
            let index = at.index(chars.len());
            chars[index] = to.chars().next().unwrap();
            let changed: String = chars.into_iter().collect();
            prop_assert_eq!(ConnectState::parse(&changed, &ring()).is_ok(), changed == good);
        }
    }
}
