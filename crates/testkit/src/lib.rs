//! Shared by tests, never shipped: clocks, databases, fixtures, a whole service without a socket.

pub mod app;
pub mod db;
pub mod env;
pub mod hooks;
pub mod logs;
pub mod notices;
pub mod output;
pub mod process;
pub mod secrets;
pub mod smtp;
pub mod steps;
pub mod world;
