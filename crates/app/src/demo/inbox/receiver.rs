//! The receiver of webhooks: keeps what comes, and checks by itself how it is signed (Standard Webhooks 1).
//!
//! Not by the code that signs: what that gets wrong is to be seen here.

use std::fmt;

use axum::http::HeaderMap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::env::{Env, random};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use sha2::Sha256;

use super::Inbox;

/// A signature is good for so long, either way: older ones may be somebody's who recorded them.
const TOLERANCE_SECONDS: u64 = 5 * 60;

/// What the demo's sender and its receiver share. Prints nothing.
#[derive(Clone)]
pub(in crate::demo) struct SigningKey([u8; 32]);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// A new one.
    pub(in crate::demo) fn generate(env: &dyn Env) -> Self {
        Self(random(env))
    }

    /// As `WEBHOOK_SECRET` has it.
    pub(in crate::demo) fn setting(&self) -> SecretString {
        format!("whsec_{}", STANDARD.encode(self.0)).into()
    }

    /// What is to be thought of a delivery.
    fn judge(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Signature {
        let value = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
        let (Some(id), Some(at), Some(signatures)) = (
            value("webhook-id"),
            value("webhook-timestamp"),
            value("webhook-signature"),
        ) else {
            return Signature::Missing;
        };
        let mut signed = format!("{id}.{at}.").into_bytes();
        signed.extend_from_slice(body);
        let is_good = signatures
            .split(' ')
            .filter_map(|it| it.strip_prefix("v1,"))
            .filter_map(|it| STANDARD.decode(it).ok())
            .any(|it| self.signs(&signed, &it));
        let is_fresh = at
            .parse::<i64>()
            .is_ok_and(|it| it.abs_diff(now.as_second()) <= TOLERANCE_SECONDS);
        match (is_good, is_fresh) {
            (true, true) => Signature::Good,
            (true, false) => Signature::Stale,
            (false, _) => Signature::Wrong,
        }
    }

    fn signs(&self, message: &[u8], signature: &[u8]) -> bool {
        // HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return false;
        };
        mac.update(message);
        mac.verify_slice(signature).is_ok()
    }
}

/// What is to be thought of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::demo) enum Signature {
    /// It is from who shares the secret, and of now.
    Good,
    /// It is from them, and of another time.
    Stale,
    /// It is from somebody else.
    Wrong,
    /// It has none.
    Missing,
}

impl Signature {
    /// What a person is told.
    pub(in crate::demo) const fn words(self) -> &'static str {
        match self {
            Self::Good => "signature good",
            Self::Stale => "signature good, but of another time",
            Self::Wrong => "signature wrong",
            Self::Missing => "not signed",
        }
    }

    /// Whether a receiver may believe it.
    pub(in crate::demo) fn is_good(self) -> bool {
        self == Self::Good
    }
}

/// A webhook that came.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Delivery {
    /// Its headers, as they came.
    pub(in crate::demo) headers: Vec<(String, String)>,
    /// Its body, if it is JSON.
    pub(in crate::demo) json: Option<Value>,
    /// Its body, laid out for people.
    pub(in crate::demo) body: String,
    /// What is to be thought of it.
    pub(in crate::demo) signature: Signature,
}

impl Delivery {
    /// What happened, by its name.
    pub(in crate::demo) fn event(&self) -> &str {
        self.text("/type")
    }

    /// A text in the body; empty where there is none.
    pub(in crate::demo) fn text(&self, pointer: &str) -> &str {
        let value = self.json.as_ref().and_then(|it| it.pointer(pointer));
        value.and_then(Value::as_str).unwrap_or_default()
    }
}

impl Inbox {
    /// Takes what was posted to the receiver.
    pub(in crate::demo) fn receive(&self, key: &SigningKey, headers: &HeaderMap, body: &[u8]) {
        let json: Option<Value> = serde_json::from_slice(body).ok();
        let laid_out = json
            .as_ref()
            .and_then(|it| serde_json::to_string_pretty(it).ok());
        let text =
            |it: &axum::http::HeaderValue| String::from_utf8_lossy(it.as_bytes()).into_owned();
        self.add_webhook(Delivery {
            headers: headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), text(value)))
                .collect(),
            signature: key.judge(headers, body, self.env.now()),
            body: laid_out.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()),
            json,
        });
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const SECRET: &[u8] = b"demo-demo-demo-demo-demo-demo-32";

    fn headers(at: &str, signature: &str) -> HeaderMap {
        let pairs = [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", at),
            ("webhook-signature", signature),
        ];
        let header = |(name, value): (&'static str, &str)| {
            (
                axum::http::HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        pairs.into_iter().map(header).collect()
    }

    #[test]
    fn only_a_fresh_signature_of_the_shared_secret_is_good() {
        let key = SigningKey(SECRET.try_into().unwrap());
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
        mac.update(b"msg_1.1000.{}");
        let good = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let other = format!("v1,{}", STANDARD.encode([0; 32]));
        let now = Timestamp::from_second(1_000).unwrap();
        let late = Timestamp::from_second(1_301).unwrap();
        for (headers, body, now, expected) in [
            (headers("1000", &good), "{}", now, Signature::Good),
            (
                headers("1000", &format!("{other} {good}")),
                "{}",
                now,
                Signature::Good,
            ),
            (headers("1000", &good), "{}", late, Signature::Stale),
            (headers("1000", &good), "{ }", now, Signature::Wrong),
            (headers("1001", &good), "{}", now, Signature::Wrong),
            (headers("1000", &other), "{}", now, Signature::Wrong),
            (headers("1000", "v1,?"), "{}", now, Signature::Wrong),
            (HeaderMap::new(), "{}", now, Signature::Missing),
        ] {
            assert_eq!(key.judge(&headers, body.as_bytes(), now), expected);
        }
    }
}
