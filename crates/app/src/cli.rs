//! The commands and their help.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    admin::AdminArgs,
    backup::{BackupArgs, RestoreArgs},
    config::{ServeArgs, SettingError, StoreArgs},
    demo::DemoArgs,
    doctor::DoctorArgs,
    keys::KeysArgs,
    simulator::SimulatorArgs,
};

/// Connects teams to their Jira Cloud sites and keeps the tokens valid.
///
/// To look around without setting anything up: `tformance demo`.
#[derive(Debug, Parser)]
#[command(
    name = "tformance",
    version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TFORMANCE_COMMIT"), ")"),
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the pages.
    Serve(Box<ServeArgs>),
    /// Serve everything on loopback with a simulated Atlassian; nothing to configure.
    Demo(DemoArgs),
    /// Serve the simulated Atlassian alone.
    Simulator(SimulatorArgs),
    /// Bring the database's schema up to date.
    Migrate(StoreArgs),
    /// Keys that seal tokens at rest.
    Keys(KeysArgs),
    /// Look for what is wrong with this set-up; each fault with its cure.
    Doctor(Box<DoctorArgs>),
    /// Accounts, teams, keys of services, a look at connections, and whose database this is.
    Admin(AdminArgs),
    /// Copy the database into a file while it is served.
    Backup(BackupArgs),
    /// Look whether a backup can be restored.
    Restore(RestoreArgs),
    /// A process of `tformance demo`, to be killed.
    #[command(hide = true)]
    DrillRefresh,
}

/// What was typed or set cannot be taken; said in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misuse(pub(crate) String);

/// Parses the command line, runs the command, and turns its end into an exit code: 0 for success, 2
/// for wrong settings and arguments, 1 for everything else.
pub(crate) fn run() -> ExitCode {
    // Before the arguments are read, which take their defaults from the environment.
    let dotenv = crate::config::read_dotenv();
    let command = Cli::parse().command;
    let result = match command {
        Command::Serve(args) => dotenv.and_then(|()| crate::serve::run(&args)),
        Command::Demo(args) => crate::demo::run(args),
        Command::Simulator(args) => crate::simulator::run(args),
        Command::Migrate(args) => dotenv.and_then(|()| crate::migrate::run(&args)),
        Command::Keys(args) => crate::keys::run(args, dotenv),
        Command::Doctor(args) => crate::doctor::run(&args, &dotenv),
        Command::Admin(args) => dotenv.and_then(|()| crate::admin::run(args)),
        Command::Backup(args) => dotenv.and_then(|()| crate::backup::backup(&args)),
        Command::Restore(args) => dotenv.and_then(|()| crate::backup::restore(&args)),
        Command::DrillRefresh => crate::demo::other_process::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            say_error(&err);
            let is_misuse = err.is::<SettingError>() || err.is::<Misuse>();
            ExitCode::from(if is_misuse { 2 } else { 1 })
        }
    }
}

/// One line, causes included.
#[expect(clippy::print_stderr, reason = "the last word of a command")]
fn say_error(err: &anyhow::Error) {
    let text = format!("{err:#}");
    let line: Vec<&str> = text.split_whitespace().collect();
    eprintln!("tformance: {}", line.join(" "));
}

/// What a command tells its caller, for people and for scripts.
///
/// A caller that has read enough and closed the pipe is no reason to end: a server goes on.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    if let Err(err) = writeln!(std::io::stdout(), "{text}") {
        tracing::debug!(error = %err, "nobody reads standard output");
    }
}

/// What a command says beside its data, for people.
#[expect(clippy::print_stderr, reason = "standard output is for the data")]
pub(crate) fn talk(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
