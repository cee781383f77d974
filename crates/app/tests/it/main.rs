//! The whole service: over HTTP without a socket, and the real binary.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod admin;
mod api;
mod atlassian_trouble;
mod audit_page;
mod authority;
mod backup;
mod bad_callbacks;
mod cli;
mod csrf;
mod demo;
mod doctor;
mod drills;
mod form_bodies;
mod health_page;
mod interleaving;
mod keys;
mod keys_page;
mod mail;
mod metrics;
mod oauth_flow;
mod people;
mod picker;
mod process;
mod proxy;
mod routes;
mod secrets;
mod shutdown;
mod statements;
mod store_trouble;
mod tformance;
mod tidy;
