//! The binary `tformance`: commands, settings, wiring. Begin reading at [`cli`].

mod admin;
mod backup;
mod cli;
mod config;
mod demo;
mod doctor;
mod env;
mod http;
mod keys;
mod migrate;
mod open;
mod operator;
mod serve;
mod shutdown;
mod simulator;
mod telemetry;

fn main() -> std::process::ExitCode {
    cli::run()
}
