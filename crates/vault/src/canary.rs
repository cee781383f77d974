//! The canary: a known text, sealed. If it does not open, the key ring is not this store's.

use domain::{env::Env, sealed::Sealed};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::{
    key_ring::KeyRing,
    sealing::{OpenError, Place},
};

const TEXT: &str = "tformance";

const PLACE: Place = Place {
    table: "installation",
    column: "canary",
    row: Uuid::nil(),
    team: Uuid::nil(),
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
    let text = ring.open(PLACE, canary)?;
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
}
