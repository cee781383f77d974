//! `tformance admin connections` and `connection`: in what state, why, since when; no secrets.

use anyhow::bail;
use clap::Args;
use domain::{
    credential::{RefreshOutcome, RevocationReason},
    provider_health::ProviderHealth,
    state::{ConnectionState, Reason},
    text::AccountId,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use service::connections::{self as use_case, Installation, TeamConnection};

use crate::{
    cli::{Misuse, say},
    config::{ConsentArgs, StoreArgs},
    operator,
    serve::runtime,
};

/// Which of them, and how they are told.
#[derive(Debug, Args)]
pub(crate) struct ConnectionsArgs {
    /// Only those in this state, as `reconnect_needed`.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Answer in JSON: one object, with one connection a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Which one, and how it is told.
#[derive(Debug, Args)]
pub(crate) struct ConnectionArgs {
    /// The team's short name, as in the address of its pages.
    #[arg(value_name = "TEAM")]
    team: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Lists them a page at a time: however many there are.
///
/// # Errors
///
/// A wrong setting or state, or a database that does not answer.
pub(crate) fn list(args: &ConnectionsArgs) -> anyhow::Result<()> {
    let wanted = args.state.as_deref().map(state).transpose()?;
    let consent_lifetime_days = args.consent.lifetime_days()?;
    let (url, key_ring) = operator::settings(&args.store)?;
    runtime()?.block_on(async {
        let mut services = operator::services(&url, key_ring).await?;
        services.policy.consent_lifetime_days = consent_lifetime_days;
        let (installation, mut connections) = use_case::list(&services, wanted).await?;
        let begin = if args.json { begin_json } else { begin_table };
        begin(&installation);
        let mut is_first = true;
        while let Some(page) = connections.next_page().await? {
            for it in &page {
                if args.json {
                    let comma = if is_first { "" } else { "," };
                    say(&format!("{comma}{}", as_json(it)));
                } else {
                    say(&as_line(it));
                }
                is_first = false;
            }
        }
        if args.json {
            say("]}");
        }
        drop(connections);
        services.store.close().await;
        Ok(())
    })
}

fn state(name: &str) -> Result<ConnectionState, Misuse> {
    ConnectionState::parse(name).ok_or_else(|| {
        let names = ConnectionState::ALL.map(ConnectionState::as_str);
        Misuse(format!(
            "no state is called {name:?}; they are {}",
            names.join(", ")
        ))
    })
}

fn begin_json(installation: &Installation) {
    let incidents = installation.incidents.iter().map(|it| {
        json!({
            "kind": it.kind.as_str(),
            "opened_at": it.opened_at.to_string(),
        })
    });
    let provider = &installation.provider;
    let health = json!({
        "is_down": provider.is_down,
        "failing_since": time(provider.failing_since),
        "next_probe_at": time(provider.next_probe_at),
        "last_success_at": time(provider.last_success_at),
        "last_outcome": provider.last_outcome.map(RefreshOutcome::as_str),
    });
    let incidents = Value::from(incidents.collect::<Vec<_>>());
    say(&format!(
        "{{\"provider\":{health},\"operator_incidents\":{incidents},\"connections\":["
    ));
}

fn begin_table(installation: &Installation) {
    say(&provider_line(&installation.provider));
    for it in &installation.incidents {
        say(&format!(
            "The operator is needed: {} since {}",
            it.kind.as_str(),
            short(Some(it.opened_at))
        ));
    }
    say("");
    say(&line([
        "TEAM",
        "STATE",
        "SINCE",
        "NEXT REFRESH",
        "LAST SUCCESS",
        "REASON",
        "SITE",
    ]));
}

fn provider_line(health: &ProviderHealth) -> String {
    if health.is_down {
        return format!(
            "Atlassian does not answer since {}; asked again at {}",
            short(health.failing_since),
            short(health.next_probe_at)
        );
    }
    match health.last_success_at {
        Some(at) => format!("Atlassian answers; last at {}", short(Some(at))),
        None => "Atlassian was not asked yet".to_owned(),
    }
}

fn line(cells: [&str; 7]) -> String {
    let [team, state, since, next, success, reason, site] = cells;
    let line = format!(
        "{team:<30}  {state:<19}  {since:<20}  {next:<20}  {success:<20}  {reason:<20}  {site}"
    );
    line.trim_end().to_owned()
}

fn as_line(it: &TeamConnection) -> String {
    let credential = it.credential.as_ref();
    line([
        it.team.slug.as_str(),
        it.assessment.state.as_str(),
        &short(it.since),
        &short(it.assessment.next_attempt_at),
        &short(credential.and_then(|it| it.last_refreshed_at)),
        it.assessment.reason.map_or("-", Reason::as_str),
        it.site.as_ref().map_or("-", |it| it.url.as_str()),
    ])
}

/// To the second.
fn short(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "-".to_owned(),
        |it| it.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

/// Shows one.
///
/// # Errors
///
/// A wrong setting, a team that is not there, or a database that does not answer.
pub(crate) fn show(args: &ConnectionArgs) -> anyhow::Result<()> {
    let consent_lifetime_days = args.consent.lifetime_days()?;
    let (url, key_ring) = operator::settings(&args.store)?;
    runtime()?.block_on(async {
        let mut services = operator::services(&url, key_ring).await?;
        services.policy.consent_lifetime_days = consent_lifetime_days;
        let found = use_case::find(&services, &args.team).await?;
        services.store.close().await;
        let Some(found) = found else {
            bail!("no team has the short name {:?}", args.team);
        };
        let facts = as_json(&found);
        if args.json {
            say(&facts.to_string());
        } else {
            for (name, value) in facts.as_object().into_iter().flatten() {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                say(&format!("{name:<22} {value}"));
            }
        }
        Ok(())
    })
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|it| it.to_string())
}

/// Everything but the tokens.
fn as_json(it: &TeamConnection) -> Value {
    let credential = it.credential.as_ref();
    let tokens = credential.and_then(|it| it.tokens.as_ref());
    json!({
        "team": it.team.slug.as_str(),
        "team_id": it.team.id.to_string(),
        "state": it.assessment.state.as_str(),
        "reason": it.assessment.reason.map(Reason::as_str),
        "since": time(it.since),
        "incident": it.incident.map(|(kind, at)| json!({
            "kind": kind.as_str(),
            "opened_at": at.to_string(),
        })),
        "site_url": it.site.as_ref().map(|it| it.url.as_str()),
        "cloud_id": it.site.as_ref().map(|it| it.cloud_id.as_str()),
        "credential_id": credential.map(|it| it.id.to_string()),
        "account_id": credential.and_then(|it| it.account_id.as_ref()).map(AccountId::as_str),
        "scopes": credential.map(|it| it.scopes.iter().collect::<Vec<_>>()),
        "generation": credential.map(|it| it.generation.0),
        "token_valid_until": time(tokens.map(|it| it.access_expires_at)),
        "next_attempt_at": time(it.assessment.next_attempt_at),
        "consented_at": time(credential.and_then(|it| it.consented_at)),
        "consent_ends_at": time(it.assessment.consent_ends_at),
        "last_refreshed_at": time(credential.and_then(|it| it.last_refreshed_at)),
        "last_used_at": time(credential.and_then(|it| it.last_used_at)),
        "last_outcome": credential.and_then(|it| it.last_outcome).map(RefreshOutcome::as_str),
        "consecutive_failures": credential.map(|it| it.consecutive_failures),
        "failing_since": time(credential.and_then(|it| it.schedule.failing_since)),
        "revoked_at": time(credential.and_then(|it| it.revoked_at)),
        "revocation_reason": credential.and_then(|it| it.revocation_reason).map(RevocationReason::as_str),
        "disconnected_at": time(credential.and_then(|it| it.disconnected_at)),
    })
}
