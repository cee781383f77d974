//! `tformance admin`: accounts, teams, keys of services, a look at connections, and whose store this is.

use std::io::Read as _;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use domain::text::EmailAddress;
use secrecy::{ExposeSecret as _, SecretString};
use service::{
    adopt::adopt,
    operator as use_case, password_reset, setup,
    sign_up::{SignUpError, SignUpForm, SignUpMistakes},
};
use url::Url;
use vault::token_hash;

use crate::{
    cli::say,
    config::{ProcessEnvironment, ServeArgs, Settings, StoreArgs},
    env::SystemEnv,
    operator,
    serve::{check_keys, identity, runtime},
    telemetry,
};

mod connections;
mod create_key;
mod notices;
mod slo;

use connections::{ConnectionArgs, ConnectionsArgs};
use create_key::CreateKeyArgs;
use slo::SloArgs;

/// What the operator does by hand.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Make an account, whether or not sign-up is open. The password is made and printed once.
    CreateUser {
        /// The address to sign in with.
        #[arg(value_name = "EMAIL")]
        email: String,
        /// The person's name.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Read the password from standard input instead of making one.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Make a team, with somebody who has an account as its first admin.
    CreateTeam {
        /// The team's name.
        #[arg(value_name = "NAME")]
        name: String,
        /// The address of its first admin.
        #[arg(long, value_name = "EMAIL")]
        admin: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Make a key for a service of a team. Standard output has the key alone: it is printed once.
    CreateKey(Box<CreateKeyArgs>),
    /// List the connections of all teams, without secrets: those first whose people are needed.
    Connections(ConnectionsArgs),
    /// Show the connection of one team, without secrets.
    Connection(ConnectionArgs),
    /// Tell how many reads were answered with a valid token: over a day, a week and a month.
    Slo(SloArgs),
    /// Print a link that sets a new password; it works once. Older links of the account end.
    ResetPassword {
        /// The address of the account.
        #[arg(value_name = "EMAIL")]
        email: String,
        #[command(flatten)]
        serve: Box<ServeArgs>,
    },
    /// Print a link that makes the first account, while there is none and sign-up is closed.
    SetupLink(Box<ServeArgs>),
    /// Switch the receiver of webhooks on again, after it failed for five days or said that it is gone.
    /// What was given up in the last three days is sent after all.
    EnableWebhook(Box<ServeArgs>),
    /// Send the receiver of webhooks an event of the type `test`, and say whether it took it.
    TestWebhook(Box<ServeArgs>),
    /// Send a mail, and say whether the mail server took it.
    TestMail {
        /// To whom.
        #[arg(value_name = "EMAIL")]
        email: String,
        #[command(flatten)]
        serve: Box<ServeArgs>,
    },
    /// Say that this database is served here from now on: under another `BASE_URL`, with another
    /// client id, or after a restore.
    ///
    /// Only one server may use the refresh tokens of a database. Where the one that it came from goes
    /// on, both lose their connections.
    Adopt(Box<ServeArgs>),
}

/// Runs the command.
///
/// # Errors
///
/// A wrong setting or database, or what the command was refused.
pub(crate) fn run(args: AdminArgs) -> anyhow::Result<()> {
    match args.command {
        AdminCommand::CreateUser {
            email,
            name,
            password_stdin,
            store,
        } => create_user(&store, name, email, password_stdin),
        AdminCommand::CreateTeam { name, admin, store } => create_team(&store, &name, &admin),
        AdminCommand::CreateKey(args) => create_key::run(&args),
        AdminCommand::Connections(args) => connections::list(&args),
        AdminCommand::Connection(args) => connections::show(&args),
        AdminCommand::Slo(args) => slo::run(&args),
        AdminCommand::ResetPassword { email, serve } => reset_password(&serve, &email),
        AdminCommand::SetupLink(args) => setup_link(&args),
        AdminCommand::EnableWebhook(args) => notices::enable_webhook(&args),
        AdminCommand::TestWebhook(args) => notices::test_webhook(&args),
        AdminCommand::TestMail { email, serve } => notices::test_mail(&serve, &email),
        AdminCommand::Adopt(args) => adopt_store(&args),
    }
}

fn create_user(
    args: &StoreArgs,
    name: String,
    email: String,
    password_stdin: bool,
) -> anyhow::Result<()> {
    let (url, key_ring) = operator::settings(args)?;
    let password = if password_stdin {
        read_password()?
    } else {
        token_hash::generate(&SystemEnv)
    };
    let form = SignUpForm {
        name,
        email,
        password: password.clone(),
    };
    runtime()?.block_on(async {
        let services = operator::services(&url, key_ring).await?;
        let user = match use_case::create_user(&services, form).await {
            Ok(user) => user,
            Err(SignUpError::Mistakes(mistakes)) => bail!("{}", mistakes_line(mistakes)),
            Err(err) => return Err(err.into()),
        };
        services.store.close().await;
        say(&format!("{} has an account", user.email.as_str()));
        if !password_stdin {
            say(&format!("password: {}", password.expose_secret()));
        }
        Ok(())
    })
}

fn read_password() -> anyhow::Result<SecretString> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("standard input cannot be read")?;
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

fn mistakes_line(mistakes: SignUpMistakes) -> String {
    let fields = [
        ("the name", mistakes.name),
        ("the address", mistakes.email),
        ("the password", mistakes.password),
    ];
    let wrong = fields.into_iter().filter_map(|(field, mistake)| {
        let mistake = mistake?;
        Some(format!("{field} {mistake}"))
    });
    wrong.collect::<Vec<_>>().join("; ")
}

fn create_team(args: &StoreArgs, name: &str, admin: &str) -> anyhow::Result<()> {
    let (url, key_ring) = operator::settings(args)?;
    runtime()?.block_on(async {
        let services = operator::services(&url, key_ring).await?;
        let team = use_case::create_team(&services, name, admin).await?;
        services.store.close().await;
        say(&format!(
            "the team's pages are at /a/{}/",
            team.slug.as_str()
        ));
        Ok(())
    })
}

fn reset_password(args: &ServeArgs, email: &str) -> anyhow::Result<()> {
    let settings = Settings::read(args, &ProcessEnvironment)?;
    telemetry::start(args.store())?;
    let Ok(email) = EmailAddress::parse(email) else {
        bail!("no account has this address");
    };
    runtime()?.block_on(async {
        let services = operator::services(&settings.database_url, settings.key_ring).await?;
        let link =
            password_reset::make_link(&services, &email, password_reset::AskedBy::Operator).await?;
        services.store.close().await;
        let Some(link) = link else {
            bail!("no account has this address");
        };
        say(&at(&settings.base_url, &link.path()));
        say(&format!("works once, until {}", link.expires_at));
        Ok(())
    })
}

fn setup_link(args: &ServeArgs) -> anyhow::Result<()> {
    let settings = Settings::read(args, &ProcessEnvironment)?;
    telemetry::start(args.store())?;
    if settings.allow_signup {
        bail!("sign-up is open: everybody can make an account");
    }
    runtime()?.block_on(async {
        let services = operator::services(&settings.database_url, settings.key_ring).await?;
        let token = setup::make_link_if_needed(&services).await?;
        services.store.close().await;
        let Some(token) = token else {
            bail!("there is an account; `tformance admin create-user` makes others");
        };
        say(&at(&settings.base_url, &setup::path(&token)));
        Ok(())
    })
}

/// The address of a path of ours.
fn at(base_url: &Url, path: &str) -> String {
    let mut url = base_url.clone();
    url.set_path(path);
    url.into()
}

fn adopt_store(args: &ServeArgs) -> anyhow::Result<()> {
    let settings = Settings::read(args, &ProcessEnvironment)?;
    telemetry::start(args.store())?;
    let identity = identity(&settings);
    runtime()?.block_on(async {
        let services = operator::services(&settings.database_url, settings.key_ring).await?;
        // A wrong ring would seal what nobody can open.
        check_keys(&services).await?;
        let before = adopt(&services, &identity).await?;
        services.store.close().await;
        if let Some(copied_at) = before.copied_at {
            say(&format!("a backup of {copied_at}"));
        }
        let client =
            |id: Option<&str>| id.map_or("no client id".to_owned(), |it| format!("client id {it}"));
        if let Some(url) = &before.base_url {
            say(&format!(
                "was served at {url} with {}",
                client(before.client_id.as_deref())
            ));
        }
        let id = identity
            .client_id
            .as_deref()
            .or(before.client_id.as_deref());
        say(&format!(
            "is served at {} with {} from now on",
            identity.base_url,
            client(id)
        ));
        Ok(())
    })
}
