//! From a chosen site to a connection: whose account it is, then the one transaction that writes it
//! (`design.md` 4, steps 7 and 8).

use atlassian::{Atlassian, CallError};
use domain::{
    attempt::{AttemptOutcome, PendingGrant},
    audit::AuditAction,
    credential::{Generation, IntegrationCredential, Provider, RefreshSchedule, SealedTokens},
    env::random,
    ids::{CredentialId, JiraIntegrationId},
    jira::{JiraIntegration, Site, SyncStatus},
    refresh::planned,
    text::{AccountId, CloudId},
};
use secrecy::SecretString;
use store::Tx;

use crate::{
    Entry, Error, Services,
    connect::{ConnectError, Ended, Reason, Refusal},
    refresh::token_place,
    waiting_grant::{WaitingGrant, open_refresh, set_outcome},
    who::Admin,
};

/// A site, and whether there was another.
pub(crate) struct Choice {
    pub(crate) site: Site,
    pub(crate) only_site: bool,
}

/// What to do about a grant of another Atlassian account than that of the connection in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherAccount {
    /// A person is asked first.
    Ask,
    /// A person has said that the connection changes its account.
    Take,
}

/// A second submit of the same choice finds the connection made.
pub(crate) async fn already_connected(
    services: &Services,
    admin: &Admin,
    cloud_id: &CloudId,
) -> Result<Option<Ended>, Error> {
    let team = admin.team();
    let mut tx = services.store.read().await?;
    let integration = tx.find_jira_integration(team.id, Provider::Jira).await?;
    let same = integration.filter(|it| it.site.cloud_id == *cloud_id);
    Ok(same.map(|it| Ended::AlreadyDone {
        team: team.clone(),
        site: Some(it.site),
    }))
}

/// Asks whose account it is, then writes credential and integration in one transaction. Another account
/// than that of the connection in force is taken only where a person has said so.
pub(crate) async fn complete(
    services: &Services,
    admin: &Admin,
    atlassian: &Atlassian,
    waiting: &WaitingGrant,
    choice: Choice,
    other_account: OtherAccount,
) -> Result<Ended, ConnectError> {
    let team = admin.team();
    let now = services.env.now();
    let Choice { site, only_site } = choice;
    let WaitingGrant {
        attempt,
        grant,
        access,
    } = waiting;
    let account = match atlassian.myself(access, &site.cloud_id).await {
        Ok(account) => Some(account.account_id),
        Err(CallError::SiteRefused) => {
            set_outcome(services, admin, attempt, AttemptOutcome::ChooseSite).await?;
            return Err(Refusal::of(Reason::SiteRefused { site }, team)
                .attempt(attempt.id)
                .into());
        }
        // Connected with the account unknown; the next call that succeeds fills it in.
        Err(err) => {
            tracing::warn!(error = %err, "connected without knowing the account");
            None
        }
    };
    let refresh = open_refresh(services, attempt, grant).await?;
    let mut tx = services.store.write().await?;
    let before = tx.find_credential(team.id, Provider::Jira).await?;
    if other_account == OtherAccount::Ask && is_another(before.as_ref(), account.as_ref()) {
        let asked = tx
            .set_account_question(team.id, attempt.id, &site.cloud_id, now)
            .await?;
        tx.commit().await?;
        return if asked {
            Ok(Ended::AskAccount { team: team.clone() })
        } else {
            Err(Refusal::of(Reason::ChoiceExpired, team).into())
        };
    }
    let ended = AttemptOutcome::Connected;
    if !tx
        .finish_attempt_grant(team.id, attempt.id, ended, now)
        .await?
    {
        drop(tx);
        return already_connected(services, admin, &site.cloud_id)
            .await?
            .ok_or_else(|| Refusal::of(Reason::ChoiceExpired, team).into());
    }
    let tokens = Tokens {
        access,
        refresh: &refresh,
    };
    let credential = new_credential(services, admin, before.as_ref(), grant, account, tokens);
    write_connection(
        services,
        &mut tx,
        admin,
        before.as_ref(),
        &credential,
        &site,
    )
    .await?;
    tx.commit().await?;
    services.notices.watch.notify_one();
    tracing::info!(team.id = %team.id, credential.id = %credential.id, "connected");
    Ok(Ended::Connected {
        team: team.clone(),
        site,
        only_site,
    })
}

/// Whether the connection in force is of another account. An unknown account is never another one.
fn is_another(before: Option<&IntegrationCredential>, account: Option<&AccountId>) -> bool {
    let in_force = before
        .filter(|it| it.tokens.is_some())
        .and_then(|it| it.account_id.as_ref());
    in_force.zip(account).is_some_and(|(old, new)| old != new)
}

/// A pair in the clear, between two places.
#[derive(Clone, Copy)]
struct Tokens<'a> {
    access: &'a SecretString,
    refresh: &'a SecretString,
}

/// The credential as it will be: the same row where there was one, every token field from this grant.
fn new_credential(
    services: &Services,
    admin: &Admin,
    before: Option<&IntegrationCredential>,
    grant: &PendingGrant,
    account: Option<AccountId>,
    tokens: Tokens<'_>,
) -> IntegrationCredential {
    let env = services.env.as_ref();
    let now = env.now();
    let access_expires_at = grant.tokens.access_expires_at;
    let lifetime = Some(access_expires_at.duration_since(grant.granted_at));
    let drawn = u16::from_be_bytes(random(env));
    let next_at = planned(now, access_expires_at, lifetime, Some(now), drawn);
    let team = admin.team().id;
    let id = before.map_or_else(|| CredentialId::new(env), |it| it.id);
    let generation = before.map_or(Generation::ZERO, |it| it.generation).next();
    let seal = |column, token| {
        services
            .key_ring
            .seal(env, token_place(id, team, column), token)
    };
    IntegrationCredential {
        id,
        team,
        provider: Provider::Jira,
        tokens: Some(SealedTokens {
            access: seal("access_token", tokens.access),
            refresh: seal("refresh_token", tokens.refresh),
            access_expires_at,
        }),
        scopes: grant.scopes.clone(),
        // An account that did not answer is unknown, even where the old grant's was known.
        account_id: account,
        connected_by: Some(admin.person().user().id),
        consented_at: Some(grant.granted_at),
        generation,
        consecutive_failures: 0,
        last_outcome: None,
        last_refreshed_at: None,
        last_used_at: Some(now),
        schedule: RefreshSchedule {
            next_at: Some(next_at),
            ..RefreshSchedule::default()
        },
        revoked_at: None,
        revocation_reason: None,
        disconnected_at: None,
        disconnected_by: None,
    }
}

async fn write_connection(
    services: &Services,
    tx: &mut Tx,
    admin: &Admin,
    before: Option<&IntegrationCredential>,
    credential: &IntegrationCredential,
    site: &Site,
) -> Result<(), ConnectError> {
    let team = admin.team();
    let now = services.env.now();
    let written = match before {
        Some(before) => tx.replace_grant(credential, before.generation, now).await?,
        None => tx.add_credential(credential, now).await?,
    };
    if !written {
        // Another process wrote in between; its grant stands, and this one is rolled back.
        return Err(Refusal::of(Reason::Interrupted, team).into());
    }
    let old_site = tx
        .find_jira_integration(team.id, Provider::Jira)
        .await?
        .map(|it| it.site);
    let integration = JiraIntegration {
        id: JiraIntegrationId::new(services.env.as_ref()),
        team: team.id,
        credential: credential.id,
        site: site.clone(),
        last_sync_at: None,
        sync_status: SyncStatus::Pending,
        checked_at: None,
        lost_at: None,
    };
    tx.set_jira_integration(&integration, now).await?;
    tx.watch_connection(team.id, credential.id, now).await?;
    let entry = |action| {
        Entry::new(action)
            .team(team.id)
            .actor(admin.person().user().id)
            .subject(credential.id.uuid())
    };
    let is_reconnect = before.is_some_and(|it| it.tokens.is_some());
    let action = if is_reconnect {
        AuditAction::Reconnected
    } else {
        AuditAction::Connected
    };
    services
        .audit(tx, entry(action).detail(site.cloud_id.as_str()))
        .await?;
    if let Some(old) = old_site.filter(|it| it.cloud_id != site.cloud_id) {
        let detail = format!("{} {}", old.cloud_id, site.cloud_id);
        services
            .audit(tx, entry(AuditAction::SiteChanged).detail(detail))
            .await?;
    }
    Ok(())
}
