//! One refresh of a credential in a process, however many wait for it.
//!
//! A flight belongs to the process, not to a caller: nobody who leaves ends it. It lands once, with a
//! token or with the reason why there is none, and releases everybody at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::anyhow;
use atlassian::CallError;
use domain::{
    credential::{Generation, IntegrationCredential, Provider, SealedTokens},
    ids::{CredentialId, TeamId},
    refresh_event::RefreshCause,
};
use jiff::SignedDuration;
use tokio::sync::watch;

use super::{
    Caveat, TokenError, ValidToken, failing,
    gate::{Gate, gate},
    holder::{Exchanged, Holder},
    live_tokens, open, pause, read, saving,
    steps::Step,
    token_place, was_forced,
};
use crate::{Error, Services};

/// How a flight ended.
pub(super) type Landing = Result<ValidToken, TokenError>;

/// The flights of this process, one a credential at most.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<CredentialId, watch::Receiver<Option<Landing>>>>);

impl Flights {
    /// The flight of `credential`, and what its starter must land, if this call starts it.
    fn join(
        &self,
        credential: CredentialId,
    ) -> (watch::Receiver<Option<Landing>>, Option<Starter>) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&credential) {
            return (flight.clone(), None);
        }
        let (sender, flight) = watch::channel(None);
        flights.insert(credential, flight.clone());
        (flight, Some(Starter(sender)))
    }

    fn leave(&self, credential: CredentialId) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&credential);
    }
}

/// Held by the one task that refreshes.
struct Starter(watch::Sender<Option<Landing>>);

/// Which refresh is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) team: TeamId,
    pub(crate) credential: CredentialId,
    pub(crate) provider: Provider,
    /// The pair that whoever wants it has seen.
    pub(crate) generation: Generation,
    pub(crate) cause: RefreshCause,
}

impl Wanted {
    pub(super) const fn of(credential: &IntegrationCredential, cause: RefreshCause) -> Self {
        Self {
            team: credential.team,
            credential: credential.id,
            provider: credential.provider,
            generation: credential.generation,
            cause,
        }
    }
}

/// Starts a refresh, or joins the one under way.
pub(super) fn start(services: &Arc<Services>, wanted: Wanted) -> watch::Receiver<Option<Landing>> {
    let (flight, starter) = services.engine.flights.join(wanted.credential);
    if let Some(Starter(sender)) = starter {
        let (services, tasks) = (Arc::clone(services), services.tasks.clone());
        tasks.spawn(async move {
            // A panic must leave no flight behind that never lands.
            let flying = tokio::spawn({
                let services = Arc::clone(&services);
                async move { fly(&services, wanted).await }
            });
            let landing = flying.await.unwrap_or_else(|err| {
                Err(Error::Internal(anyhow!(err).context("a refresh broke off")).into())
            });
            // Whoever comes after this reads the row anew.
            services.engine.flights.leave(wanted.credential);
            sender.send_replace(Some(landing));
        });
    }
    flight
}

/// Waits for the landing.
pub(super) async fn land(mut flight: watch::Receiver<Option<Landing>>) -> Landing {
    match flight.wait_for(Option::is_some).await {
        Ok(landing) => match &*landing {
            Some(landing) => landing.clone(),
            None => Err(Error::Internal(anyhow!("a refresh landed without an end")).into()),
        },
        Err(_) => Err(Error::Internal(anyhow!("a refresh stopped half-way")).into()),
    }
}

/// A refresh: by this process, or waited for where another one is at it.
async fn fly(services: &Arc<Services>, wanted: Wanted) -> Landing {
    let mut queued = Duration::ZERO;
    let landing = fly_until_landed(services, wanted, &mut queued).await;
    if !queued.is_zero() {
        services.metrics.waited_for_lease(queued);
    }
    landing
}

async fn fly_until_landed(
    services: &Arc<Services>,
    wanted: Wanted,
    queued: &mut Duration,
) -> Landing {
    let mut is_proved_refused = false;
    loop {
        // Before the row is read: a hint that comes meanwhile is not lost.
        let hint = services.engine.hints.notified();
        let credential = read(services, wanted.team, wanted.provider).await?;
        let now = services.env.now();
        if let Some(in_hand) = services.engine.unsaved.token_of(&credential, now) {
            return in_hand;
        }
        let tokens = live_tokens(&credential, now)?;
        // Somebody has been here since the caller looked.
        let is_good = now < tokens.access_expires_at;
        if credential.generation != wanted.generation && is_good {
            return open(services, &credential, tokens).await;
        }
        match gate(services, &credential, wanted.cause, now).await? {
            Gate::Go => {}
            Gate::Wait(err) => return Err(err),
        }
        if wanted.cause == RefreshCause::Rejected && is_good && !is_proved_refused {
            match prove(services, &credential, tokens).await? {
                Some(token) => return Ok(token),
                None => is_proved_refused = true,
            }
        }
        match refresh(services, &credential, tokens, wanted.cause).await? {
            Attempt::Landed(landing) => return landing,
            Attempt::Again => {}
            Attempt::TakenByAnother => {
                let begun = Instant::now();
                tokio::select! {
                    () = hint => {}
                    () = pause(services.engine.settings.poll) => {}
                }
                *queued += begun.elapsed();
            }
        }
    }
}

/// What an attempt came to.
pub(super) enum Attempt {
    /// It is over.
    Landed(Landing),
    /// The row is not what it was; look again.
    Again,
    /// Another process holds the lease; look again in a while.
    TakenByAnother,
}

/// One attempt: the intent is written, Atlassian asked without a transaction, the end written.
async fn refresh(
    services: &Arc<Services>,
    credential: &IntegrationCredential,
    tokens: &SealedTokens,
    cause: RefreshCause,
) -> Result<Attempt, TokenError> {
    let Some(atlassian) = &services.atlassian else {
        return Err(TokenError::Misconfigured { retry_after: None });
    };
    // First of all: what does not open is never refreshed.
    let place = token_place(credential.id, credential.team, "refresh_token");
    let old = match services.open_sealed(place, &tokens.refresh).await {
        Ok(old) => old,
        Err(err) => {
            failing::put_off(services, credential).await?;
            return Err(err.into());
        }
    };
    let steps = &services.engine.steps;
    steps.reached(Step::BeforeLease, credential.id).await;
    let Some(holder) = Holder::take(services, credential, cause).await? else {
        return Ok(Attempt::TakenByAnother);
    };
    steps.reached(Step::Leased, credential.id).await;
    let begun = Instant::now();
    let answer = match holder.exchange(atlassian, &old).await? {
        Exchanged::LeaseLost => return Ok(Attempt::Again),
        Exchanged::Answer(answer) => answer,
    };
    let took = begun.elapsed();
    match answer {
        Ok(new) => {
            steps.reached(Step::Answered, credential.id).await;
            let landing = saving::save(services, holder, credential, tokens, new, took).await;
            Ok(Attempt::Landed(landing))
        }
        Err(err) => failing::note(services, &holder, credential, &err, took).await,
    }
}

/// Sees whether a token that somebody says is refused is taken by Atlassian: then nothing needs to be
/// spent. `None` if Atlassian refuses it too.
async fn prove(
    services: &Services,
    credential: &IntegrationCredential,
    tokens: &SealedTokens,
) -> Result<Option<ValidToken>, TokenError> {
    let now = services.env.now();
    let token = open(services, credential, tokens).await?;
    if was_forced(credential, now) {
        return Ok(Some(token.but(Caveat::RefusedAgain)));
    }
    if services.engine.proved.works(credential, now) {
        return Ok(Some(token.but(Caveat::TokenWorks)));
    }
    let Some(atlassian) = &services.atlassian else {
        return Err(TokenError::Misconfigured { retry_after: None });
    };
    match atlassian.accessible_sites(&token.access).await {
        Ok(_) | Err(CallError::ScopeMissing) => {
            services.engine.proved.note(credential, now);
            Ok(Some(token.but(Caveat::TokenWorks)))
        }
        Err(CallError::Unauthorized) => Ok(None),
        // Nothing is known; a refresh would only spend what may be good.
        Err(_) => Ok(Some(token.but(Caveat::RefusedAgain))),
    }
}

/// How long something is away, for a `Retry-After`: at least a second.
pub(super) fn until(at: jiff::Timestamp, now: jiff::Timestamp) -> SignedDuration {
    at.duration_since(now).max(SignedDuration::from_secs(1))
}
