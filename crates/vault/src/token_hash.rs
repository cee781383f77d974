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

/// Makes a key for a service: 256 random bits under a prefix of ours.
pub fn generate_key(env: &dyn Env) -> SecretString {
    let token = generate(env);
    format!("{KEY_PREFIX}{}", token.expose_secret()).into()
}

/// What is kept of a service's key; none for a text that has not the form of one and need not be looked
/// for.
pub fn hash_key(key: &SecretString) -> Option<TokenHash> {
    let is_in_alphabet = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
    let rest = key.expose_secret().strip_prefix(KEY_PREFIX)?;
    (rest.len() == 43 && rest.bytes().all(is_in_alphabet)).then(|| hash(key))
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

    #[test]
    fn a_key_is_known_by_its_form() {
        let key = generate_key(&testkit_env());
        let text = key.expose_secret();
        assert!(hash_key(&key) == Some(hash(&key)));
        for bad in [
            "",
            "tfk_",
            "tfk_short",
            &text[4..],
            &format!("{text}a"),
            &text.replace("tfk_", "TFK_"),
            &format!("tfk_{}", " ".repeat(43)),
        ] {
            assert!(hash_key(&bad.into()).is_none(), "{bad:?}");
        }
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
