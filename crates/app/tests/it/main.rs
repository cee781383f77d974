//! The whole service: over HTTP without a socket, and the real binary.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod tidy;
