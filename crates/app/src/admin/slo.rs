//! `tformance admin slo`: how many reads were answered with a valid token.

use anyhow::bail;
use clap::Args;
use domain::slo::Share;
use serde_json::{Value, json};
use service::slo::{self as use_case, Kept};

use crate::{cli::say, config::StoreArgs, operator, serve::runtime};

/// Whose, and how it is told.
#[derive(Debug, Args)]
pub(crate) struct SloArgs {
    /// Only of this team, by its short name.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

/// Tells it.
///
/// # Errors
///
/// A wrong setting, a team that is not there, or a database that does not answer.
pub(crate) fn run(args: &SloArgs) -> anyhow::Result<()> {
    let (url, key_ring) = operator::settings(&args.store)?;
    runtime()?.block_on(async {
        let services = operator::services(&url, key_ring).await?;
        let found = use_case::read(&services, args.team.as_deref()).await?;
        services.store.close().await;
        let Some(all) = found else {
            bail!(
                "no team has the short name {:?}",
                args.team.as_deref().unwrap_or_default()
            );
        };
        if args.json {
            say(&Value::from(all.iter().map(as_json).collect::<Vec<_>>()).to_string());
            return Ok(());
        }
        say(&line([
            "OVER",
            "VALID TOKEN",
            "BUT FOR ATLASSIAN",
            "SERVED",
            "ATLASSIAN DOWN",
            "OUR FAULT",
            "NO GRANT",
            "CALLER'S FAULT",
        ]));
        for it in &all {
            let reads = &it.reads;
            let share = |it: Option<Share>| it.map_or_else(|| "-".to_owned(), |it| it.to_string());
            say(&line([
                it.period.as_str(),
                &share(reads.served_share()),
                &share(reads.served_share_without_outages()),
                &reads.served.to_string(),
                &reads.provider_outage.to_string(),
                &reads.our_fault.to_string(),
                &reads.no_grant.to_string(),
                &reads.callers_fault.to_string(),
            ]));
        }
        Ok(())
    })
}

fn line(cells: [&str; 8]) -> String {
    let [over, valid, but, served, down, fault, grant, caller] = cells;
    format!(
        "{over:<4}  {valid:>11}  {but:>17}  {served:>12}  {down:>14}  {fault:>9}  {grant:>9}  {caller:>14}"
    )
}

fn as_json(it: &Kept) -> Value {
    let reads = &it.reads;
    json!({
        "over": it.period.as_str(),
        "since": it.began_at.to_string(),
        "valid_token_percent": reads.served_share().map(Share::percent),
        "valid_token_percent_without_outages": reads.served_share_without_outages().map(Share::percent),
        "served": reads.served,
        "provider_outage": reads.provider_outage,
        "our_fault": reads.our_fault,
        "no_grant": reads.no_grant,
        "callers_fault": reads.callers_fault,
    })
}
