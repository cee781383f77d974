//! Use cases against the simulator over real HTTP, on both databases.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod account;
mod account_question;
mod api_keys;
mod budget;
mod change_site;
mod check_site;
mod choose_site;
mod connect;
mod connections;
mod disconnect;
mod engine;
mod incidents;
mod keys;
mod members;
mod people;
mod reconnect;
mod refresh;
mod retention;
mod sealing;
mod sending;
mod slo;
mod states;
