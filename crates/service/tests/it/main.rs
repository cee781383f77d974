//! Use cases against the simulator over real HTTP, on both databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod choose_site;
mod connect;
mod disconnect;
mod people;
mod refresh;
mod sealing;
