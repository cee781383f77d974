//! Disconnecting: the tokens are erased at once, the row stays and its generation moves, so that a
//! refresh in flight can neither overwrite nor resurrect.

use domain::{audit::AuditAction, credential::Provider, jira::Site};

use crate::{Entry, Error, Services, who::Admin};

/// Erases the tokens and forgets the site. `None` if there was nothing to disconnect: somebody was
/// faster, and that is no mistake.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer; nothing was changed then.
pub async fn disconnect(services: &Services, admin: &Admin) -> Result<Option<Site>, Error> {
    let team = admin.team().id;
    let user = admin.person().user().id;
    let mut tx = services.store.write().await?;
    let Some(credential) = tx.find_credential(team, Provider::Jira).await? else {
        return Ok(None);
    };
    let site = tx
        .find_jira_integration(team, Provider::Jira)
        .await?
        .map(|it| it.site);
    if !tx
        .empty_credential(team, credential.id, user, services.env.now())
        .await?
    {
        return Ok(None);
    }
    tx.remove_jira_integration(team).await?;
    let entry = Entry::new(AuditAction::Disconnected).team(team).actor(user);
    services
        .audit(&mut tx, entry.subject(credential.id.uuid()))
        .await?;
    tx.commit().await?;
    tracing::info!(team.id = %team, credential.id = %credential.id, "disconnected");
    Ok(site)
}
