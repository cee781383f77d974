//! The key ring: ids, keys, and how they are read from configuration.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use domain::env::{Env, random};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use zeroize::Zeroizing;

/// Names one key of the ring; stored beside every value that it sealed. `[a-z0-9_-]{1,16}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// The longest id, in bytes.
    pub const MAX: usize = 16;

    /// Checks an id.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX).contains(&text.len());
        let plain = text
            .bytes()
            .all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        (fits && plain).then(|| Self(text.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with a key ring's text. Never has any of the text but a key's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// No key at all.
    #[error("has no key")]
    Empty,
    /// An entry without a colon.
    #[error("entry {position} is not of the form id:base64key")]
    Form {
        /// Which entry, counted from 1.
        position: usize,
    },
    /// An id with other characters, none, or too many.
    #[error("entry {position} has an id that is not 1 to 16 of a-z, 0-9, _ and -")]
    Id {
        /// Which entry, counted from 1.
        position: usize,
    },
    /// The key is not base64.
    #[error("the key of {id} is not base64")]
    NotBase64 {
        /// Whose key.
        id: KeyId,
    },
    /// The key has another length than 32 bytes.
    #[error("the key of {id} has {bytes} bytes instead of 32")]
    Length {
        /// Whose key.
        id: KeyId,
        /// How many it has.
        bytes: usize,
    },
    /// Two entries have the same id.
    #[error("the id {id} stands there twice")]
    DuplicateId {
        /// The id.
        id: KeyId,
    },
    /// Two entries have the same key, so that retiring one would retire nothing.
    #[error("the keys of {id} and {other} are the same")]
    DuplicateKey {
        /// One of them.
        id: KeyId,
        /// The other.
        other: KeyId,
    },
}

pub(crate) type Key = SecretBox<[u8; 32]>;

/// The keys of this installation: the first one seals and signs, all of them open and verify.
pub struct KeyRing {
    first: (KeyId, Key),
    others: Vec<(KeyId, Key)>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl KeyRing {
    /// Reads `id:base64key[,…]`; base64 standard or URL-safe, padded or not; white space around
    /// entries and a comma at the end are tolerated.
    ///
    /// # Errors
    ///
    /// [`KeyRingError`], which names the entry and what is wrong with it, never the key.
    pub fn parse(text: &SecretString) -> Result<Self, KeyRingError> {
        let mut keys: Vec<(KeyId, Key)> = Vec::new();
        let entries = text.expose_secret().split(',').map(str::trim);
        for (index, entry) in entries.enumerate() {
            if entry.is_empty() {
                continue;
            }
            let (id, key) = parse_entry(index.saturating_add(1), entry)?;
            for (other, its_key) in &keys {
                if *other == id {
                    return Err(KeyRingError::DuplicateId { id });
                }
                if its_key.expose_secret() == key.expose_secret() {
                    return Err(KeyRingError::DuplicateKey {
                        id,
                        other: other.clone(),
                    });
                }
            }
            keys.push((id, key));
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(KeyRingError::Empty)?;
        Ok(Self {
            first,
            others: keys.collect(),
        })
    }

    /// Makes a new entry for the ring, `id:base64key`, from 256 random bits.
    pub fn generate(env: &dyn Env, id: &KeyId) -> SecretString {
        let key = Zeroizing::new(random::<32>(env));
        let key = Zeroizing::new(general_purpose::STANDARD.encode(key.as_slice()));
        format!("{id}:{}", key.as_str()).into()
    }

    /// The id of the key that seals.
    pub const fn sealing_id(&self) -> &KeyId {
        &self.first.0
    }

    /// The ids of all keys, the sealing one first.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.entries().map(|(id, _)| id)
    }

    pub(crate) const fn sealing_key(&self) -> &Key {
        &self.first.1
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&KeyId, &Key)> {
        std::iter::once(&self.first)
            .chain(&self.others)
            .map(|(id, key)| (id, key))
    }

    pub(crate) fn key(&self, id: &KeyId) -> Option<&Key> {
        self.entries().find(|(it, _)| *it == id).map(|(_, key)| key)
    }
}

fn parse_entry(position: usize, entry: &str) -> Result<(KeyId, Key), KeyRingError> {
    let (id, key) = entry
        .split_once(':')
        .ok_or(KeyRingError::Form { position })?;
    let id = KeyId::parse(id.trim()).ok_or(KeyRingError::Id { position })?;
    let Some(bytes) = decode(key.trim()) else {
        return Err(KeyRingError::NotBase64 { id });
    };
    let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice()) else {
        return Err(KeyRingError::Length {
            id,
            bytes: bytes.len(),
        });
    };
    Ok((id, SecretBox::new(Box::new(key))))
}

fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    const EITHER_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(false);
    let standard = GeneralPurpose::new(&alphabet::STANDARD, EITHER_PADDING);
    let url_safe = GeneralPurpose::new(&alphabet::URL_SAFE, EITHER_PADDING);
    standard
        .decode(text)
        .or_else(|_| url_safe.decode(text))
        .ok()
        .map(Zeroizing::new)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn entry(id: &str, byte: u8) -> String {
        format!("{id}:{}", general_purpose::STANDARD.encode([byte; 32]))
    }

    pub(crate) fn ring(entries: &[(&str, u8)]) -> KeyRing {
        let text: Vec<_> = entries.iter().map(|(id, byte)| entry(id, *byte)).collect();
        KeyRing::parse(&text.join(",").into()).unwrap()
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let err = KeyRing::parse(&text.into()).unwrap_err();
        assert_eq!(err.to_string(), expected);
    }

    #[test]
    fn a_ring_is_read_in_either_alphabet_with_or_without_padding() {
        for engine in [general_purpose::STANDARD, general_purpose::URL_SAFE_NO_PAD] {
            let text = format!(" a:{} , ", engine.encode([0xfb; 32]));
            assert_eq!(
                KeyRing::parse(&text.into()).unwrap().sealing_id().as_str(),
                "a"
            );
        }
        let two = ring(&[("new", 2), ("old", 1)]);
        assert_eq!(
            two.ids().map(KeyId::as_str).collect::<Vec<_>>(),
            ["new", "old"]
        );
    }

    #[test]
    fn a_wrong_ring_is_refused_with_a_reason() {
        refused("", "has no key");
        refused(" , ", "has no key");
        refused("abc", "entry 1 is not of the form id:base64key");
        refused(
            "Abc:AAAA",
            "entry 1 has an id that is not 1 to 16 of a-z, 0-9, _ and -",
        );
        refused(
            ":AAAA",
            "entry 1 has an id that is not 1 to 16 of a-z, 0-9, _ and -",
        );
        refused("a:!!!", "the key of a is not base64");
        refused("a:AAAA", "the key of a has 3 bytes instead of 32");
        refused("a:", "the key of a has 0 bytes instead of 32");
        refused(
            &[entry("a", 1), entry("a", 2)].join(","),
            "the id a stands there twice",
        );
        refused(
            &[entry("a", 1), entry("b", 1)].join(","),
            "the keys of b and a are the same",
        );
        refused(
            &[entry("a", 1), "b".to_owned()].join(","),
            "entry 2 is not of the form id:base64key",
        );
    }

    #[test]
    fn a_generated_key_can_be_read_and_is_not_printed() {
        let env = testkit_env();
        let text = KeyRing::generate(&env, &KeyId::parse("k1").unwrap());
        let ring = KeyRing::parse(&text).unwrap();
        assert_eq!(format!("{ring:?}"), r#"[KeyId("k1")]"#);
        assert!(!format!("{text:?}").contains(text.expose_secret()));
    }

    #[derive(Debug)]
    pub(crate) struct CountingEnv(std::sync::atomic::AtomicU8);

    /// Randomness that repeats; `testkit` cannot be used below `store`.
    pub(crate) fn testkit_env() -> CountingEnv {
        CountingEnv(std::sync::atomic::AtomicU8::new(1))
    }

    impl Env for CountingEnv {
        fn now(&self) -> jiff::Timestamp {
            jiff::Timestamp::UNIX_EPOCH
        }
        fn elapsed(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_or_repeat_a_key(text in "\\PC{0,80}") {
            if let Err(err) = KeyRing::parse(&text.clone().into()) {
                let key = text.split_once(':').map_or("", |(_, key)| key.trim());
                prop_assert!(key.len() < 12 || !err.to_string().contains(key));
            }
        }
    }
}
