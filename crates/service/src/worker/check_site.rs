//! Once a day: does the grant still reach the chosen site, and what is it called now?
//!
//! It goes with a refresh that was due: then there is a token, and the cost is that of what is due.

use std::sync::Arc;

use atlassian::{Atlassian, CallError};
use domain::{
    audit::AuditAction,
    credential::Provider,
    ids::TeamId,
    jira::{JiraIntegration, Site},
};
use jiff::{SignedDuration, Timestamp};

use crate::{Entry, Error, Services, budget, refresh::ValidToken};

/// A site is asked about once in this time. Less than a day, so that one refresh a day meets it.
const CHECK_EVERY: SignedDuration = SignedDuration::from_hours(20);

/// Asks about the site of a connection, with the token of a refresh, if it is time. Where Atlassian does
/// not answer, nothing is known and nothing changes.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn check(services: &Services, team: TeamId, token: &ValidToken) -> Result<(), Error> {
    let now = services.env.now();
    look_and_note(services, team, token, |it| is_time(it, now)).await
}

async fn look_and_note(
    services: &Services,
    team: TeamId,
    token: &ValidToken,
    is_time: impl Fn(&JiraIntegration) -> bool,
) -> Result<(), Error> {
    let now = services.env.now();
    let (credential, integration) = {
        let mut tx = services.store.read().await?;
        let credential = tx.find_credential(team, Provider::Jira).await?;
        (
            credential,
            tx.find_jira_integration(team, Provider::Jira).await?,
        )
    };
    let (Some(credential), Some(integration), Some(atlassian)) =
        (credential, integration, &services.atlassian)
    else {
        return Ok(());
    };
    // A grant that lost a scope lists no site; that is told as what it is.
    if !is_time(&integration) || credential.scopes.missing().next().is_some() {
        return Ok(());
    }
    let Some(found) = look(services, atlassian, token, &integration).await else {
        return Ok(());
    };
    let mut tx = services.store.write().await?;
    let cloud_id = &integration.site.cloud_id;
    if !tx
        .set_site_checked(team, cloud_id, found.as_ref(), now)
        .await?
    {
        return Ok(());
    }
    let action = match (integration.lost_at, &found) {
        (None, None) => Some(AuditAction::SiteLost),
        (Some(_), Some(_)) => Some(AuditAction::SiteFound),
        _ => None,
    };
    if let Some(action) = action {
        tracing::info!(credential.id = %credential.id, action = action.as_str(), "the chosen site");
        let entry = Entry::new(action).team(team).subject(credential.id.uuid());
        services
            .audit(&mut tx, entry.detail(cloud_id.as_str()))
            .await?;
        tx.watch_connection(team, credential.id, now).await?;
    }
    tx.commit().await?;
    if action.is_some() {
        services.notices.watch.notify_one();
    }
    Ok(())
}

/// For whoever was told by the site that it does not let the app in: asks about it beside the caller, before its
/// time. At most once in five minutes for a connection.
pub(crate) fn look_again(services: &Arc<Services>, team: TeamId, token: ValidToken) {
    let now = services.env.now();
    if !services.engine.site_looks.may(token.credential, now) {
        return;
    }
    let (services, tasks) = (Arc::clone(services), services.tasks.clone());
    tasks.spawn(async move {
        if let Err(err) = look_and_note(&services, team, &token, |_| true).await {
            tracing::warn!(error = %err, "a site that refuses the app could not be looked at");
        }
    });
}

/// A site that was lost is looked for at each refresh.
fn is_time(integration: &JiraIntegration, now: Timestamp) -> bool {
    integration.lost_at.is_some()
        || integration
            .checked_at
            .is_none_or(|it| now.duration_since(it).abs() >= CHECK_EVERY)
}

/// The site as it is now; `Some(None)` if it is not to be reached, `None` if nobody knows. Atlassian may
/// list a site that then refuses the app (`atlassian.md` 4.2): so it is asked itself.
async fn look(
    services: &Services,
    atlassian: &Atlassian,
    token: &ValidToken,
    integration: &JiraIntegration,
) -> Option<Option<Site>> {
    let cloud_id = &integration.site.cloud_id;
    // What little is left is for services; the next refresh asks.
    if budget::is_scarce(services, cloud_id).await {
        return None;
    }
    let sites = match atlassian.accessible_sites(&token.access).await {
        Ok(sites) => sites,
        Err(err) => {
            tracing::info!(error = %err, "the sites of a grant are not known");
            return None;
        }
    };
    let Some(listed) = sites.into_iter().find(|it| it.site.cloud_id == *cloud_id) else {
        return Some(None);
    };
    match atlassian.myself(&token.access, cloud_id).await {
        Err(CallError::SiteRefused) => Some(None),
        Err(err) => {
            budget::observe_own(services, cloud_id, &err).await;
            Some(Some(listed.site))
        }
        Ok(_) => Some(Some(listed.site)),
    }
}
