//! Shared by tests, never shipped: clocks, databases, fixtures.

pub mod db;
pub mod env;
pub mod world;
