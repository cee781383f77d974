//! The whole service: over HTTP without a socket, and the real binary.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod bad_callbacks;
mod interleaving;
mod oauth_flow;
mod people;
mod picker;
mod tidy;
