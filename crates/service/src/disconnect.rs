//! Disconnecting: the tokens are erased at once, the row stays and its generation moves, so that a
//! refresh in flight can neither overwrite nor resurrect. Atlassian is asked to forget the grant where
//! nothing else here may rest on it.

use std::sync::Arc;

use domain::{
    audit::AuditAction,
    credential::{IntegrationCredential, Provider},
    jira::Site,
};
use secrecy::SecretString;
use store::Tx;

use crate::{Entry, Error, Services, refresh::token_place, who::Admin};

/// Erases the tokens and forgets the site. `None` if there was nothing to disconnect: somebody was
/// faster, and that is no mistake.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer; nothing was changed then.
pub async fn disconnect(services: &Arc<Services>, admin: &Admin) -> Result<Option<Site>, Error> {
    let team = admin.team().id;
    let user = admin.person().user().id;
    let now = services.env.now();
    let mut tx = services.store.write().await?;
    let Some(credential) = tx.find_credential(team, Provider::Jira).await? else {
        return Ok(None);
    };
    let site = tx
        .find_jira_integration(team, Provider::Jira)
        .await?
        .map(|it| it.site);
    if !tx.empty_credential(team, credential.id, user, now).await? {
        return Ok(None);
    }
    tx.remove_jira_integration(team).await?;
    tx.watch_connection(team, credential.id, now).await?;
    let is_alone = is_alone(services, &mut tx, &credential).await?;
    let entry = Entry::new(AuditAction::Disconnected).team(team).actor(user);
    services
        .audit(&mut tx, entry.subject(credential.id.uuid()))
        .await?;
    tx.commit().await?;
    services.notices.watch.notify_one();
    tracing::info!(team.id = %team, credential.id = %credential.id, "disconnected");
    if is_alone {
        revoke_beside(services, &credential);
    }
    Ok(site)
}

/// Whether nothing else here may rest on the grant of a credential that `tx` ends. One grant at
/// Atlassian may serve several teams, so this is asked in the transaction that ends this one.
pub(crate) async fn is_alone(
    services: &Services,
    tx: &mut Tx,
    credential: &IntegrationCredential,
) -> Result<bool, Error> {
    let now = services.env.now();
    Ok(match &credential.account_id {
        Some(account) => !tx.is_grant_shared(credential.id, account, now).await?,
        None => false,
    })
}

/// Asks Atlassian to forget the grant. Nobody waits for it, and nothing rests on its outcome.
pub(crate) fn revoke_beside(services: &Arc<Services>, credential: &IntegrationCredential) {
    let Some(refresh) = open_for_the_last_time(services, credential) else {
        return;
    };
    let (id, services) = (credential.id, Arc::clone(services));
    let tasks = services.tasks.clone();
    tasks.spawn(async move {
        let Some(atlassian) = &services.atlassian else {
            return;
        };
        match atlassian.revoke(&refresh).await {
            Ok(()) => tracing::info!(credential.id = %id, "Atlassian was asked to forget the grant"),
            Err(err) => {
                tracing::info!(credential.id = %id, error = %err, "Atlassian did not forget the grant");
            }
        }
    });
}

/// A token that does not open cannot be revoked; it is erased all the same.
fn open_for_the_last_time(
    services: &Services,
    credential: &IntegrationCredential,
) -> Option<SecretString> {
    let place = token_place(credential.id, credential.team, "refresh_token");
    let tokens = credential
        .tokens
        .as_ref()
        .filter(|_| credential.is_live())?;
    match services.key_ring.open(place, &tokens.refresh) {
        Ok(refresh) => Some(refresh),
        Err(err) => {
            tracing::warn!(credential.id = %credential.id, error = %err, "nothing to revoke with");
            None
        }
    }
}
