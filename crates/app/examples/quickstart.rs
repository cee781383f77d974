//! The quick start in Rust as `docs/api.md` and the keys page have it, so that `e2e/foreign` can run it.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "what others write has not our rules"
)]

include!("../../../docs/quickstarts/rust-reqwest.rs");
