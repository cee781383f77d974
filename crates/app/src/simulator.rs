//! `tformance simulator`: the simulated Atlassian alone, for whoever tests a client of their own.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use atlassian_sim::{Ports, ShiftedEnv, Sim, SimOptions};
use clap::Args;
use url::Url;

use crate::{
    cli::say,
    config::StoreArgs,
    env::SystemEnv,
    serve::runtime,
    shutdown::{Signals, run_until_signal},
    telemetry,
};

/// Serve the simulated Atlassian alone.
#[derive(Debug, Args)]
pub(crate) struct SimulatorArgs {
    /// The port of the authorization server; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8100)]
    auth_port: u16,
    /// The port of the sign-in and consent pages and of the gateway.
    #[arg(long, value_name = "PORT", default_value_t = 8101)]
    api_port: u16,
    /// The port where clock and faults are set.
    #[arg(long, value_name = "PORT", default_value_t = 8102)]
    control_port: u16,
    /// The client id of the registered app.
    #[arg(long, value_name = "ID", default_value = "simulated-client")]
    client_id: String,
    /// The redirect URI of the registered app, compared exactly.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8000/integrations/jira/callback"
    )]
    redirect_uri: Url,
}

/// The registered app's secret. Not a secret to keep: it opens nothing but a simulator.
pub(crate) const CLIENT_SECRET: &str = "simulated-secret";

/// Runs the command until a signal comes.
///
/// # Errors
///
/// If a port cannot be had.
pub(crate) fn run(args: SimulatorArgs) -> anyhow::Result<()> {
    telemetry::start(&StoreArgs::for_demo())?;
    runtime()?.block_on(async {
        let signals = Signals::listen()?;
        let clock = Arc::new(ShiftedEnv::new(Arc::new(SystemEnv)));
        let options = SimOptions {
            ports: Ports {
                auth: args.auth_port,
                api: args.api_port,
                control: args.control_port,
            },
            clock: Some(Arc::clone(&clock)),
            ..SimOptions::new(&args.client_id, CLIENT_SECRET.into(), args.redirect_uri)
        };
        let sim = Sim::start(clock, options)
            .await
            .context("the simulator did not start")?;
        let origin = |url: &Url| url.origin().ascii_serialization();
        say(&format!("JIRA_AUTH_URL={}", origin(sim.auth_url())));
        say(&format!("JIRA_API_URL={}", origin(sim.api_url())));
        say(&format!("JIRA_CLIENT_ID={}", args.client_id));
        say(&format!("JIRA_CLIENT_SECRET={CLIENT_SECRET}"));
        say(&format!(
            "# clock and faults: {}",
            origin(sim.control_url())
        ));
        let stop = tokio_util::sync::CancellationToken::new();
        let limit = Duration::from_secs(1);
        run_until_signal(signals, stop.clone(), limit, stop.cancelled()).await;
        sim.stop().await;
        Ok(())
    })
}
