//! The grant that waits on an attempt between callback and completion: finding it, opening it, ending it.

use domain::{
    attempt::{AttemptOutcome, ConnectAttempt, PendingGrant},
    audit::AuditAction,
    credential::Provider,
};
use secrecy::SecretString;
use vault::Place;

use crate::{
    Entry, Error, Services,
    connect::{ConnectError, Reason, Refusal},
    who::Admin,
};

/// An attempt that holds a grant, with its access token open.
pub(crate) struct WaitingGrant {
    pub(crate) attempt: ConnectAttempt,
    pub(crate) grant: PendingGrant,
    pub(crate) access: SecretString,
}

/// The newest grant of this person that waits, if there is one.
pub(crate) async fn find(
    services: &Services,
    admin: &Admin,
) -> Result<Option<WaitingGrant>, Error> {
    let user = admin.person().user().id;
    let attempt = {
        let mut tx = services.store.read().await?;
        tx.find_attempt_with_grant(admin.team().id, Provider::Jira, user, services.env.now())
            .await?
    };
    match attempt {
        Some(attempt) => open(services, attempt).await,
        None => Ok(None),
    }
}

/// The same where there must be one.
pub(crate) async fn get(services: &Services, admin: &Admin) -> Result<WaitingGrant, ConnectError> {
    let found = find(services, admin).await?;
    found.ok_or_else(|| Refusal::of(Reason::ChoiceExpired, admin.team()).into())
}

/// Opens the grant of an attempt; none if it holds none that may still be used.
pub(crate) async fn open(
    services: &Services,
    attempt: ConnectAttempt,
) -> Result<Option<WaitingGrant>, Error> {
    let Some(grant) = attempt.usable_grant(services.env.now()).cloned() else {
        return Ok(None);
    };
    let place = grant_place(&attempt, "access_token");
    let access = services.open_sealed(place, &grant.tokens.access).await?;
    Ok(Some(WaitingGrant {
        attempt,
        grant,
        access,
    }))
}

/// Says how far the attempt came; its grant stays.
pub(crate) async fn set_outcome(
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
pub(crate) async fn drop_grant(
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

/// Opens the refresh token, which goes from the attempt to the credential.
pub(crate) async fn open_refresh(
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
