//! Another site for a connection that is in force; needs no new consent (`design.md` 4).

use std::sync::Arc;

use anyhow::anyhow;
use atlassian::{Atlassian, CallError, OfferedSite};
use domain::{
    audit::AuditAction,
    credential::Provider,
    ids::JiraIntegrationId,
    jira::{JiraIntegration, Site, SyncStatus},
    state::ConnectionState,
};
use jiff::SignedDuration;

use crate::{
    Entry, Error, Services,
    choose_site::{Picker, choices},
    connect::{ConnectError, Ended, Reason, Refusal, atlassian_of},
    refresh::{TokenError, ValidToken, ensure_valid_token},
    who::Admin,
};

/// The sites that the connection in force can reach, asked from Atlassian now.
///
/// # Errors
///
/// [`Reason::ChoiceExpired`] if there is no connection, [`Reason::NoAnswer`] if Atlassian does not say.
pub(crate) async fn offered(
    services: &Arc<Services>,
    admin: &Admin,
) -> Result<Picker, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let token = token(services, admin).await?;
    let offered = ask(atlassian, admin, &token).await?;
    let current = {
        let mut tx = services.store.read().await?;
        tx.find_jira_integration(admin.team().id, Provider::Jira)
            .await?
    };
    Ok(Picker {
        sites: choices(services, admin, offered).await?,
        account_name: None,
        until: None,
        current: current.map(|it| it.site.cloud_id),
    })
}

/// Takes another site; the one in force is no mistake. Of the form only `cloud_id` is believed, and only if Atlassian lists it
/// now.
///
/// # Errors
///
/// [`Reason::ChoiceExpired`] if there is no connection, [`Reason::ReconnectFirst`], [`Reason::NoAnswer`],
/// [`Reason::SiteNotOffered`], [`Reason::SiteRefused`].
pub async fn change_site(
    services: &Arc<Services>,
    admin: &Admin,
    cloud_id: &str,
) -> Result<Ended, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let team = admin.team();
    let token = token(services, admin).await?;
    let offered = ask(atlassian, admin, &token).await?;
    let chosen = offered
        .into_iter()
        .find(|it| it.site.cloud_id.as_str() == cloud_id);
    let Some(OfferedSite { site, .. }) = chosen else {
        return Err(Refusal::of(Reason::SiteNotOffered, team).into());
    };
    if atlassian.myself(&token.access, &site.cloud_id).await == Err(CallError::SiteRefused) {
        return Err(Refusal::of(Reason::SiteRefused { site }, team).into());
    }
    let team = team.clone();
    if write(services, admin, &token, &site).await? {
        Ok(Ended::SiteChanged { team, site })
    } else {
        let site = Some(site);
        Ok(Ended::AlreadyDone { team, site })
    }
}

/// Says whether it was another site; of the same one name and address are written anew.
async fn write(
    services: &Services,
    admin: &Admin,
    token: &ValidToken,
    site: &Site,
) -> Result<bool, ConnectError> {
    let team = admin.team();
    let now = services.env.now();
    let mut tx = services.store.write().await?;
    let credential = tx.find_credential(team.id, Provider::Jira).await?;
    // A refresh beside us changes nothing here; another grant does: it may not reach this site.
    let same_grant = credential
        .filter(|it| it.id == token.credential && it.is_live())
        .is_some_and(|it| it.consented_at == token.consented_at);
    if !same_grant {
        return Err(Refusal::of(Reason::Interrupted, team).into());
    }
    let old = tx.find_jira_integration(team.id, Provider::Jira).await?;
    let integration = JiraIntegration {
        id: JiraIntegrationId::new(services.env.as_ref()),
        team: team.id,
        credential: token.credential,
        site: site.clone(),
        last_sync_at: None,
        sync_status: SyncStatus::Pending,
        checked_at: None,
        lost_at: None,
    };
    tx.set_jira_integration(&integration, now).await?;
    tx.watch_connection(team.id, token.credential, now).await?;
    let old = old.filter(|it| it.site.cloud_id != site.cloud_id);
    if let Some(old) = &old {
        let entry = Entry::new(AuditAction::SiteChanged)
            .team(team.id)
            .actor(admin.person().user().id)
            .subject(token.credential.uuid())
            .detail(format!("{} {}", old.site.cloud_id, site.cloud_id));
        services.audit(&mut tx, entry).await?;
    }
    tx.commit().await?;
    services.notices.watch.notify_one();
    Ok(old.is_some())
}

async fn token(services: &Arc<Services>, admin: &Admin) -> Result<ValidToken, ConnectError> {
    let team = admin.team();
    let wanted = SignedDuration::ZERO;
    match ensure_valid_token(services, team.id, Provider::Jira, wanted).await {
        Ok(token) => Ok(token),
        Err(TokenError::NoConnection(ConnectionState::ReconnectNeeded)) => {
            Err(Refusal::of(Reason::ReconnectFirst, team).into())
        }
        Err(TokenError::NoConnection(_)) => Err(Refusal::of(Reason::ChoiceExpired, team).into()),
        Err(TokenError::Misconfigured { .. }) => {
            Err(Refusal::of(Reason::ClientMisconfigured, team).into())
        }
        Err(TokenError::ProviderUnavailable { .. } | TokenError::NotSaved) => {
            Err(Refusal::of(Reason::NoAnswer, team).into())
        }
        Err(TokenError::Failed(err)) => Err(Arc::try_unwrap(err)
            .unwrap_or_else(|shared| Error::Internal(anyhow!(shared)))
            .into()),
    }
}

async fn ask(
    atlassian: &Atlassian,
    admin: &Admin,
    token: &ValidToken,
) -> Result<Vec<OfferedSite>, ConnectError> {
    atlassian
        .accessible_sites(&token.access)
        .await
        .map_err(|err| {
            tracing::warn!(error = %err, "no list of sites");
            Refusal::of(Reason::NoAnswer, admin.team()).into()
        })
}
