//! `tformance keys`: makes keys for `ENCRYPTION_KEYS`, says which are in use, rotates and retires.

use anyhow::bail;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use service::{
    keys::{KeyRole, KeyStatus, KeysStatus, RetireError},
    rotate_keys::Rotation,
};
use vault::{KeyId, KeyRing};

use crate::{
    cli::{Misuse, say},
    config::StoreArgs,
    env::SystemEnv,
    operator,
    serve::{key_error, runtime},
};

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
    /// Say how many stored values each key sealed, and in which column. Changes nothing.
    ///
    /// Ends with 1 where something is wrong: a key that is missing or not the right one, values that
    /// name no key.
    Status(ReportArgs),
    /// Seal everything anew with the first key of `ENCRYPTION_KEYS`.
    ///
    /// Runs beside processes that serve, and may be stopped and run again. Ends with 1 where values
    /// are left that other keys sealed.
    Rotate(ReportArgs),
    /// Forget a key that no stored value needs, so that it can be taken out of `ENCRYPTION_KEYS`.
    ///
    /// Ends with 1, and changes nothing, where a value needs it or it is the first key.
    Retire {
        /// The key's id.
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        store: StoreArgs,
    },
}

#[derive(Debug, Args)]
struct ReportArgs {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the command. `dotenv` is how reading `.env` went; making a key does not need it.
///
/// # Errors
///
/// A wrong setting or database, or what the command found wrong.
pub(crate) fn run(args: KeysArgs, dotenv: anyhow::Result<()>) -> anyhow::Result<()> {
    match args.command {
        KeysCommand::Generate { id } => generate(id),
        KeysCommand::Status(args) => dotenv.and_then(|()| status(&args)),
        KeysCommand::Rotate(args) => dotenv.and_then(|()| rotate(&args)),
        KeysCommand::Retire { id, store } => dotenv.and_then(|()| retire(&id, &store)),
    }
}

fn generate(id: Option<String>) -> anyhow::Result<()> {
    let env = SystemEnv;
    let id = key_id(&id.unwrap_or_else(|| default_id(env)))?;
    say(KeyRing::generate(&env, &id).expose_secret());
    Ok(())
}

fn default_id(env: SystemEnv) -> String {
    use domain::env::Env as _;
    format!("k{}", env.now().strftime("%Y%m%d"))
}

fn key_id(text: &str) -> anyhow::Result<KeyId> {
    KeyId::parse(text).ok_or_else(|| {
        let what = "the id must be 1 to 16 of a-z, 0-9, _ and -; for example k2";
        Misuse(what.to_owned()).into()
    })
}

fn status(args: &ReportArgs) -> anyhow::Result<()> {
    let (url, key_ring) = operator::settings(&args.store)?;
    runtime()?.block_on(async {
        let services = operator::services(&url, key_ring).await?;
        let status = service::keys::status(&services).await?;
        services.store.close().await;
        if args.json {
            say(&status_json(&status).to_string());
        } else {
            say(&status_text(&status));
        }
        match what_is_wrong(&status) {
            Some(wrong) => bail!("{wrong}"),
            None => Ok(()),
        }
    })
}

fn what_is_wrong(status: &KeysStatus) -> Option<String> {
    for key in &status.keys {
        let (id, total) = (&key.id, key.total());
        if key.role == KeyRole::Missing && total > 0 {
            return Some(format!(
                "{total} stored values need the key {id}, which ENCRYPTION_KEYS lacks; put it back"
            ));
        }
        if key.is_right == Some(false) {
            return Some(format!(
                "ENCRYPTION_KEYS has another key under the id {id} than this database knows; put the right one back"
            ));
        }
    }
    let malformed: u64 = status.malformed.iter().map(|(_, count)| count).sum();
    (malformed > 0).then(|| format!("{malformed} stored values are no sealed values"))
}

fn status_text(status: &KeysStatus) -> String {
    let mut lines = vec![format!("{:<16}  {:<7}  {:>9}", "key", "role", "values")];
    for key in &status.keys {
        let (id, role, total) = (key.id.as_str(), key.role.as_str(), key.total());
        lines.push(format!("{id:<16}  {role:<7}  {total:>9}{}", may_go(key)));
        for (column, count) in &key.values {
            lines.push(format!("{:<27}{count:>9}  {column}", ""));
        }
    }
    for (column, count) in &status.malformed {
        lines.push(format!("no sealed value: {count} in {column}"));
    }
    lines.join("\n")
}

fn may_go(key: &KeyStatus) -> &'static str {
    match (key.role, key.is_right) {
        (_, Some(false)) => "  not the key that this database knows by this id",
        (KeyRole::Seals, _) => "",
        _ if key.total() > 0 => "",
        _ => "  may go: `tformance keys retire` forgets it",
    }
}

fn status_json(status: &KeysStatus) -> Value {
    let counts = |counts: &[(String, u64)]| -> Value {
        let counts = counts.iter();
        counts
            .map(|(column, count)| (column.clone(), json!(count)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let key = |key: &KeyStatus| {
        json!({
            "id": key.id.as_str(),
            "role": key.role.as_str(),
            "is_right": key.is_right,
            "total": key.total(),
            "values": counts(&key.values),
            "may_go": key.role != KeyRole::Seals && key.total() == 0,
        })
    };
    json!({
        "keys": status.keys.iter().map(key).collect::<Vec<_>>(),
        "malformed": counts(&status.malformed),
    })
}

fn rotate(args: &ReportArgs) -> anyhow::Result<()> {
    let (url, key_ring) = operator::settings(&args.store)?;
    runtime()?.block_on(async {
        let services = operator::services(&url, key_ring).await?;
        let rotation = service::rotate_keys::rotate(&services).await;
        let rotation = rotation.map_err(key_error)?;
        let id = services.key_ring.sealing_id();
        if args.json {
            say(&rotation_json(id, &rotation).to_string());
        } else {
            say(&rotation_text(id, &rotation));
        }
        services.store.close().await;
        match (rotation.refused.len(), rotation.left) {
            (0, 0) => Ok(()),
            (0, left) => bail!(
                "{left} values were saved under another key meanwhile; run it again once every process has {id} first"
            ),
            (refused, _) => bail!("{refused} values do not open and stay as they are"),
        }
    })
}

fn rotation_text(id: &KeyId, rotation: &Rotation) -> String {
    let mut lines = vec![format!(
        "{} values sealed anew with {id}; {} were replaced by newer ones meanwhile; {} left under other keys",
        rotation.resealed, rotation.overtaken, rotation.left
    )];
    for refused in &rotation.refused {
        let (column, row, why) = (refused.column, refused.value.row, &refused.why);
        let team = refused.value.team;
        lines.push(format!("{column} of row {row}, team {team}: {why}"));
    }
    lines.join("\n")
}

fn rotation_json(id: &KeyId, rotation: &Rotation) -> Value {
    let refused = rotation.refused.iter().map(|it| {
        json!({
            "column": it.column.to_string(),
            "row": it.value.row.to_string(),
            "team": it.value.team.to_string(),
            "why": it.why.to_string(),
        })
    });
    json!({
        "key": id.as_str(),
        "resealed": rotation.resealed,
        "overtaken": rotation.overtaken,
        "left": rotation.left,
        "refused": refused.collect::<Vec<_>>(),
    })
}

fn retire(id: &str, args: &StoreArgs) -> anyhow::Result<()> {
    let id = key_id(id)?;
    let (url, key_ring) = operator::settings(args)?;
    runtime()?.block_on(async {
        let services = operator::services(&url, key_ring).await?;
        let left = match service::keys::retire(&services, &id).await {
            Ok(left) => left,
            Err(RetireError::InUse(counts)) => {
                for (column, count) in &counts {
                    say(&format!("{count:>9}  {column}"));
                }
                let err = RetireError::InUse(counts);
                bail!("{id} cannot go: {err}; run `tformance keys rotate` first")
            }
            Err(err @ (RetireError::Seals | RetireError::Unknown)) => {
                bail!("{id} cannot go: {err}")
            }
            Err(RetireError::Failed(err)) => return Err(err.into()),
        };
        services.store.close().await;
        let ids: Vec<&str> = left.iter().map(KeyId::as_str).collect();
        say(&format!(
            "{id} is needed by nothing; take it out of ENCRYPTION_KEYS, which keeps: {}",
            ids.join(",")
        ));
        Ok(())
    })
}
