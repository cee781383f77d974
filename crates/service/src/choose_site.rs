//! Which sites a grant reaches, and which one is meant (`design.md` 4, steps 5 and 6).

use std::sync::Arc;

use atlassian::{Atlassian, OfferedSite};
use domain::{
    attempt::{AttemptOutcome, ConnectAttempt},
    audit::AuditAction,
    credential::Provider,
    jira::Site,
    text::CloudId,
};
use jiff::Timestamp;

use crate::{
    Entry, Error, Services, change_site,
    complete::{Choice, OtherAccount, already_connected, complete},
    connect::{ConnectError, Ended, Reason, Refusal, atlassian_of},
    waiting_grant::{self, WaitingGrant, drop_grant, set_outcome},
    who::Admin,
};

/// What the picker shows.
#[derive(Clone, Debug)]
pub struct Picker {
    /// The sites that may be chosen, by name.
    pub sites: Vec<SiteChoice>,
    /// The name of the Atlassian account, where Atlassian told it; never kept.
    pub account_name: Option<String>,
    /// When the sign-in that waits is discarded; none where a connection in force changes its site.
    pub until: Option<Timestamp>,
    /// The site in force, where the connection is to change it.
    pub current: Option<CloudId>,
}

/// One site of the picker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteChoice {
    /// The site.
    pub site: Site,
    /// Other teams of the same person that use it, by name.
    pub used_by: Vec<String>,
}

/// The sites that may be chosen, asked anew from Atlassian: of the sign-in that waits, else of the
/// connection in force.
///
/// # Errors
///
/// [`Reason::ChoiceExpired`] if there is neither, [`Reason::AtlassianDown`], [`Reason::NoAnswer`],
/// [`Reason::NoSite`].
pub async fn offered_sites(
    services: &Arc<Services>,
    admin: &Admin,
) -> Result<Picker, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let Some(waiting) = waiting_grant::find(services, admin).await? else {
        return change_site::offered(services, admin).await;
    };
    let offered = ask_for_sites(services, admin, atlassian, &waiting).await?;
    let account_name = match offered.first() {
        Some(first) => match atlassian
            .myself(&waiting.access, &first.site.cloud_id)
            .await
        {
            Ok(account) => account.display_name,
            Err(err) => {
                tracing::info!(error = %err, "the account's name is not known to the picker");
                None
            }
        },
        None => None,
    };
    Ok(Picker {
        sites: choices(services, admin, offered).await?,
        account_name,
        until: Some(waiting.grant.erase_at),
        current: None,
    })
}

/// The sites as a person reads them, with the other teams of this person that use them.
pub(crate) async fn choices(
    services: &Services,
    admin: &Admin,
    offered: Vec<OfferedSite>,
) -> Result<Vec<SiteChoice>, Error> {
    let cloud_ids: Vec<CloudId> = offered.iter().map(|it| it.site.cloud_id.clone()).collect();
    let mut tx = services.store.read().await?;
    let used = tx
        .list_own_teams_using(admin.person().user().id, &cloud_ids)
        .await?;
    let choices = offered.into_iter().map(|OfferedSite { site, .. }| {
        let others = used
            .iter()
            .filter(|(cloud_id, team)| *cloud_id == site.cloud_id && team.id != admin.team().id);
        SiteChoice {
            used_by: others.map(|(_, team)| team.name.to_string()).collect(),
            site,
        }
    });
    Ok(choices.collect())
}

/// Connects with the chosen site. Of the form only `cloud_id` is believed, and only if Atlassian lists it
/// now.
///
/// # Errors
///
/// [`Reason::ChoiceExpired`] if no sign-in of this person waits, [`Reason::AtlassianDown`],
/// [`Reason::NoSite`]; [`Reason::SiteNotOffered`] or [`Reason::SiteRefused`], after which another
/// choice can be made.
pub async fn choose(
    services: &Services,
    admin: &Admin,
    cloud_id: &str,
) -> Result<Ended, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let team = admin.team();
    let Some(waiting) = waiting_grant::find(services, admin).await? else {
        // A second submit of the same choice finds the connection made. Another choice is none: what
        // waited is gone, and a form that was left open changes nothing that was made since.
        let made = match CloudId::parse(cloud_id) {
            Ok(cloud_id) => already_connected(services, admin, &cloud_id).await?,
            Err(_) => None,
        };
        return made.ok_or_else(|| Refusal::of(Reason::ChoiceExpired, team).into());
    };
    let offered = ask_for_sites(services, admin, atlassian, &waiting).await?;
    let chosen = offered
        .into_iter()
        .find(|it| it.site.cloud_id.as_str() == cloud_id);
    let Some(chosen) = chosen else {
        return Err(Refusal::of(Reason::SiteNotOffered, team)
            .attempt(waiting.attempt.id)
            .into());
    };
    let choice = Choice {
        site: chosen.site,
        only_site: false,
    };
    let ask = OtherAccount::Ask;
    complete(services, admin, atlassian, &waiting, choice, ask).await
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
/// what a person must.
pub(crate) async fn go_on(
    services: &Services,
    admin: &Admin,
    attempt: ConnectAttempt,
) -> Result<Ended, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let team = admin.team();
    if attempt.outcome == Some(AttemptOutcome::ChooseAccount) {
        return Ok(Ended::AskAccount { team: team.clone() });
    }
    let Some(waiting) = waiting_grant::open(services, attempt).await? else {
        return Err(Refusal::of(Reason::ChoiceExpired, team).into());
    };
    let offered = ask_for_sites(services, admin, atlassian, &waiting).await?;
    if let Some(choice) = obvious_choice(services, admin, &offered).await? {
        let ask = OtherAccount::Ask;
        return complete(services, admin, atlassian, &waiting, choice, ask).await;
    }
    set_outcome(
        services,
        admin,
        &waiting.attempt,
        AttemptOutcome::ChooseSite,
    )
    .await?;
    Ok(Ended::ChooseSite { team: team.clone() })
}

/// The site in force, where it is still offered; where none is in force, the only one. Never one of
/// several, and never another one than that in force: a site changes because somebody said so.
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
    let only_one = offered.len() == 1;
    let (wanted, only_site) = match in_force {
        Some(in_force) => {
            let kept = |it: &&OfferedSite| it.site.cloud_id == in_force.site.cloud_id;
            (offered.iter().find(kept), false)
        }
        None => (offered.first().filter(|_| only_one), true),
    };
    Ok(wanted.map(|it| Choice {
        site: it.site.clone(),
        only_site,
    }))
}

/// Asks Atlassian what the grant can reach. What goes wrong is written on the attempt.
pub(crate) async fn ask_for_sites(
    services: &Services,
    admin: &Admin,
    atlassian: &Atlassian,
    waiting: &WaitingGrant,
) -> Result<Vec<OfferedSite>, ConnectError> {
    let attempt = &waiting.attempt;
    let refuse = |reason| Refusal::of(reason, admin.team()).attempt(attempt.id);
    match atlassian.accessible_sites(&waiting.access).await {
        Ok(sites) if sites.is_empty() => {
            drop_grant(services, admin, attempt, AttemptOutcome::NoSite).await?;
            Err(refuse(Reason::NoSite).into())
        }
        Ok(sites) => Ok(sites),
        Err(err) => {
            tracing::warn!(error = %err, attempt.id = %attempt.id, "no list of sites");
            // The grant stays: a new consent is the last thing to ask a person for.
            let is_asked = matches!(
                attempt.outcome,
                Some(AttemptOutcome::ChooseSite | AttemptOutcome::ChooseAccount)
            );
            if !is_asked {
                set_outcome(services, admin, attempt, AttemptOutcome::AtlassianDown).await?;
            }
            Err(refuse(Reason::AtlassianDown).into())
        }
    }
}
