//! Signing what goes through a browser and must come back unchanged.
//!
//! The keys are derived from the ring (HKDF-SHA-256, RFC 5869), one for each use, so that what was
//! signed for one use verifies for no other. The first key signs; every key verifies, so that adding
//! a key breaks nobody's sign-in under way.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::key_ring::{Key, KeyRing};

/// The longest text that is looked at, in bytes; anything longer was not made here.
const LONGEST: usize = 4096;

impl KeyRing {
    /// Signs `message` for `use_`; the result holds the message, in URL-safe characters.
    pub fn sign(&self, use_: &'static str, message: &[u8]) -> String {
        let tag = mac(self.sealing_key(), use_, message)
            .finalize()
            .into_bytes();
        format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(message),
            URL_SAFE_NO_PAD.encode(tag)
        )
    }

    /// The message of a text that [`KeyRing::sign`] made for the same `use_`; `None` for any other.
    pub fn verify(&self, use_: &'static str, signed: &str) -> Option<Vec<u8>> {
        if signed.len() > LONGEST {
            return None;
        }
        let (message, tag) = signed.split_once('.')?;
        let message = URL_SAFE_NO_PAD.decode(message).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        let good = self
            .entries()
            .any(|(_, key)| mac(key, use_, &message).verify_slice(&tag).is_ok());
        good.then_some(message)
    }
}

#[expect(
    clippy::expect_used,
    reason = "HKDF gives 32 bytes, and HMAC takes a key of any length"
)]
fn mac(key: &Key, use_: &'static str, message: &[u8]) -> Hmac<Sha256> {
    let mut derived = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, key.expose_secret())
        .expand_multi_info(
            &[b"tformance signing ", use_.as_bytes()],
            derived.as_mut_slice(),
        )
        .expect("32 bytes");
    let mut mac = Hmac::<Sha256>::new_from_slice(derived.as_slice()).expect("any length");
    mac.update(message);
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::key_ring::tests::ring;

    #[test]
    fn a_signature_holds_for_its_use_and_under_every_key_of_the_ring() {
        let old = ring(&[("old", 1)]);
        let signed = old.sign("state", b"hello");
        assert_eq!(old.verify("state", &signed).unwrap(), b"hello");
        assert_eq!(
            ring(&[("new", 2), ("old", 1)])
                .verify("state", &signed)
                .unwrap(),
            b"hello"
        );
        assert_eq!(old.verify("mail", &signed), None);
        assert_eq!(ring(&[("old", 2)]).verify("state", &signed), None);
    }

    proptest! {
        #[test]
        fn no_other_text_verifies(text in "\\PC{0,200}", at in 0_usize..60) {
            let ring = ring(&[("a", 1)]);
            prop_assert_eq!(ring.verify("state", &text), None);
            let signed = ring.sign("state", b"0123456789");
            let changed: String = signed
                .chars()
                .enumerate()
                .map(|(i, it)| if i == at { if it == 'A' { 'B' } else { 'A' } } else { it })
                .collect();
            // The last character of a base64 text has unused bits, which are refused as well.
            prop_assert!(changed == signed || ring.verify("state", &changed).is_none());
        }
    }

    #[test]
    fn a_text_of_any_length_is_refused_quickly() {
        assert_eq!(ring(&[("a", 1)]).verify("state", &"A".repeat(20_000)), None);
    }
}
