//! What each drill does at Atlassian, what is to be seen of it, and how it ends.

use anyhow::{Context as _, bail, ensure};
use domain::state::ConnectionState;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Drill,
    ada::{Ada, Purpose},
    other_process::OtherProcess,
    player::Scene,
    stage::Stage,
};
use crate::{
    demo::people::{ADMIN, OPERATOR, TEAM},
    simulator::CLIENT_SECRET,
};

/// Who connects where nobody has: reaches three sites, of which the first is chosen.
const ACCOUNT: &str = "Mia Krystof";
/// Who else there is at the simulated Atlassian.
const ACCOUNTS: [&str; 3] = [ACCOUNT, "Sam One", "Noa None"];

const CONNECTION: &str = "connection.state_changed";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// With so little left a token is refreshed, and still served.
const DUE: SignedDuration = SignedDuration::from_secs(200);

/// Sees that the team is connected, and connects it where it is not.
pub(super) async fn prepare(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    let found = stage.state().await?;
    let purpose = match found {
        ConnectionState::Connected => None,
        ConnectionState::NotConnected
        | ConnectionState::Disconnected
        | ConnectionState::Connecting
        | ConnectionState::ChooseSite => Some(Purpose::Connect),
        ConnectionState::ReconnectNeeded
        | ConnectionState::RenewSoon
        | ConnectionState::PermissionsMissing => Some(Purpose::Reconnect),
        ConnectionState::Misconfigured
        | ConnectionState::SiteLost
        | ConnectionState::Waiting
        | ConnectionState::Degraded => bail!(
            "the connection of {TEAM} is in the state {}; mend that first (the simulator's control address is {})",
            found.as_str(),
            stage.sim.control_url()
        ),
    };
    if let Some(purpose) = purpose {
        let account = account(stage).await.unwrap_or(ACCOUNT);
        let since = stage.inbox.count();
        Ada::sign_in(stage).await?.consent(purpose, account).await?;
        scene.did(format!("{} connects Jira as {account}", ADMIN.0));
        let connected = Some(ConnectionState::Connected);
        scene.saw(stage.see_state(ConnectionState::Connected).await?);
        stage
            .see("the webhook of the new connection", async || {
                Ok(stage.webhooks(since, CONNECTION, connected).pop())
            })
            .await?;
        // Also what came of mending something that was going on before.
        stage.quiet().await;
    }
    stage.token().await?;
    if stage.left().await? < MINUTE * 7 {
        // It is about to be refreshed: that is not to be in the middle of the drill.
        stage.advance(HOUR).await?;
        stage.token().await?;
    }
    Ok(())
}

/// Who connected, by the name at Atlassian.
async fn account(stage: &Stage) -> Option<&'static str> {
    let id = stage.credential().await.ok()?.account_id?;
    let known = stage.sim.state();
    let is_it = |it: &&str| known.account_id(it).is_some_and(|it| it == id.as_str());
    ACCOUNTS.into_iter().find(is_it)
}

/// Breaks what the drill breaks, and sees what is to be seen.
pub(super) async fn cause(drill: Drill, scene: Scene<'_>) -> anyhow::Result<()> {
    match drill {
        Drill::ProviderDown => provider_down(scene).await,
        Drill::GrantRevoked => grant_revoked(scene).await,
        Drill::SecretRotated => secret_rotated(scene).await,
        Drill::ProcessKilled => process_killed(scene).await,
        Drill::SiteRemoved => site_removed(scene).await,
        Drill::ConsentEnding => consent_ending(scene).await,
    }
}

/// Mends it, and sees that it works.
pub(super) async fn end(drill: Drill, scene: Scene<'_>) -> anyhow::Result<()> {
    match drill {
        Drill::ProviderDown => provider_back(scene).await,
        Drill::SecretRotated => secret_mended(scene).await,
        Drill::SiteRemoved => site_back(scene).await,
        Drill::GrantRevoked | Drill::ConsentEnding => reconnected(scene).await,
        Drill::ProcessKilled => works(scene).await,
    }
}

/// Puts back at Atlassian whatever a drill may have broken there.
pub(super) async fn mend(stage: &Stage) -> anyhow::Result<()> {
    forget_faults(stage).await?;
    set_secret(stage, CLIENT_SECRET).await?;
    if let Ok(cloud_id) = cloud_id(stage).await {
        remove_site(stage, &cloud_id, false).await?;
    }
    Ok(())
}

async fn forget_faults(stage: &Stage) -> anyhow::Result<()> {
    let forgotten = stage.control(Method::DELETE, "faults", Value::Null);
    forgotten.await.map(drop)
}

async fn set_secret(stage: &Stage, secret: &str) -> anyhow::Result<()> {
    let body = json!({ "client_secret": secret });
    stage.control(Method::POST, "secret", body).await.map(drop)
}

async fn remove_site(stage: &Stage, cloud_id: &str, is_removed: bool) -> anyhow::Result<()> {
    let (path, body) = (
        format!("sites/{cloud_id}"),
        json!({ "removed": is_removed }),
    );
    stage.control(Method::POST, &path, body).await.map(drop)
}

async fn cloud_id(stage: &Stage) -> anyhow::Result<String> {
    let site = stage.connection().await?.site;
    let site = site.context("the connection has no site any more")?;
    Ok(site.cloud_id.as_str().to_owned())
}

/// Sees a state, whether there is a banner, and that services were told of it.
async fn see_incident(
    scene: Scene<'_>,
    wanted: ConnectionState,
    subject: &str,
) -> anyhow::Result<()> {
    let stage = scene.stage;
    scene.saw(stage.see_state(wanted).await?);
    scene.saw(stage.see_banner(true).await?);
    see_mail(scene, ADMIN.1, subject).await?;
    see_webhook(scene, CONNECTION, Some(wanted)).await?;
    let mails = stage.mails(scene.since, ADMIN.1, "").len();
    ensure!(mails == 1, "{} got {mails} mails instead of one", ADMIN.0);
    scene.saw(stage.see_no_mail_but_to(ADMIN.1, scene.since)?);
    Ok(())
}

async fn see_mail(scene: Scene<'_>, to: &str, subject: &str) -> anyhow::Result<()> {
    let stage = scene.stage;
    let what = format!("a mail to {to}: {subject}");
    let look = async || Ok(stage.mails(scene.since, to, subject).pop());
    let mail = stage.see(&what, look).await?;
    scene.saw(stage.mail_seen(&mail)?);
    Ok(())
}

async fn see_webhook(
    scene: Scene<'_>,
    event: &str,
    wanted: Option<ConnectionState>,
) -> anyhow::Result<()> {
    let stage = scene.stage;
    let look = async || Ok(stage.webhooks(scene.since, event, wanted).pop());
    let webhook = stage.see(&format!("a webhook: {event}"), look).await?;
    scene.saw(stage.webhook_seen(&webhook)?);
    Ok(())
}

/// The same for what comes only once something has held for a while.
async fn see_webhook_in_time(
    scene: Scene<'_>,
    event: &str,
    wanted: Option<ConnectionState>,
) -> anyhow::Result<()> {
    let stage = scene.stage;
    let look = async || Ok(stage.webhooks(scene.since, event, wanted).pop());
    let what = format!("a webhook: {event}");
    let webhook = stage.see_in_time(&what, MINUTE, look).await?;
    scene.saw(stage.webhook_seen(&webhook)?);
    Ok(())
}

async fn provider_down(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    for on in ["token", "resources", "jira"] {
        let fault = json!({ "on": on, "fault": { "status": 503 } });
        stage.control(Method::POST, "faults", fault).await?;
    }
    scene.did("Atlassian answers every request with 503");
    stage.until_left(DUE).await?;
    scene.did("the clock goes to where the token is to be refreshed");
    scene.saw(stage.see_state(ConnectionState::Degraded).await?);
    stage.token().await?;
    scene.did("a service asks for a token, and gets the one that is still good");
    stage.advance(DUE + MINUTE).await?;
    scene.did("the clock goes past the end of the token");
    scene.saw(stage.see_state(ConnectionState::Waiting).await?);
    ensure!(
        stage.token().await.is_err(),
        "a service got a token although none is good"
    );
    scene.did("a service asks for a token, and is told to come back later");
    see_webhook_in_time(scene, "provider.down", None).await?;
    scene.saw(stage.see_banner(false).await?);
    scene.saw(stage.see_no_mail_to_team(scene.since)?);
    Ok(())
}

async fn provider_back(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    forget_faults(stage).await?;
    scene.did("Atlassian answers again");
    stage.advance(MINUTE).await?;
    scene.did("a minute passes");
    works(scene).await?;
    see_webhook_in_time(scene, "provider.recovered", None).await?;
    scene.saw(stage.see_no_mail_to_team(scene.since)?);
    Ok(())
}

async fn grant_revoked(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    let account = account(stage).await;
    let account = account.context("nobody knows which Atlassian account connected")?;
    let body = json!({ "account": account });
    stage.control(Method::POST, "revoke", body).await?;
    scene.did(format!(
        "{account} removes the app in the Atlassian profile"
    ));
    stage.until_left(DUE).await?;
    scene.did("the clock goes to where the token is to be refreshed");
    see_incident(
        scene,
        ConnectionState::ReconnectNeeded,
        "needs to be reconnected",
    )
    .await
}

/// A person has reconnected, or does it now.
async fn reconnected(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    if stage.state().await? != ConnectionState::Connected {
        let account = account(stage).await.unwrap_or(ACCOUNT);
        let ada = Ada::sign_in(stage).await?;
        ada.consent(Purpose::Reconnect, account).await?;
        scene.did(format!("{} reconnects as {account}", ADMIN.0));
    }
    works(scene).await?;
    see_webhook(scene, CONNECTION, Some(ConnectionState::Connected)).await?;
    see_mail(scene, ADMIN.1, "works again").await
}

async fn works(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    scene.saw(stage.see_state(ConnectionState::Connected).await?);
    stage.token().await?;
    scene.did("a service asks for a token, and gets one");
    scene.saw(stage.see_banner(false).await?);
    Ok(())
}

async fn secret_rotated(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    set_secret(stage, "made-anew-in-the-console").await?;
    scene.did("somebody makes a new client secret in Atlassian's developer console");
    stage.until_left(DUE).await?;
    scene.did("the clock goes to where the token is to be refreshed");
    scene.saw(stage.see_state(ConnectionState::Misconfigured).await?);
    see_mail(scene, OPERATOR, "client id or secret").await?;
    see_webhook(scene, "server.misconfigured", None).await?;
    scene.saw(stage.see_no_mail_to_team(scene.since)?);
    scene.saw(stage.see_banner(false).await?);
    Ok(())
}

async fn secret_mended(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    set_secret(stage, CLIENT_SECRET).await?;
    scene.did("the secrets are the same again");
    stage.advance(MINUTE).await?;
    scene.did("a minute passes");
    works(scene).await?;
    // It counts as over once nothing of it was seen for twenty minutes.
    stage.advance(MINUTE * 18).await?;
    see_webhook_in_time(scene, "server.mended", None).await?;
    see_mail(scene, OPERATOR, "works with Atlassian again").await?;
    scene.saw(stage.see_no_mail_to_team(scene.since)?);
    Ok(())
}

async fn process_killed(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    // Young enough that nothing is due, old enough that somebody may want a newer one.
    if stage.left().await? < MINUTE * 15 {
        stage.advance(HOUR).await?;
        stage.token().await?;
    }
    stage.until_left(MINUTE * 40).await?;
    let before = stage.credential().await?.generation;
    let refreshes = stage.count("refresh").await?;
    let fault = json!({ "on": "token", "fault": "hang_after_rotation", "times": 1 });
    stage.control(Method::POST, "faults", fault).await?;
    let mut other = OtherProcess::start(stage)?;
    scene.did(format!(
        "a second process of this server ({}) begins to refresh the connection",
        other.id()
    ));
    stage
        .see("Atlassian exchanging the token", async || {
            Ok((stage.count("refresh").await? > refreshes).then_some(()))
        })
        .await?;
    ensure!(other.is_alive()?, "the second process ended by itself");
    other.kill()?;
    scene
        .did("Atlassian has exchanged the token and not answered: the process is killed (SIGKILL)");
    stage
        .see("a new pair, saved by this process", async || {
            let now = stage.credential().await?.generation;
            Ok((now > before).then_some(()))
        })
        .await?;
    scene.did("its lease has ended; this process finds what it wrote, asks again with the old token, and saves the new pair");
    scene.saw(stage.see_state(ConnectionState::Connected).await?);
    scene.saw(stage.see_banner(false).await?);
    scene.saw(stage.see_no_mail_to_team(scene.since)?);
    Ok(())
}

async fn site_removed(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    remove_site(stage, &cloud_id(stage).await?, true).await?;
    scene.did("the site is taken from what the Atlassian account can reach");
    stage.advance(HOUR * 24).await?;
    scene.did("a day passes");
    see_incident(scene, ConnectionState::SiteLost, "has lost its site").await
}

async fn site_back(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    remove_site(stage, &cloud_id(stage).await?, false).await?;
    scene.did("the site is back");
    // Used, it is refreshed ahead of the end of its token; that is when the site is looked for.
    stage.token().await?;
    stage.until_left(DUE).await?;
    scene.did("the clock goes to where the token is to be refreshed");
    works(scene).await?;
    see_webhook_in_time(scene, CONNECTION, Some(ConnectionState::Connected)).await?;
    see_mail(scene, ADMIN.1, "works again").await
}

async fn consent_ending(scene: Scene<'_>) -> anyhow::Result<()> {
    let stage = scene.stage;
    let consented = stage.credential().await?.consented_at;
    let consented = consented.context("nobody knows when the consent was given")?;
    let goal = consented + HOUR * (24 * 336);
    loop {
        let now = stage.services.env.now();
        let rest = goal.duration_since(now);
        if rest <= SignedDuration::ZERO {
            break;
        }
        // Unused for ninety days, a refresh token dies: so the server is let refresh it on the way.
        let before = stage.credential().await?.generation;
        stage.advance(rest.min(HOUR * (24 * 60))).await?;
        stage
            .see("a refresh that keeps the connection alive", async || {
                let now = stage.credential().await?.generation;
                Ok((now > before).then_some(()))
            })
            .await?;
    }
    scene.did("336 days pass; the connection is refreshed on the way");
    see_incident(scene, ConnectionState::RenewSoon, "is to be renewed").await?;
    stage.advance(HOUR * 25).await?;
    scene.did("a day passes, and nobody has done anything");
    see_mail(scene, ADMIN.1, "Reminder: ").await
}
