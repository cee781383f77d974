//! What is promised of several real processes: storms of callers, and processes that are killed or paused at
//! any step of a refresh; and a key that ends in all of them at once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod figures;
mod kill;
mod kill_sending;
mod pause;
mod proof;
mod refresher;
mod revoke;
mod storm;
