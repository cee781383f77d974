//! Logs: to standard error, as text or JSON.

use tracing_subscriber::EnvFilter;

use crate::config::{SettingError, StoreArgs, shortened};

/// Starts logging for the rest of the process.
///
/// # Errors
///
/// [`SettingError`] if filter or format cannot be read.
pub(crate) fn start(args: &StoreArgs) -> Result<(), SettingError> {
    let filter = EnvFilter::try_new(&args.log_filter).map_err(|_| {
        let what = format!("is {:?}, not a filter", shortened(&args.log_filter));
        SettingError::new("RUST_LOG", what, "info,sqlx=warn")
    })?;
    let logs = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        // It would tell of a closed standard error on standard error, and panic.
        .log_internal_errors(false);
    match args.log_format.as_str() {
        "text" => logs.with_ansi(false).init(),
        "json" => logs.json().flatten_event(true).init(),
        other => {
            let what = format!("is {:?}, neither text nor json", shortened(other));
            return Err(SettingError::new("LOG_FORMAT", what, "json"));
        }
    }
    Ok(())
}
