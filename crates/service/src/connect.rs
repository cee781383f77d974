//! Connecting: to Atlassian and back (`design.md` 4).
//!
//! [`begin`] writes an attempt and gives the address to go to. [`finish()`] takes what came back,
//! claims the attempt, exchanges the code and seals the grant on the attempt before anything else is
//! asked. From there [`crate::choose_site`] goes on, at once or when the person tries again.

use atlassian::Atlassian;
use domain::{
    attempt::{ConnectAttempt, Purpose, TRIP_LIFE},
    audit::AuditAction,
    credential::Provider,
    ids::AttemptId,
    jira::Site,
    team::Team,
    text::PersonName,
};
use secrecy::SecretString;
use url::Url;
use vault::{Place, token_hash};

use crate::{
    Entry, Error, Services, choose_site,
    state_token::ConnectState,
    who::{Admin, Person},
};

mod callback;
mod finish;

pub use callback::Callback;
pub use finish::finish;

use finish::how_it_ended;

/// How a trip ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The connection is written.
    Connected {
        /// Whose.
        team: Team,
        /// With which site.
        site: Site,
        /// Whether there was but one site to choose.
        only_site: bool,
    },
    /// The person must choose a site.
    ChooseSite {
        /// For which team.
        team: Team,
    },
    /// The person must say whether the connection changes its Atlassian account.
    AskAccount {
        /// For which team.
        team: Team,
    },
    /// The connection in force has another site now.
    SiteChanged {
        /// Whose.
        team: Team,
        /// Which.
        site: Site,
    },
    /// The same trip ended before; nothing happened now.
    AlreadyDone {
        /// Whose.
        team: Team,
        /// With which site, where one is connected.
        site: Option<Site>,
    },
}

/// Why a trip, or a choice, was refused. Each is a coded page (`pages.md` 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The person pressed Cancel at Atlassian.
    Denied,
    /// It took longer than ten minutes.
    StateExpired,
    /// Not begun in this browser, or forged.
    StateUnknown,
    /// The connection's grant is dead: there is no changing its site before a new one.
    ReconnectFirst,
    /// Atlassian sent no refresh token.
    NoRefreshToken,
    /// Our client id or secret was refused.
    ClientMisconfigured,
    /// The operator has not set client id and secret.
    NotSetUp,
    /// Atlassian did not answer; the sign-in is kept, and *Try again* goes on.
    AtlassianDown,
    /// Atlassian did not answer; there was no sign-in to keep.
    NoAnswer,
    /// Atlassian did not answer the exchange of the code; the sign-in must be repeated.
    ExchangeFailed,
    /// Atlassian came back with an error.
    RefusedByAtlassian,
    /// The site does not let the app in.
    SiteRefused {
        /// Which.
        site: Site,
    },
    /// Atlassian did not take the code.
    CodeRefused,
    /// The callback's address is not complete.
    BadRequest,
    /// A member who is no admin.
    NotAdmin {
        /// Whom to ask.
        admins: Vec<PersonName>,
    },
    /// The account reaches no Jira site.
    NoSite,
    /// The posted site is not one of those that Atlassian lists.
    SiteNotOffered,
    /// There is nothing to choose, or not any more.
    ChoiceExpired,
    /// The attempt was claimed and never came to an end.
    Interrupted,
}

/// A refusal, with what is needed to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The team, where the person is a member of it.
    pub team: Option<Team>,
    /// The attempt, where it can go on.
    pub attempt: Option<AttemptId>,
}

impl Refusal {
    pub(crate) const fn new(reason: Reason) -> Self {
        Self {
            reason,
            team: None,
            attempt: None,
        }
    }

    pub(crate) fn of(reason: Reason, team: &Team) -> Self {
        Self {
            reason,
            team: Some(team.clone()),
            attempt: None,
        }
    }

    pub(crate) const fn attempt(mut self, attempt: AttemptId) -> Self {
        self.attempt = Some(attempt);
        self
    }
}

/// Why nothing was connected.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A coded page.
    #[error("the sign-in was refused: {:?}", .0.reason)]
    Refused(Box<Refusal>),
    /// Not the caller's fault.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<Refusal> for ConnectError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<store::StoreError> for ConnectError {
    fn from(err: store::StoreError) -> Self {
        Self::Failed(err.into())
    }
}

/// Where a person goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// To Atlassian.
    Atlassian(Url),
    /// The trip had been made; this is its end.
    Ended(Ended),
}

/// Begins a trip: writes the attempt, then gives the address at Atlassian.
///
/// # Errors
///
/// [`Reason::NotSetUp`] while client id and secret are not set.
pub async fn begin(services: &Services, admin: &Admin) -> Result<Url, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let env = services.env.as_ref();
    let now = env.now();
    let id = AttemptId::new(env);
    let team = admin.team().id;
    let verifier = token_hash::generate(env);
    let mut tx = services.store.write().await?;
    let credential = tx.find_credential(team, Provider::Jira).await?;
    let attempt = ConnectAttempt {
        id,
        team,
        user: admin.person().user().id,
        session: Some(admin.person().session().id),
        provider: Provider::Jira,
        purpose: match credential {
            Some(it) if it.tokens.is_some() => Purpose::Reconnect,
            _ => Purpose::Connect,
        },
        code_verifier: services
            .key_ring
            .seal(env, verifier_place(id, admin.team()), &verifier),
        created_at: now,
        expires_at: now + TRIP_LIFE,
        finished_at: None,
        outcome: None,
        grant: None,
        chosen_site: None,
    };
    tx.add_attempt(&attempt).await?;
    let entry = Entry::new(AuditAction::ConnectBegun)
        .team(team)
        .actor(attempt.user);
    services.audit(&mut tx, entry.subject(id.uuid())).await?;
    tx.commit().await?;
    address(services, atlassian, &attempt, &verifier)
}

/// Goes on with an attempt that is open: to Atlassian again (*Continue*), or from the sealed grant
/// (*Try again*), without a new consent.
///
/// # Errors
///
/// [`Reason::ChoiceExpired`], [`Reason::StateExpired`] or [`Reason::Interrupted`] if it is not open
/// any more, [`Reason::StateUnknown`] if it is somebody else's or in another browser.
pub async fn resume(
    services: &Services,
    admin: &Admin,
    attempt: AttemptId,
) -> Result<Next, ConnectError> {
    let atlassian = atlassian_of(services, admin)?;
    let team = admin.team();
    let now = services.env.now();
    let found = {
        let mut tx = services.store.read().await?;
        tx.find_attempt(team.id, attempt).await?
    };
    let Some(attempt) = found.filter(|it| is_own(it, admin.person())) else {
        return Err(Refusal::of(Reason::StateUnknown, team).into());
    };
    if attempt.is_under_way(now) {
        let place = verifier_place(attempt.id, team);
        let verifier = services.open_sealed(place, &attempt.code_verifier).await?;
        let address = address(services, atlassian, &attempt, &verifier)?;
        return Ok(Next::Atlassian(address));
    }
    if attempt.usable_grant(now).is_some() {
        return choose_site::go_on(services, admin, attempt)
            .await
            .map(Next::Ended);
    }
    how_it_ended(services, admin, &attempt)
        .await
        .map(Next::Ended)
}

fn is_own(attempt: &ConnectAttempt, person: &Person) -> bool {
    attempt.user == person.user().id && attempt.session == Some(person.session().id)
}

pub(crate) fn atlassian_of<'a>(
    services: &'a Services,
    admin: &Admin,
) -> Result<&'a Atlassian, ConnectError> {
    let found = services.atlassian.as_ref();
    found.ok_or_else(|| Refusal::of(Reason::NotSetUp, admin.team()).into())
}

const fn verifier_place(attempt: AttemptId, team: &Team) -> Place {
    Place::of_team("connect_attempts", "code_verifier", attempt.uuid(), team.id)
}

fn address(
    services: &Services,
    atlassian: &Atlassian,
    attempt: &ConnectAttempt,
    verifier: &SecretString,
) -> Result<Url, ConnectError> {
    let state = ConnectState::of(attempt)
        .to_text(&services.key_ring)
        .map_err(|err| Error::Internal(err.into()))?;
    Ok(atlassian.authorize_url(&state, &token_hash::code_challenge(verifier)))
}
