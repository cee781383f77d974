//! Random tokens that are shown once and kept as a hash.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    env::{Env, random},
    session::TokenHash,
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Makes a token of 256 random bits, in URL-safe characters.
pub fn generate(env: &dyn Env) -> SecretString {
    let bytes = Zeroizing::new(random::<32>(env));
    URL_SAFE_NO_PAD.encode(bytes.as_slice()).into()
}

/// How a service's key begins, so that people and scanners know one when they see it.
const KEY_PREFIX: &str = "tfk_";

/// What follows the prefix: 256 bits. Keys of before the checksum end here, and are as good as any.
const RANDOM_CHARACTERS: usize = 43;

const CHECKSUM_CHARACTERS: usize = 6;

/// Makes a key for a service: 256 random bits under a prefix of ours, and a checksum of all that.
pub fn generate_key(env: &dyn Env) -> SecretString {
    let token = generate(env);
    let mut key = format!("{KEY_PREFIX}{}", token.expose_secret());
    let checksum = checksum(&key);
    key.push_str(&checksum);
    key.into()
}

/// Why a text is no key, and need not be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// It has not the form of one.
    #[error("not of the form of a key")]
    Form,
    /// It has, and its checksum does not fit: a character was changed, or two were swapped.
    #[error("the checksum does not fit")]
    Checksum,
}

/// What is kept of a service's key.
///
/// # Errors
///
/// [`NotAKey`].
pub fn hash_key(key: &SecretString) -> Result<TokenHash, NotAKey> {
    let is_in_alphabet = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
    let text = key.expose_secret();
    let rest = text.strip_prefix(KEY_PREFIX).ok_or(NotAKey::Form)?;
    if !rest.bytes().all(is_in_alphabet) {
        return Err(NotAKey::Form);
    }
    let (_, end) = rest
        .split_at_checked(RANDOM_CHARACTERS)
        .ok_or(NotAKey::Form)?;
    match end.len() {
        0 => Ok(hash(key)),
        CHECKSUM_CHARACTERS if text.strip_suffix(end).map(checksum).as_deref() == Some(end) => {
            Ok(hash(key))
        }
        CHECKSUM_CHARACTERS => Err(NotAKey::Checksum),
        _ => Err(NotAKey::Form),
    }
}

/// The CRC-32 of a text in base 62, as scanners of leaked secrets know it from other products. It tells
/// every single changed character and every swap of neighbours, for certain; it protects nothing.
fn checksum(text: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_CHARACTERS];
    for digit in digits.iter_mut().rev() {
        let value = usize::try_from(rest % 62).unwrap_or_default();
        *digit = DIGITS.get(value).copied().unwrap_or_default();
        rest /= 62;
    }
    digits.map(char::from).iter().collect()
}

/// The CRC-32 of zip and PNG (ISO 3309), bit by bit: a key has 47 characters.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| {
        let shifted = crc >> 1;
        if crc & 1 == 1 {
            shifted ^ 0xEDB8_8320
        } else {
            shifted
        }
    };
    let all = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc))
    });
    !all
}

/// What is kept of a token. 256 random bits need no slow hash.
pub fn hash(token: &SecretString) -> TokenHash {
    TokenHash(Sha256::digest(token.expose_secret()).into())
}

/// The path of a link with a token in it. To be shown once, to whom the link is for.
pub fn path(before: &str, token: &SecretString) -> String {
    format!("{before}{}", token.expose_secret())
}

/// The S256 challenge of a PKCE verifier (RFC 7636, 4.2).
pub fn code_challenge(verifier: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key_ring::tests::testkit_env;

    #[test]
    fn two_tokens_differ_and_are_long_enough_for_a_verifier() {
        let env = testkit_env();
        let (one, two) = (generate(&env), generate(&env));
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(one.expose_secret().len(), 43);
        assert!(hash(&one) != hash(&two));
    }

    fn told(text: &str) -> Result<(), NotAKey> {
        let key: SecretString = text.into();
        hash_key(&key).map(|it| assert!(it == hash(&key)))
    }

    #[test]
    fn a_key_is_known_by_its_form() {
        let key = generate_key(&testkit_env());
        let text = key.expose_secret();
        assert_eq!(text.len(), 53);
        assert_eq!(told(text), Ok(()));
        assert_eq!(told(&text[..47]), Ok(()), "as keys were made before");
        for bad in [
            "",
            "tfk_",
            "tfk_short",
            &text[4..],
            &text[..46],
            &text[..48],
            &text[..52],
            &format!("{text}a"),
            &text.replace("tfk_", "TFK_"),
            &format!("tfk_{}", " ".repeat(43)),
            &format!("tfk_{}\u{e9}", "a".repeat(42)),
            &format!("{}\u{e9}{}", &text[..46], &text[47..52]),
        ] {
            assert_eq!(told(bad), Err(NotAKey::Form), "{bad:?}");
        }
    }

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(
            crc32(b"123456789"),
            0xCBF4_3926,
            "the check value of its catalogue"
        );
        assert_eq!(checksum(""), "000000");
        assert_eq!(checksum("123456789"), "3jZRME");
        let zeros = format!("tfk_{}", "A".repeat(43));
        assert_eq!(told(&format!("{zeros}{}", checksum(&zeros))), Ok(()));
    }

    proptest! {
        #[test]
        fn a_changed_character_is_told_as_mistyped(seed in any::<[u8; 43]>(), at in 4_usize..53, to in 0_usize..64) {
            let good = key_of(&seed);
            let mut bad = good.clone();
            bad.replace_range(at..=at, &CHARACTERS[to..=to]);
            prop_assume!(bad != good);
            prop_assert_eq!(told(&bad), Err(NotAKey::Checksum));
        }

        #[test]
        fn swapped_characters_are_told_as_mistyped(seed in any::<[u8; 43]>(), one in 4_usize..53, two in 4_usize..53) {
            let good = key_of(&seed);
            let mut characters: Vec<char> = good.chars().collect();
            characters.swap(one, two);
            let bad: String = characters.into_iter().collect();
            prop_assume!(bad != good);
            prop_assert_eq!(told(&bad), Err(NotAKey::Checksum));
        }

        #[test]
        fn whatever_is_presented_is_told_without_a_panic(text in "(tfk_)?.{0,60}") {
            // Whether it is a key does not matter here.
            let _told = told(&text);
        }
    }

    const CHARACTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    fn key_of(seed: &[u8; 43]) -> String {
        let characters: Vec<_> = CHARACTERS.chars().collect();
        let random = seed
            .iter()
            .filter_map(|it| characters.get(usize::from(it % 64)));
        let text = format!("tfk_{}", random.collect::<String>());
        format!("{text}{}", checksum(&text))
    }

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636_appendix_b() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into();
        assert_eq!(
            code_challenge(&verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
