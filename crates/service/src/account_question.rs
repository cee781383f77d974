//! A grant of another Atlassian account than that of the connection in force is not taken silently: a
//! person is asked (`design.md` 4; `pages.md` 4, `CONNECT_WRONG_ACCOUNT`).

use domain::{attempt::AttemptOutcome, credential::Provider, text::CloudId};
use jiff::Timestamp;
use secrecy::SecretString;

use crate::{
    Error, Services,
    choose_site::{ask_for_sites, discard},
    complete::{Choice, OtherAccount, complete},
    connect::{self, ConnectError, Ended, Reason, Refusal, atlassian_of},
    refresh::token_place,
    waiting_grant::{self, WaitingGrant},
    who::Admin,
};

/// What the person is asked.
#[derive(Clone, Debug)]
pub struct AccountQuestion {
    /// The name of the account of the connection in force, where Atlassian told it; never kept.
    pub connected_as: Option<String>,
    /// The name of the account that has just signed in.
    pub signed_in_as: Option<String>,
    /// When the sign-in is discarded.
    pub until: Timestamp,
}

/// The question that waits for this person.
///
/// # Errors
///
/// [`Reason::ChoiceExpired`] if none waits.
pub async fn account_question(
    services: &Services,
    admin: &Admin,
) -> Result<AccountQuestion, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let (waiting, cloud_id) = asked(services, admin).await?;
    let signed_in_as = atlassian.myself(&waiting.access, &cloud_id).await;
    let connected_as = match token_in_force(services, admin).await? {
        Some((access, cloud_id)) => atlassian.myself(&access, &cloud_id).await.ok(),
        None => None,
    };
    Ok(AccountQuestion {
        connected_as: connected_as.and_then(|it| it.display_name),
        // Without an answer the question is asked without the names.
        signed_in_as: signed_in_as.ok().and_then(|it| it.display_name),
        until: waiting.grant.erase_at,
    })
}

/// The connection changes its account.
///
/// # Errors
///
/// As [`crate::choose_site::choose`].
pub async fn take_other_account(services: &Services, admin: &Admin) -> Result<Ended, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let (waiting, cloud_id) = match asked(services, admin).await {
        Ok(asked) => asked,
        Err(err) => return already_taken(services, admin).await?.ok_or(err),
    };
    let offered = ask_for_sites(services, admin, atlassian, &waiting).await?;
    let Some(chosen) = offered.into_iter().find(|it| it.site.cloud_id == cloud_id) else {
        let (team, attempt) = (admin.team(), &waiting.attempt);
        waiting_grant::set_outcome(services, admin, attempt, AttemptOutcome::ChooseSite).await?;
        return Err(Refusal::of(Reason::SiteNotOffered, team)
            .attempt(attempt.id)
            .into());
    };
    let choice = Choice {
        site: chosen.site,
        only_site: false,
    };
    complete(
        services,
        admin,
        atlassian,
        &waiting,
        choice,
        OtherAccount::Take,
    )
    .await
}

/// The connection keeps its account: what was granted is erased, and the person goes to Atlassian again
/// to sign in with the right one.
///
/// # Errors
///
/// As [`connect::begin`].
pub async fn sign_in_with_another(
    services: &Services,
    admin: &Admin,
) -> Result<url::Url, ConnectError> {
    discard(services, admin).await?;
    connect::begin(services, admin).await
}

async fn asked(
    services: &Services,
    admin: &Admin,
) -> Result<(WaitingGrant, CloudId), ConnectError> {
    let waiting = waiting_grant::get(services, admin).await?;
    let is_asked = waiting.attempt.outcome == Some(AttemptOutcome::ChooseAccount);
    match waiting.attempt.chosen_site.clone().filter(|_| is_asked) {
        Some(cloud_id) => Ok((waiting, cloud_id)),
        None => Err(Refusal::of(Reason::ChoiceExpired, admin.team()).into()),
    }
}

/// A second submit finds that this person's question was answered so.
async fn already_taken(services: &Services, admin: &Admin) -> Result<Option<Ended>, Error> {
    let (team, user) = (admin.team(), admin.person().user().id);
    let mut tx = services.store.read().await?;
    let attempt = tx
        .find_newest_attempt(team.id, Provider::Jira, user)
        .await?;
    let was_asked = attempt.is_some_and(|it| {
        it.outcome == Some(AttemptOutcome::Connected) && it.chosen_site.is_some()
    });
    let integration = tx.find_jira_integration(team.id, Provider::Jira).await?;
    Ok(integration
        .filter(|_| was_asked)
        .map(|it| Ended::AlreadyDone {
            team: team.clone(),
            site: Some(it.site),
        }))
}

/// The access token of the connection in force while it is good: for a name alone nothing is refreshed.
async fn token_in_force(
    services: &Services,
    admin: &Admin,
) -> Result<Option<(SecretString, CloudId)>, Error> {
    let team = admin.team().id;
    let (credential, integration) = {
        let mut tx = services.store.read().await?;
        (
            tx.find_credential(team, Provider::Jira).await?,
            tx.find_jira_integration(team, Provider::Jira).await?,
        )
    };
    let now = services.env.now();
    let (Some(credential), Some(integration)) = (credential, integration) else {
        return Ok(None);
    };
    let tokens = credential
        .tokens
        .as_ref()
        .filter(|it| now < it.access_expires_at);
    let Some(tokens) = tokens else {
        return Ok(None);
    };
    let place = token_place(credential.id, team, "access_token");
    let access = services.open_sealed(place, &tokens.access).await?;
    Ok(Some((access, integration.site.cloud_id)))
}
