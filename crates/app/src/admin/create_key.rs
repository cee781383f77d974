//! `tformance admin create-key`: a key for a service of a team, printed once.

use anyhow::bail;
use clap::Args;
use domain::{
    api_key::{Lasting, Rights},
    text::{CloudId, Slug},
};
use serde_json::json;
use service::api_keys::{Created, KeyWish, OperatorKeyError, create_as_operator};

use crate::{
    cli::{Misuse, say, talk},
    config::StoreArgs,
    operator,
    serve::runtime,
};

/// For whom, and what it may do.
#[derive(Debug, Args)]
pub(crate) struct CreateKeyArgs {
    /// The team, by its short name: the part after `/a/` of its pages.
    #[arg(value_name = "TEAM")]
    team: String,
    /// The service that the key is for, as people call it.
    #[arg(value_name = "SERVICE")]
    name: String,
    /// What it may do: `everything`, `read_everything` or `read_issues`.
    #[arg(
        long,
        value_name = "RIGHTS",
        default_value = "everything",
        conflicts_with = "may"
    )]
    rights: String,
    /// What it may do, instead of `--rights`: of `status`, `token` and `proxy`, separated by commas.
    #[arg(long, value_name = "CALL", value_delimiter = ',')]
    may: Vec<String>,
    /// By which methods it may call through the proxy, such as `GET,POST` [default: all].
    #[arg(long, value_name = "METHOD", value_delimiter = ',', requires = "may")]
    methods: Vec<String>,
    /// Below which paths, such as `/rest/api/3/issue` [default: all].
    #[arg(long, value_name = "PATH", value_delimiter = ',', requires = "may")]
    paths: Vec<String>,
    /// It ends after so many days [default: never].
    #[arg(long, value_name = "DAYS", conflicts_with = "until")]
    days: Option<u16>,
    /// It ends with this day, UTC, such as 2027-03-31.
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// It is for the site of this cloud id only, and refused while the team has another.
    #[arg(long, value_name = "CLOUD_ID")]
    site: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl CreateKeyArgs {
    fn wish(&self) -> Result<KeyWish, Misuse> {
        let rights = if self.may.is_empty() {
            Rights::preset(&self.rights).ok_or_else(|| {
                let known = Rights::PRESETS.map(|it| it.as_str().to_owned());
                let known = known.join(", ");
                Misuse(format!(
                    "--rights {:?} is unknown; it is one of {known}",
                    self.rights
                ))
            })?
        } else {
            fn words(of: &[String]) -> impl Iterator<Item = &str> {
                of.iter().map(String::as_str)
            }
            Rights::chosen(words(&self.may), words(&self.methods), words(&self.paths))
                .map_err(|err| Misuse(format!("--may, --methods or --paths: {err}")))?
        };
        let lasting = match (self.days, &self.until) {
            (Some(days), _) => Lasting::Days(days),
            (None, Some(day)) => {
                Lasting::through(day).map_err(|err| Misuse(format!("--until {err}")))?
            }
            (None, None) => Lasting::Forever,
        };
        let pin = self.site.as_deref().map(CloudId::parse).transpose();
        Ok(KeyWish {
            name: self.name.clone(),
            rights,
            lasting,
            pin: pin.map_err(|err| Misuse(format!("--site {err}")))?,
        })
    }
}

/// Makes it. Standard output has the key and nothing else.
///
/// # Errors
///
/// A wrong setting or wish, a team that is not there, or a database that does not answer.
pub(crate) fn run(args: &CreateKeyArgs) -> anyhow::Result<()> {
    let wish = args.wish()?;
    let (url, key_ring) = operator::settings(&args.store)?;
    runtime()?.block_on(async {
        let services = operator::services(&url, key_ring).await?;
        let made = match Slug::parse(&args.team) {
            Ok(team) => create_as_operator(&services, &team, &wish).await,
            Err(_) => Err(OperatorKeyError::NoSuchTeam),
        };
        services.store.close().await;
        let created = match made {
            Ok(created) => created,
            Err(OperatorKeyError::NoSuchTeam) => {
                bail!("no team has the short name {:?}", args.team)
            }
            Err(err) => return Err(err.into()),
        };
        if args.json {
            say(&as_json(args, &created));
        } else {
            say(&created.shown_once());
            talk(&told(&created));
        }
        Ok(())
    })
}

fn told(created: &Created) -> String {
    let key = &created.key;
    let end = key.expires_at.map_or_else(
        || "until it is revoked".to_owned(),
        |it| format!("until {it}"),
    );
    format!(
        "the key of {}, shown this once; rights: {}; works {end}",
        key.name,
        key.rights.as_str()
    )
}

fn as_json(args: &CreateKeyArgs, created: &Created) -> String {
    let key = &created.key;
    json!({
        "id": key.id.to_string(),
        "team": args.team,
        "service": key.name.as_str(),
        "key": created.shown_once(),
        "rights": key.rights.as_str(),
        "site": key.pin.as_ref().map(CloudId::as_str),
        "expires_at": key.expires_at.map(|it| it.to_string()),
    })
    .to_string()
}
