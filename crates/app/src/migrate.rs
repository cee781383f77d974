//! `tformance migrate`: brings the schema up to date, as a step of its own.

use crate::{
    cli::say,
    config::{self, ProcessEnvironment, StoreArgs},
    open::{self, OldSchema},
    telemetry,
};

/// Runs the command.
///
/// # Errors
///
/// If the database cannot be reached, or its schema is a newer version's.
pub(crate) fn run(args: &StoreArgs) -> anyhow::Result<()> {
    let url = config::database_url(args, &ProcessEnvironment)?;
    telemetry::start(args)?;
    crate::serve::runtime()?.block_on(async {
        let store = open::open(&url, OldSchema::Migrate).await?;
        store.close().await;
        say("the schema is up to date");
        Ok(())
    })
}
