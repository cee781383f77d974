//! Sealing: a secret becomes bytes that open only in their own place.
//!
//! A sealed value is `version ‖ length of the key id ‖ key id ‖ nonce ‖ ciphertext`
//! (XChaCha20-Poly1305). Everything that is not ciphertext is authenticated with it, and so is the
//! name of its place.

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use domain::{
    env::{Env, random},
    ids::TeamId,
    sealed::Sealed,
};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use zeroize::Zeroize as _;

use crate::key_ring::{Key, KeyId, KeyRing};

/// Where a sealed value lives: it opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's id.
    pub row: Uuid,
    /// The team that the row belongs to; nil for the few rows that belong to none.
    pub team: Uuid,
}

impl Place {
    /// A place in a row of a team.
    pub const fn of_team(
        table: &'static str,
        column: &'static str,
        row: Uuid,
        team: TeamId,
    ) -> Self {
        Self {
            table,
            column,
            row,
            team: team.uuid(),
        }
    }

    /// What is authenticated beside the ciphertext: each part with its length, so that no two
    /// places have the same bytes.
    fn associated_data(&self, head: &[u8]) -> Vec<u8> {
        let parts: [&[u8]; 5] = [
            head,
            self.table.as_bytes(),
            self.column.as_bytes(),
            self.row.as_bytes(),
            self.team.as_bytes(),
        ];
        let mut data = Vec::new();
        for part in parts {
            data.extend((part.len() as u64).to_be_bytes());
            data.extend(part);
        }
        data
    }
}

/// Why a value did not open. Says nothing of the value itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The value is not one that this version writes.
    #[error("not a sealed value")]
    Malformed,
    /// The ring lacks the key; it was removed before everything was sealed anew.
    #[error("sealed with key {0}, which the key ring lacks")]
    UnknownKey(KeyId),
    /// The key fits, but the value was changed or belongs to another row, column or team.
    #[error("the value fails its check: it was changed, or moved from another place")]
    Forged,
}

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

impl KeyRing {
    /// Seals `secret` for `place` with the first key. Never looks into the secret.
    pub fn seal(&self, env: &dyn Env, place: Place, secret: &SecretString) -> Sealed {
        seal_under(self.sealing_id(), self.sealing_key(), env, place, secret)
    }

    /// Opens what [`KeyRing::seal`] made.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the value was not sealed for this `place` by a key of this ring.
    pub fn open(&self, place: Place, sealed: &Sealed) -> Result<SecretString, OpenError> {
        let (id, rest) = split_head(sealed)?;
        let (nonce, ciphertext) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(OpenError::Malformed)?;
        let key = self
            .key(&id)
            .ok_or_else(|| OpenError::UnknownKey(id.clone()))?;
        let payload = Payload {
            msg: ciphertext,
            aad: &place.associated_data(&head(&id)),
        };
        let plain = cipher(key)
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| OpenError::Forged)?;
        String::from_utf8(plain)
            .map(SecretString::from)
            .map_err(|err| {
                err.into_bytes().zeroize();
                OpenError::Malformed
            })
    }
}

#[expect(clippy::expect_used, reason = "the cipher fails only beyond 256 GiB")]
pub(crate) fn seal_under(
    id: &KeyId,
    key: &Key,
    env: &dyn Env,
    place: Place,
    secret: &SecretString,
) -> Sealed {
    let head = head(id);
    let nonce = random::<NONCE_BYTES>(env);
    let payload = Payload {
        msg: secret.expose_secret().as_bytes(),
        aad: &place.associated_data(&head),
    };
    let ciphertext = cipher(key)
        .encrypt(&XNonce::from(nonce), payload)
        .expect("fits");
    Sealed::from_bytes([head.as_slice(), &nonce, &ciphertext].concat())
}

/// Which key sealed the value; needs no key to tell, and of the value no more than its [`head`].
///
/// # Errors
///
/// [`OpenError::Malformed`] if it is not a sealed value.
pub fn key_id_of(sealed: &Sealed) -> Result<KeyId, OpenError> {
    split_head(sealed).map(|(id, _)| id)
}

/// What every value begins with that the key `id` sealed, and no other.
pub fn head(id: &KeyId) -> Vec<u8> {
    let id = id.as_str().as_bytes();
    // An id has at most 16 bytes.
    let length = u8::try_from(id.len()).unwrap_or(u8::MAX);
    [&[VERSION, length], id].concat()
}

fn split_head(sealed: &Sealed) -> Result<(KeyId, &[u8]), OpenError> {
    let (&[version, length], rest) = sealed
        .as_bytes()
        .split_first_chunk::<2>()
        .ok_or(OpenError::Malformed)?;
    if version != VERSION {
        return Err(OpenError::Malformed);
    }
    let (id, rest) = rest
        .split_at_checked(usize::from(length))
        .ok_or(OpenError::Malformed)?;
    let id = std::str::from_utf8(id)
        .ok()
        .and_then(KeyId::parse)
        .ok_or(OpenError::Malformed)?;
    Ok((id, rest))
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose_secret().into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key_ring::tests::{ring, testkit_env};

    fn place(row: u128) -> Place {
        Place::of_team(
            "integration_credentials",
            "refresh_token",
            Uuid::from_u128(row),
            TeamId::from_uuid(Uuid::from_u128(7)),
        )
    }

    #[test]
    fn a_value_opens_only_in_its_own_place() {
        let ring = ring(&[("a", 1)]);
        let here = place(1);
        let sealed = ring.seal(&testkit_env(), here, &"s3cret".into());
        assert_eq!(ring.open(here, &sealed).unwrap().expose_secret(), "s3cret");
        for elsewhere in [
            place(2),
            Place {
                column: "access_token",
                ..here
            },
            Place {
                table: "connect_attempts",
                ..here
            },
            Place {
                team: Uuid::from_u128(8),
                ..here
            },
        ] {
            assert_eq!(
                ring.open(elsewhere, &sealed).unwrap_err(),
                OpenError::Forged
            );
        }
    }

    #[test]
    fn a_value_opens_under_every_key_of_the_ring_and_no_other() {
        let old = ring(&[("old", 1)]);
        let sealed = old.seal(&testkit_env(), place(1), &"s3cret".into());
        let both = ring(&[("new", 2), ("old", 1)]);
        assert_eq!(
            both.open(place(1), &sealed).unwrap().expose_secret(),
            "s3cret"
        );
        assert_eq!(key_id_of(&sealed).unwrap().as_str(), "old");
        let head = head(&key_id_of(&sealed).unwrap());
        assert!(sealed.as_bytes().starts_with(&head));
        assert_eq!(
            key_id_of(&Sealed::from_bytes(head)).unwrap().as_str(),
            "old"
        );
        assert_eq!(
            key_id_of(&both.seal(&testkit_env(), place(1), &"x".into()))
                .unwrap()
                .as_str(),
            "new"
        );
        let without = ring(&[("new", 2)]);
        assert!(matches!(
            without.open(place(1), &sealed),
            Err(OpenError::UnknownKey(_))
        ));
        let same_id_other_key = ring(&[("old", 3)]);
        assert_eq!(
            same_id_other_key.open(place(1), &sealed).unwrap_err(),
            OpenError::Forged
        );
    }

    #[test]
    fn two_sealings_of_one_secret_differ() {
        let (ring, env) = (ring(&[("a", 1)]), testkit_env());
        let seal = || ring.seal(&env, place(1), &"s3cret".into());
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_changed_or_cut_value_does_not_open() {
        let ring = ring(&[("a", 1)]);
        let sealed = ring.seal(&testkit_env(), place(1), &"s3cret".into());
        for index in 0..sealed.as_bytes().len() {
            let mut bytes = sealed.as_bytes().to_vec();
            if let Some(byte) = bytes.get_mut(index) {
                *byte ^= 1;
            }
            assert!(
                ring.open(place(1), &Sealed::from_bytes(bytes)).is_err(),
                "byte {index}"
            );
            let cut = sealed.as_bytes().iter().copied().take(index).collect();
            assert!(
                ring.open(place(1), &Sealed::from_bytes(cut)).is_err(),
                "cut at {index}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_never_shows(text in "\\PC{0,400}") {
            let ring = ring(&[("a", 1)]);
            let sealed = ring.seal(&testkit_env(), place(1), &text.clone().into());
            let opened = ring.open(place(1), &sealed).unwrap();
            prop_assert_eq!(opened.expose_secret(), text.as_str());
            let shows = text.len() > 3
                && sealed.as_bytes().windows(text.len()).any(|it| it == text.as_bytes());
            prop_assert!(!shows);
        }

        #[test]
        fn no_bytes_make_opening_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(ring(&[("a", 1)]).open(place(1), &Sealed::from_bytes(bytes)).is_err());
        }

        #[test]
        fn sealing_a_sealed_value_is_not_noticed(text in "[a-z]{1,20}") {
            let (ring, env) = (ring(&[("a", 1)]), testkit_env());
            let once = ring.seal(&env, place(1), &text.into());
            let as_text = format!("{:?}", once.as_bytes());
            let twice = ring.seal(&env, place(1), &as_text.clone().into());
            let opened = ring.open(place(1), &twice).unwrap();
            prop_assert_eq!(opened.expose_secret(), as_text.as_str());
        }
    }
}
