//! From a sealed grant to a connection: which sites there are, which one is meant, and the one
//! transaction that writes it (`design.md` 4, steps 5 to 8).

use atlassian::{Atlassian, CallError, OfferedSite};
use domain::{
    attempt::{AttemptOutcome, ConnectAttempt, PendingGrant},
    audit::AuditAction,
    credential::{Generation, IntegrationCredential, Provider, SealedTokens},
    ids::{CredentialId, JiraIntegrationId},
    jira::{JiraIntegration, Site, SyncStatus},
    text::{AccountId, CloudId},
};
use jiff::Timestamp;
use secrecy::SecretString;
use store::Tx;
use vault::Place;

use crate::{
    Entry, Error, Services,
    connect::{ConnectError, Ended, Reason, Refusal, atlassian_of},
    refresh::token_place,
    who::Admin,
};

/// What the picker shows.
#[derive(Clone, Debug)]
pub struct Picker {
    /// The sites that may be chosen, by name.
    pub sites: Vec<SiteChoice>,
    /// The name of the Atlassian account, where Atlassian told it; never kept.
    pub account_name: Option<String>,
    /// When the sign-in is discarded.
    pub until: Timestamp,
}

/// One site of the picker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteChoice {
    /// The site.
    pub site: Site,
    /// Other teams of the same person that use it, by name.
    pub used_by: Vec<String>,
}

/// The sites that the waiting grant can reach, asked anew from Atlassian.
///
/// # Errors
///
/// [`Reason::ChoiceExpired`] if nothing waits for a choice of this person, [`Reason::AtlassianDown`],
/// [`Reason::NoSite`].
pub async fn offered_sites(services: &Services, admin: &Admin) -> Result<Picker, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let (attempt, grant) = waiting_grant(services, admin).await?;
    let access = open_access(services, &attempt, &grant).await?;
    let offered = ask_for_sites(services, admin, atlassian, &attempt, &access).await?;
    let account_name = match offered.first() {
        Some(first) => match atlassian.myself(&access, &first.site.cloud_id).await {
            Ok(account) => account.display_name,
            Err(err) => {
                tracing::info!(error = %err, "the account's name is not known to the picker");
                None
            }
        },
        None => None,
    };
    let cloud_ids: Vec<CloudId> = offered.iter().map(|it| it.site.cloud_id.clone()).collect();
    let mut tx = services.store.read().await?;
    let used = tx
        .list_own_teams_using(admin.person().user().id, &cloud_ids)
        .await?;
    let sites = offered
        .into_iter()
        .map(|OfferedSite { site, .. }| {
            let others = used.iter().filter(|(cloud_id, team)| {
                *cloud_id == site.cloud_id && team.id != admin.team().id
            });
            SiteChoice {
                used_by: others.map(|(_, team)| team.name.to_string()).collect(),
                site,
            }
        })
        .collect();
    Ok(Picker {
        sites,
        account_name,
        until: grant.erase_at,
    })
}

/// Connects with the chosen site. Of the form only `cloud_id` is believed, and only if Atlassian
/// lists it now.
///
/// # Errors
///
/// As [`offered_sites`]; [`Reason::SiteNotOffered`] or [`Reason::SiteRefused`], after which another
/// choice can be made.
pub async fn choose(
    services: &Services,
    admin: &Admin,
    cloud_id: &str,
) -> Result<Ended, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let (attempt, grant) = match waiting_grant(services, admin).await {
        Ok(waiting) => waiting,
        Err(err) => return already_chosen(services, admin, cloud_id).await?.ok_or(err),
    };
    let access = open_access(services, &attempt, &grant).await?;
    let offered = ask_for_sites(services, admin, atlassian, &attempt, &access).await?;
    let chosen = offered
        .into_iter()
        .find(|it| it.site.cloud_id.as_str() == cloud_id);
    let Some(chosen) = chosen else {
        return Err(Refusal::of(Reason::SiteNotOffered, admin.team())
            .attempt(attempt.id)
            .into());
    };
    let choice = Choice {
        site: chosen.site,
        only_site: false,
    };
    complete(
        services, admin, atlassian, &attempt, &grant, &access, choice,
    )
    .await
}

/// Cancels here: ends every sign-in of the team that is under way and erases the grants.
///
/// # Errors
///
/// [`Error::StoreUnavailable`] if the database does not answer.
pub async fn discard(services: &Services, admin: &Admin) -> Result<(), Error> {
    let team = admin.team().id;
    let mut tx = services.store.write().await?;
    let closed = tx
        .close_open_attempts(team, Provider::Jira, services.env.now())
        .await?;
    if closed > 0 {
        let entry = Entry::new(AuditAction::AttemptDiscarded).team(team);
        services
            .audit(&mut tx, entry.actor(admin.person().user().id))
            .await?;
    }
    Ok(tx.commit().await?)
}

/// Goes on from the sealed grant of `attempt`: connects where there is nothing to choose, else says
/// that a person must.
pub(crate) async fn go_on(
    services: &Services,
    admin: &Admin,
    attempt: &ConnectAttempt,
) -> Result<Ended, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let team = admin.team();
    let Some(grant) = attempt.usable_grant(services.env.now()) else {
        return Err(Refusal::of(Reason::ChoiceExpired, team).into());
    };
    let access = open_access(services, attempt, grant).await?;
    let offered = ask_for_sites(services, admin, atlassian, attempt, &access).await?;
    if let Some(choice) = obvious_choice(services, admin, &offered).await? {
        return complete(services, admin, atlassian, attempt, grant, &access, choice).await;
    }
    set_outcome(services, admin, attempt, AttemptOutcome::ChooseSite).await?;
    Ok(Ended::ChooseSite { team: team.clone() })
}

/// A site, and whether there was another.
struct Choice {
    site: Site,
    only_site: bool,
}

/// The site in force, where it is still offered; else the only one. Never one of several.
async fn obvious_choice(
    services: &Services,
    admin: &Admin,
    offered: &[OfferedSite],
) -> Result<Option<Choice>, Error> {
    let in_force = {
        let mut tx = services.store.read().await?;
        tx.find_jira_integration(admin.team().id, Provider::Jira)
            .await?
    };
    let kept = in_force.and_then(|it| {
        offered
            .iter()
            .find(|offer| offer.site.cloud_id == it.site.cloud_id)
    });
    Ok(match (kept, offered) {
        (Some(kept), _) => Some(Choice {
            site: kept.site.clone(),
            only_site: false,
        }),
        (None, [only]) => Some(Choice {
            site: only.site.clone(),
            only_site: true,
        }),
        (None, _) => None,
    })
}

/// The newest grant of this person that waits for a choice.
async fn waiting_grant(
    services: &Services,
    admin: &Admin,
) -> Result<(ConnectAttempt, PendingGrant), ConnectError> {
    let now = services.env.now();
    let user = admin.person().user().id;
    let mut tx = services.store.read().await?;
    let attempt = tx
        .find_attempt_with_grant(admin.team().id, Provider::Jira, user, now)
        .await?;
    let waiting = attempt.and_then(|it| it.usable_grant(now).cloned().map(|grant| (it, grant)));
    waiting.ok_or_else(|| Refusal::of(Reason::ChoiceExpired, admin.team()).into())
}

/// A second submit of the same choice finds the connection made.
async fn already_chosen(
    services: &Services,
    admin: &Admin,
    cloud_id: &str,
) -> Result<Option<Ended>, Error> {
    let team = admin.team();
    let mut tx = services.store.read().await?;
    let integration = tx.find_jira_integration(team.id, Provider::Jira).await?;
    let same = integration.filter(|it| it.site.cloud_id.as_str() == cloud_id);
    Ok(same.map(|it| Ended::AlreadyDone {
        team: team.clone(),
        site: Some(it.site),
    }))
}

/// Asks Atlassian what the grant can reach. What goes wrong is written on the attempt.
async fn ask_for_sites(
    services: &Services,
    admin: &Admin,
    atlassian: &Atlassian,
    attempt: &ConnectAttempt,
    access: &SecretString,
) -> Result<Vec<OfferedSite>, ConnectError> {
    let refuse = |reason| Refusal::of(reason, admin.team()).attempt(attempt.id);
    match atlassian.accessible_sites(access).await {
        Ok(sites) if sites.is_empty() => {
            drop_grant(services, admin, attempt, AttemptOutcome::NoSite).await?;
            Err(refuse(Reason::NoSite).into())
        }
        Ok(sites) => Ok(sites),
        Err(err) => {
            tracing::warn!(error = %err, attempt.id = %attempt.id, "no list of sites");
            // The grant stays: a new consent is the last thing to ask a person for.
            if attempt.outcome != Some(AttemptOutcome::ChooseSite) {
                set_outcome(services, admin, attempt, AttemptOutcome::AtlassianDown).await?;
            }
            Err(refuse(Reason::AtlassianDown).into())
        }
    }
}

/// Asks whose account it is, then writes credential and integration in one transaction.
async fn complete(
    services: &Services,
    admin: &Admin,
    atlassian: &Atlassian,
    attempt: &ConnectAttempt,
    grant: &PendingGrant,
    access: &SecretString,
    choice: Choice,
) -> Result<Ended, ConnectError> {
    let team = admin.team();
    let Choice { site, only_site } = choice;
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
    if !tx
        .finish_attempt_grant(
            team.id,
            attempt.id,
            AttemptOutcome::Connected,
            services.env.now(),
        )
        .await?
    {
        drop(tx);
        return already_chosen(services, admin, site.cloud_id.as_str())
            .await?
            .ok_or_else(|| Refusal::of(Reason::ChoiceExpired, team).into());
    }
    let before = tx.find_credential(team.id, Provider::Jira).await?;
    let others = before.as_ref().and_then(|it| it.account_id.as_ref());
    let is_live = before.as_ref().is_some_and(|it| it.tokens.is_some());
    if is_live
        && others
            .zip(account.as_ref())
            .is_some_and(|(old, new)| old != new)
    {
        drop(tx);
        drop_grant(services, admin, attempt, AttemptOutcome::WrongAccount).await?;
        return Err(Refusal::of(Reason::WrongAccount, team).into());
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
    tracing::info!(team.id = %team.id, credential.id = %credential.id, "connected");
    Ok(Ended::Connected {
        team: team.clone(),
        site,
        only_site,
    })
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
            access_expires_at: grant.tokens.access_expires_at,
        }),
        scopes: grant.scopes.clone(),
        // An account that did not answer is unknown, not another one.
        account_id: account.or_else(|| {
            before
                .filter(|it| it.tokens.is_some())
                .and_then(|it| it.account_id.clone())
        }),
        connected_by: Some(admin.person().user().id),
        consented_at: Some(grant.granted_at),
        generation,
        consecutive_failures: 0,
        last_outcome: None,
        last_refreshed_at: None,
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
    };
    tx.set_jira_integration(&integration, now).await?;
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

async fn set_outcome(
    services: &Services,
    admin: &Admin,
    attempt: &ConnectAttempt,
    outcome: AttemptOutcome,
) -> Result<(), Error> {
    let mut tx = services.store.write().await?;
    tx.set_attempt_outcome(admin.team().id, attempt.id, outcome, services.env.now())
        .await?;
    Ok(tx.commit().await?)
}

/// Ends the attempt and erases its grant.
async fn drop_grant(
    services: &Services,
    admin: &Admin,
    attempt: &ConnectAttempt,
    outcome: AttemptOutcome,
) -> Result<(), Error> {
    let team = admin.team().id;
    let mut tx = services.store.write().await?;
    if tx
        .finish_attempt_grant(team, attempt.id, outcome, services.env.now())
        .await?
    {
        let entry = Entry::new(AuditAction::AttemptEnded)
            .team(team)
            .detail(outcome.as_str());
        let entry = entry
            .actor(admin.person().user().id)
            .subject(attempt.id.uuid());
        services.audit(&mut tx, entry).await?;
    }
    Ok(tx.commit().await?)
}

async fn open_access(
    services: &Services,
    attempt: &ConnectAttempt,
    grant: &PendingGrant,
) -> Result<SecretString, Error> {
    services
        .open_sealed(grant_place(attempt, "access_token"), &grant.tokens.access)
        .await
}

async fn open_refresh(
    services: &Services,
    attempt: &ConnectAttempt,
    grant: &PendingGrant,
) -> Result<SecretString, Error> {
    services
        .open_sealed(grant_place(attempt, "refresh_token"), &grant.tokens.refresh)
        .await
}

pub(crate) const fn grant_place(attempt: &ConnectAttempt, column: &'static str) -> Place {
    Place::of_team("connect_attempts", column, attempt.id.uuid(), attempt.team)
}
