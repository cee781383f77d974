//! Secrets at rest, and signatures. No I/O.
//!
//! - [`KeyRing`]: the keys of this installation. The first seals, all of them open.
//! - [`Place`]: where a sealed value lives. It opens nowhere else.
//! - [`canary`]: known texts that prove the ring, and each key of it.
//! - [`signing`]: what is handed to browsers and must come back unchanged.
//! - [`token_hash`]: random tokens of which only a hash is kept.
//!
//! This crate must not know SQL or HTTP. It is small on purpose: all that can make a token readable
//! is in these files. Begin reading at [`key_ring`].

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod canary;
pub mod key_ring;
pub mod sealing;
pub mod signing;
pub mod token_hash;

pub use key_ring::{KeyId, KeyRing, KeyRingError};
pub use sealing::{OpenError, Place};
