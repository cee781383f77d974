//! Logs: to standard error, as text or JSON.

use anyhow::{Context as _, bail};
use tracing_subscriber::EnvFilter;

use crate::config::StoreArgs;

/// Starts logging for the rest of the process.
///
/// # Errors
///
/// If filter or format cannot be read.
pub(crate) fn start(args: &StoreArgs) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&args.log_filter)
        .context("RUST_LOG is no filter; for example RUST_LOG=info,sqlx=warn")?;
    let logs = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        // It would tell of a closed standard error on standard error, and panic.
        .log_internal_errors(false);
    match args.log_format.as_str() {
        "text" => logs.with_ansi(false).init(),
        "json" => logs.json().flatten_event(true).init(),
        other => {
            bail!("LOG_FORMAT is {other:?}, neither text nor json; for example LOG_FORMAT=json")
        }
    }
    Ok(())
}
