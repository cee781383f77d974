//! Signatures as Standard Webhooks 1 has them: HMAC-SHA-256 over id, time and body.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::Sha256;

use super::WebhookSettingError;

/// What the form allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// One secret that is shared with the receiver, or two while one is being rotated. Prints nothing.
#[derive(Clone)]
pub(super) struct SigningSecrets(Vec<SecretSlice<u8>>);

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} signing secrets", self.0.len())
    }
}

impl SigningSecrets {
    /// Reads `whsec_…`, or two with a comma between them.
    pub(super) fn parse(text: &SecretString) -> Result<Self, WebhookSettingError> {
        let all = text.expose_secret().split(',').map(str::trim);
        let secrets = all
            .filter(|it| !it.is_empty())
            .map(|it| {
                let encoded = it.strip_prefix("whsec_");
                let bytes = encoded.and_then(|it| STANDARD.decode(it).ok());
                let good = bytes.filter(|it| KEY_BYTES.contains(&it.len()));
                good.map(SecretSlice::from)
                    .ok_or(WebhookSettingError::Secret)
            })
            .collect::<Result<Vec<_>, _>>()?;
        match secrets.len() {
            0 => Err(WebhookSettingError::Secret),
            1 | 2 => Ok(Self(secrets)),
            _ => Err(WebhookSettingError::TooManySecrets),
        }
    }

    /// The header's value: a signature of each secret.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signatures: Vec<String> = self
            .0
            .iter()
            .map(|secret| {
                let tag = tag(secret, format!("{id}.{timestamp}.{body}").as_bytes());
                format!("v1,{}", STANDARD.encode(tag))
            })
            .collect();
        signatures.join(" ")
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn tag(secret: &SecretSlice<u8>, message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret()).expect("any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(text: &str) -> Result<SigningSecrets, WebhookSettingError> {
        SigningSecrets::parse(&text.into())
    }

    /// The example of the specification (Standard Webhooks, "Signature scheme").
    #[test]
    fn the_example_of_the_specification_is_signed_as_there() {
        let secrets = secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = secrets.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_make_two_signatures() {
        let (one, two) = (STANDARD.encode([1; 32]), STANDARD.encode([2; 32]));
        let sign = |text: &str| secrets(text).unwrap().sign("msg_1", 1, "{}");
        let both = sign(&format!("whsec_{one}, whsec_{two}"));
        let each = [sign(&format!("whsec_{one}")), sign(&format!("whsec_{two}"))];
        assert_eq!(both, each.join(" "));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let (short, long) = (STANDARD.encode([1; 23]), STANDARD.encode([1; 65]));
        let good = format!("whsec_{}", STANDARD.encode([1; 24]));
        for text in [
            "",
            ",",
            "whsec_",
            "whsec_%%%",
            &good["whsec_".len()..],
            &format!("whsec_{short}"),
            &format!("whsec_{long}"),
        ] {
            assert_eq!(
                secrets(text).unwrap_err(),
                WebhookSettingError::Secret,
                "{text}"
            );
        }
        let three = [good.as_str(); 3].join(",");
        assert_eq!(
            secrets(&three).unwrap_err(),
            WebhookSettingError::TooManySecrets
        );
        assert_eq!(
            format!("{:?}", secrets(&good).unwrap()),
            "1 signing secrets"
        );
    }
}
