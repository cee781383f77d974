//! The way back: what a browser brings from Atlassian is checked, the attempt is claimed, and the grant
//! is sealed on it before anything that can fail is asked.

use atlassian::{ExchangeError, GrantedTokens};
use domain::{
    attempt::{AttemptOutcome, ConnectAttempt, GRANT_LIFE, PendingGrant},
    audit::AuditAction,
    credential::{Provider, Scopes, SealedTokens},
    ids::AttemptId,
    refresh::DEFAULT_LIFETIME,
};
use secrecy::SecretString;
use vault::Place;

use super::{Callback, ConnectError, Ended, Reason, Refusal, atlassian_of, is_own, verifier_place};
use crate::{
    Entry, Error, Services, choose_site,
    state_token::{Age, ConnectState, StateError},
    who::{Admin, Member, Person},
};

/// Takes what came back from Atlassian.
///
/// # Errors
///
/// A [`Refusal`] for everything but success; what was connected before is untouched then. A callback
/// that was refused by us is audited.
pub async fn finish(
    services: &Services,
    person: Option<&Person>,
    query: &str,
) -> Result<Ended, ConnectError> {
    let Some(callback) = Callback::parse(query) else {
        return Err(refuse_unreadable(services, person).await?.into());
    };
    let (admin, attempt) = match admit(services, person, &callback).await? {
        Admitted::Yes(admin, attempt) => (admin, attempt),
        Admitted::Ended(ended) => return Ok(ended),
    };
    let team = admin.team();
    let now = services.env.now();
    let mut tx = services.store.write().await?;
    let claimed = tx.claim_attempt(team.id, attempt.id, now).await?;
    tx.commit().await?;
    if !claimed {
        return Err(Refusal::of(Reason::Interrupted, team).into());
    }
    match callback {
        Callback::Error { denied, .. } => {
            let (outcome, reason) = if denied {
                (AttemptOutcome::Denied, Reason::Denied)
            } else {
                (AttemptOutcome::Refused, Reason::RefusedByAtlassian)
            };
            Err(end(services, &admin, attempt.id, outcome, reason)
                .await?
                .into())
        }
        Callback::Code { code, .. } => {
            let attempt = exchange(services, &admin, attempt, &code).await?;
            choose_site::go_on(services, &admin, *attempt).await
        }
    }
}

/// What checking a callback came to.
enum Admitted {
    /// The person may finish this attempt.
    Yes(Admin, Box<ConnectAttempt>),
    /// The attempt had ended well before.
    Ended(Ended),
}

/// Checks signature, attempt, person, session, age, and that the person is still an admin.
async fn admit(
    services: &Services,
    person: Option<&Person>,
    callback: &Callback,
) -> Result<Admitted, ConnectError> {
    let now = services.env.now();
    let state = match ConnectState::parse(callback.state(), &services.key_ring) {
        Ok(state) => state,
        Err(StateError::Unreadable) => {
            return Err(refuse_unreadable(services, person).await?.into());
        }
        Err(StateError::Forged) => return refuse_unknown(services, person, None, "forged").await,
    };
    let Some(person) = person else {
        return refuse_unknown(services, None, Some(&state), "no_session").await;
    };
    let (attempt, membership) = {
        let mut tx = services.store.read().await?;
        let attempt = tx.find_attempt(state.team, state.attempt).await?;
        (
            attempt,
            tx.find_membership(state.team, person.user().id).await?,
        )
    };
    let unknown = |why| refuse_unknown(services, Some(person), Some(&state), why);
    let Some(attempt) = attempt else {
        return unknown("no_attempt").await;
    };
    if !is_own(&attempt, person) {
        return unknown("other_browser").await;
    }
    if (attempt.provider, attempt.purpose) != (state.provider, state.purpose) {
        return unknown("other_purpose").await;
    }
    let Some((team, role)) = membership else {
        return unknown("no_member").await;
    };
    let member = Member::new(person.clone(), team, role);
    let admin = match member.into_admin() {
        Ok(admin) => admin,
        Err(member) => {
            let admins = crate::teams::admin_names(services, &member).await?;
            refused_callback(services, Some(person), Some(&state), "not_admin").await?;
            return Err(Refusal::of(Reason::NotAdmin { admins }, member.team()).into());
        }
    };
    if attempt.finished_at.is_some() {
        return how_it_ended(services, &admin, &attempt)
            .await
            .map(Admitted::Ended);
    }
    match state.age(now) {
        Age::Good => Ok(Admitted::Yes(admin, Box::new(attempt))),
        Age::Impossible => unknown("from_the_future").await,
        Age::Expired => {
            refused_callback(services, Some(person), Some(&state), "expired").await?;
            Err(Refusal::of(Reason::StateExpired, admin.team()).into())
        }
    }
}

async fn refuse_unreadable(services: &Services, person: Option<&Person>) -> Result<Refusal, Error> {
    refused_callback(services, person, None, "bad_request").await?;
    Ok(Refusal::new(Reason::BadRequest))
}

async fn refuse_unknown(
    services: &Services,
    person: Option<&Person>,
    state: Option<&ConnectState>,
    why: &'static str,
) -> Result<Admitted, ConnectError> {
    refused_callback(services, person, state, why).await?;
    Err(Refusal::new(Reason::StateUnknown).into())
}

async fn refused_callback(
    services: &Services,
    person: Option<&Person>,
    state: Option<&ConnectState>,
    why: &'static str,
) -> Result<(), Error> {
    tracing::info!(why, "a callback was refused");
    let mut entry = Entry::new(AuditAction::CallbackRefused).detail(why);
    if let Some(person) = person {
        entry = entry.actor(person.user().id);
    }
    if let Some(state) = state {
        entry = entry.team(state.team).subject(state.attempt.uuid());
    }
    services.audit_alone(entry).await
}

/// Tells the end of an attempt that was claimed before.
pub(super) async fn how_it_ended(
    services: &Services,
    admin: &Admin,
    attempt: &ConnectAttempt,
) -> Result<Ended, ConnectError> {
    let team = admin.team();
    let refuse = |reason| Err(Refusal::of(reason, team).attempt(attempt.id).into());
    let kept = attempt.usable_grant(services.env.now()).is_some();
    match attempt.outcome {
        Some(AttemptOutcome::Connected) => {
            let mut tx = services.store.read().await?;
            let integration = tx.find_jira_integration(team.id, Provider::Jira).await?;
            let site = integration.map(|it| it.site);
            Ok(Ended::AlreadyDone {
                team: team.clone(),
                site,
            })
        }
        Some(AttemptOutcome::ChooseSite) if kept => Ok(Ended::ChooseSite { team: team.clone() }),
        Some(AttemptOutcome::ChooseAccount) if kept => Ok(Ended::AskAccount { team: team.clone() }),
        Some(AttemptOutcome::AtlassianDown) if kept => refuse(Reason::AtlassianDown),
        Some(
            AttemptOutcome::ChooseSite
            | AttemptOutcome::ChooseAccount
            | AttemptOutcome::AtlassianDown
            | AttemptOutcome::Discarded,
        ) => refuse(Reason::ChoiceExpired),
        Some(AttemptOutcome::Denied) => refuse(Reason::Denied),
        Some(AttemptOutcome::Refused) => refuse(Reason::RefusedByAtlassian),
        Some(AttemptOutcome::CodeRefused) => refuse(Reason::CodeRefused),
        Some(AttemptOutcome::ExchangeFailed) => refuse(Reason::ExchangeFailed),
        Some(AttemptOutcome::ClientMisconfigured) => refuse(Reason::ClientMisconfigured),
        Some(AttemptOutcome::NoRefreshToken) => refuse(Reason::NoRefreshToken),
        Some(AttemptOutcome::NoSite) => refuse(Reason::NoSite),
        None if attempt.finished_at.is_none() => refuse(Reason::StateExpired),
        None => refuse(Reason::Interrupted),
    }
}

/// Exchanges the code and seals the grant on the attempt, before anything that can fail is asked.
async fn exchange(
    services: &Services,
    admin: &Admin,
    mut attempt: Box<ConnectAttempt>,
    code: &SecretString,
) -> Result<Box<ConnectAttempt>, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let team = admin.team();
    let place = verifier_place(attempt.id, team);
    let verifier = services.open_sealed(place, &attempt.code_verifier).await?;
    let granted = match atlassian.exchange_code(code, &verifier).await {
        Ok(granted) => granted,
        Err(err) => {
            tracing::warn!(error = %err, attempt.id = %attempt.id, "the code was not exchanged");
            let (outcome, reason) = match err {
                ExchangeError::CodeRefused => (AttemptOutcome::CodeRefused, Reason::CodeRefused),
                ExchangeError::ClientMisconfigured => (
                    AttemptOutcome::ClientMisconfigured,
                    Reason::ClientMisconfigured,
                ),
                ExchangeError::NoAnswer { .. } => {
                    (AttemptOutcome::ExchangeFailed, Reason::ExchangeFailed)
                }
                ExchangeError::Unexpected { .. } => {
                    (AttemptOutcome::Refused, Reason::RefusedByAtlassian)
                }
            };
            return Err(end(services, admin, attempt.id, outcome, reason)
                .await?
                .into());
        }
    };
    let Some(refresh) = &granted.refresh else {
        let (outcome, reason) = (AttemptOutcome::NoRefreshToken, Reason::NoRefreshToken);
        return Err(end(services, admin, attempt.id, outcome, reason)
            .await?
            .into());
    };
    let grant = seal_grant(services, &attempt, &granted, refresh);
    let mut tx = services.store.write().await?;
    let kept = tx
        .set_attempt_grant(team.id, attempt.id, &grant, grant.granted_at)
        .await?;
    tx.commit().await?;
    if !kept {
        return Err(Refusal::of(Reason::Interrupted, team).into());
    }
    attempt.finished_at = Some(grant.granted_at);
    attempt.grant = Some(grant);
    Ok(attempt)
}

fn seal_grant(
    services: &Services,
    attempt: &ConnectAttempt,
    granted: &GrantedTokens,
    refresh: &SecretString,
) -> PendingGrant {
    let env = services.env.as_ref();
    let now = env.now();
    let seal = |column, token: &SecretString| {
        let place = Place::of_team("connect_attempts", column, attempt.id.uuid(), attempt.team);
        services.key_ring.seal(env, place, token)
    };
    if granted.expires_in.is_none() {
        tracing::warn!("Atlassian did not say how long the access token lives");
    }
    let lifetime = granted.expires_in.unwrap_or(DEFAULT_LIFETIME);
    PendingGrant {
        tokens: SealedTokens {
            access: seal("access_token", &granted.access),
            refresh: seal("refresh_token", refresh),
            access_expires_at: now + lifetime,
        },
        // RFC 6749, 5.1: a scope left out is the scope that was asked for.
        scopes: granted
            .scopes
            .clone()
            .unwrap_or_else(|| Scopes::REQUESTED.into_iter().collect()),
        granted_at: now,
        erase_at: now + GRANT_LIFE,
    }
}

/// Ends an attempt that holds no grant.
async fn end(
    services: &Services,
    admin: &Admin,
    attempt: AttemptId,
    outcome: AttemptOutcome,
    reason: Reason,
) -> Result<Refusal, Error> {
    let now = services.env.now();
    let mut tx = services.store.write().await?;
    tx.set_attempt_outcome(admin.team().id, attempt, outcome, now)
        .await?;
    let entry = Entry::new(AuditAction::AttemptEnded).team(admin.team().id);
    let entry = entry
        .actor(admin.person().user().id)
        .subject(attempt.uuid());
    services
        .audit(&mut tx, entry.detail(outcome.as_str()))
        .await?;
    tx.commit().await?;
    Ok(Refusal::of(reason, admin.team()))
}
