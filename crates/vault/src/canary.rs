//! Canaries: a known text, sealed. If one does not open, the key ring is not this store's.
//!
//! The store has one for the ring as a whole, and one for each key that may have sealed anything, so
//! that a wrong key is found at the start and not when the first old value is needed.

use domain::{env::Env, sealed::Sealed};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::{
    key_ring::{KeyId, KeyRing},
    sealing::{OpenError, Place, key_id_of, seal_under},
};

const TEXT: &str = "tformance";

const PLACE: Place = Place {
    table: "installation",
    column: "canary",
    row: Uuid::nil(),
    team: Uuid::nil(),
};

/// One of these for each key. The key's id is authenticated with the text, so all share a place.
const PLACE_OF_KEYS: Place = Place {
    table: "key_canaries",
    ..PLACE
};

/// Makes a canary for a new store.
pub fn make(ring: &KeyRing, env: &dyn Env) -> Sealed {
    ring.seal(env, PLACE, &TEXT.into())
}

/// Sees whether the canary of a store opens under `ring`.
///
/// # Errors
///
/// [`OpenError`] if the ring lacks its key, or has another one under the same id.
pub fn check(ring: &KeyRing, canary: &Sealed) -> Result<(), OpenError> {
    check_at(PLACE, ring, canary)
}

/// The same text sealed anew with the first key, where another one sealed it.
///
/// # Errors
///
/// As [`check`].
pub fn reseal(ring: &KeyRing, env: &dyn Env, canary: &Sealed) -> Result<Option<Sealed>, OpenError> {
    check(ring, canary)?;
    Ok((key_id_of(canary)? != *ring.sealing_id()).then(|| make(ring, env)))
}

/// Makes the canary of one key; none if the ring lacks it.
pub fn make_for(ring: &KeyRing, id: &KeyId, env: &dyn Env) -> Option<Sealed> {
    let key = ring.key(id)?;
    Some(seal_under(id, key, env, PLACE_OF_KEYS, &TEXT.into()))
}

/// Sees whether the canary of the key `id` opens under the key that the ring has by that id.
///
/// # Errors
///
/// [`OpenError::UnknownKey`] if the ring lacks the key, [`OpenError::Forged`] if it has another one
/// under the same id, or the canary is another key's.
pub fn check_for(ring: &KeyRing, id: &KeyId, canary: &Sealed) -> Result<(), OpenError> {
    if key_id_of(canary)? != *id {
        return Err(OpenError::Forged);
    }
    check_at(PLACE_OF_KEYS, ring, canary)
}

fn check_at(place: Place, ring: &KeyRing, canary: &Sealed) -> Result<(), OpenError> {
    let text = ring.open(place, canary)?;
    if text.expose_secret() == TEXT {
        Ok(())
    } else {
        Err(OpenError::Forged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_ring::tests::{ring, testkit_env};

    #[test]
    fn the_canary_sings_for_its_own_ring_only() {
        let canary = make(&ring(&[("a", 1)]), &testkit_env());
        assert_eq!(check(&ring(&[("b", 2), ("a", 1)]), &canary), Ok(()));
        assert_eq!(check(&ring(&[("a", 2)]), &canary), Err(OpenError::Forged));
        assert!(matches!(
            check(&ring(&[("b", 1)]), &canary),
            Err(OpenError::UnknownKey(_))
        ));
    }

    #[test]
    fn each_key_has_a_canary_of_its_own() {
        let (both, env) = (ring(&[("a", 1), ("b", 2)]), testkit_env());
        let (a, b) = (KeyId::parse("a").unwrap(), KeyId::parse("b").unwrap());
        let of_b = make_for(&both, &b, &env).unwrap();
        assert_eq!(check_for(&both, &b, &of_b), Ok(()));
        assert_eq!(check_for(&both, &a, &of_b), Err(OpenError::Forged));
        let slip = ring(&[("a", 1), ("b", 3)]);
        assert_eq!(check_for(&slip, &b, &of_b), Err(OpenError::Forged));
        let gone = ring(&[("a", 1)]);
        assert_eq!(
            check_for(&gone, &b, &of_b),
            Err(OpenError::UnknownKey(b.clone()))
        );
        assert!(make_for(&gone, &b, &env).is_none());
        assert!(check(&both, &of_b).is_err(), "another place");
    }

    #[test]
    fn the_canary_is_sealed_anew_only_where_another_key_sealed_it() {
        let (old, env) = (ring(&[("a", 1)]), testkit_env());
        let canary = make(&old, &env);
        assert_eq!(reseal(&old, &env, &canary), Ok(None));
        let new = ring(&[("b", 2), ("a", 1)]);
        let resealed = reseal(&new, &env, &canary).unwrap().unwrap();
        assert_eq!(check(&ring(&[("b", 2)]), &resealed), Ok(()));
        assert!(reseal(&ring(&[("b", 2)]), &env, &canary).is_err());
    }
}
