//! `tformance doctor`: what is wrong with this set-up, each fault with its cure.

use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::say,
    config::{ProcessEnvironment, Readings, ServeArgs, unknown_variables},
    env::SystemEnv,
    serve::runtime,
};

mod machine;
mod network;
mod store;

/// Look for what is wrong with this set-up; changes nothing.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    /// The settings are those of `serve`.
    #[command(flatten)]
    serve: ServeArgs,
}

/// How a check ended.
#[derive(Debug)]
enum Outcome {
    Good,
    /// It could not be made, or does not apply; why.
    Skipped(String),
    Fault {
        fault: String,
        cure: String,
    },
}

/// A check and how it ended.
#[derive(Debug)]
struct Finding {
    check: &'static str,
    outcome: Outcome,
}

impl Finding {
    const fn good(check: &'static str) -> Self {
        Self {
            check,
            outcome: Outcome::Good,
        }
    }

    fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        Self {
            check,
            outcome: Outcome::Skipped(why.into()),
        }
    }

    fn fault(check: &'static str, fault: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            check,
            outcome: Outcome::Fault {
                fault: fault.into(),
                cure: cure.into(),
            },
        }
    }
}

/// Runs all checks.
///
/// # Errors
///
/// If one of them found a fault.
pub(crate) fn run(args: &DoctorArgs, dotenv: &anyhow::Result<()>) -> anyhow::Result<()> {
    let readings = Readings::read(&args.serve, &ProcessEnvironment);
    let mut findings = settings(&readings, dotenv);
    runtime()?.block_on(async {
        findings.extend(store::check(&readings, &SystemEnv).await);
        findings.extend(machine::check(&readings));
        findings.extend(network::check(&readings).await);
    });
    if args.json {
        let all: Vec<Value> = findings.iter().map(as_json).collect();
        say(&Value::from(all).to_string());
    } else {
        for finding in &findings {
            say(&as_text(finding));
        }
    }
    let is_fault = |it: &&Finding| matches!(it.outcome, Outcome::Fault { .. });
    match findings.iter().filter(is_fault).count() {
        0 => Ok(()),
        1 => anyhow::bail!("1 fault"),
        n => anyhow::bail!("{n} faults"),
    }
}

fn settings(readings: &Readings, dotenv: &anyhow::Result<()>) -> Vec<Finding> {
    const CHECK: &str = "settings";
    let mut faults: Vec<Finding> = readings
        .mistakes()
        .into_iter()
        .map(|it| Finding::fault(CHECK, it.fault(), it.cure()))
        .collect();
    if let Err(err) = dotenv {
        faults.push(Finding::fault(
            CHECK,
            format!("{err:#}"),
            "mend the file .env, or remove it",
        ));
    }
    for name in unknown_variables(&ProcessEnvironment) {
        faults.push(Finding::fault(
            CHECK,
            format!("{name} is set, and no setting has this name"),
            "correct the name, or unset it; `tformance serve --help` lists all",
        ));
    }
    if faults.is_empty() {
        faults.push(Finding::good(CHECK));
    }
    faults
}

fn as_text(finding: &Finding) -> String {
    let check = finding.check;
    match &finding.outcome {
        Outcome::Good => format!("good     {check}"),
        Outcome::Skipped(why) => format!("skipped  {check}: {why}"),
        Outcome::Fault { fault, cure } => {
            format!("FAULT    {check}: {fault}\n         cure: {cure}")
        }
    }
}

fn as_json(finding: &Finding) -> Value {
    let (status, detail, cure) = match &finding.outcome {
        Outcome::Good => ("good", None, None),
        Outcome::Skipped(why) => ("skipped", Some(why), None),
        Outcome::Fault { fault, cure } => ("fault", Some(fault), Some(cure)),
    };
    json!({ "check": finding.check, "status": status, "detail": detail, "cure": cure })
}
