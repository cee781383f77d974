//! The form in which a secret is kept: bytes that only `vault` can open.

/// A sealed secret, as it lies in the database.
///
/// Only `vault` makes and opens these; everything else carries them as opaque bytes. It is a type
/// of its own so that clear text and ciphertext cannot be confused (`acceptance.md` D28).
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Takes bytes that were sealed before.
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to keep.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}
