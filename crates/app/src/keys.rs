//! `tformance keys`: makes keys for `ENCRYPTION_KEYS`.

use anyhow::bail;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use vault::{KeyId, KeyRing};

use crate::{cli::say, env::SystemEnv};

/// Keys that seal tokens at rest.
#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Print a new entry for `ENCRYPTION_KEYS`, `id:base64key`. Keep it as you keep passwords: without
    /// it the stored tokens cannot be read, and with it they can.
    Generate {
        /// The key's id: 1 to 16 of a-z, 0-9, _ and - [default: k and the date].
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
}

/// Runs the command.
///
/// # Errors
///
/// If the id is none.
pub(crate) fn run(args: KeysArgs) -> anyhow::Result<()> {
    let KeysCommand::Generate { id } = args.command;
    let env = SystemEnv;
    let id = id.unwrap_or_else(|| default_id(env));
    let Some(id) = KeyId::parse(&id) else {
        bail!("the id must be 1 to 16 of a-z, 0-9, _ and -; for example --id k2");
    };
    say(KeyRing::generate(&env, &id).expose_secret());
    Ok(())
}

fn default_id(env: SystemEnv) -> String {
    use domain::env::Env as _;
    format!("k{}", env.now().strftime("%Y%m%d"))
}
