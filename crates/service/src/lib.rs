//! Use cases: one file each, one public function or a few.
//!
//! - People: [`sign_up`], [`setup`] (the first account), [`sign_in`], [`account`], [`password_reset`];
//!   [`who`] proves who is asking, [`throttle`] slows down whoever guesses.
//! - Teams: [`teams`], [`members`], [`invitations`].
//! - Connecting: [`connect`] (to Atlassian and back), [`choose_site`] (the picker), [`account_question`],
//!   [`change_site`], [`disconnect`].
//! - Services: [`api_keys`] are theirs, [`door`] is where they ask for tokens, [`proxy`] passes their calls on, within
//!   what Atlassian allows ([`budget`]), [`calls`] counts what they ask for.
//! - Tokens: [`refresh`], whose [`refresh::ensure_valid_token`] is the one way to a token.
//! - What pages show: [`overview`], [`health`], [`audit_log`], and around them [`surroundings`]; what state a connection is
//!   in: [`assess`].
//!   What runs by itself: [`worker`].
//! - Who is told of a connection that needs people, and what: [`notices`]. [`sending`] sends it, by
//!   [`mail`] and [`webhook`]. What monitoring asks: [`metrics`].
//! - What the operator does: [`start`] proves the ring, [`keys`] and [`rotate_keys`] change it;
//!   [`adopt`] guards against a second server on a copy; what it looks at are all
//!   [`connections`] and the [`slo`]; [`operator`], [`verify`] and [`probe`] are the rest.
//!
//! This crate must not know HTTP, cookies, HTML or status codes. What it refuses are meanings; `web`
//! turns them into answers. Nothing awaits the network inside a write transaction.

pub mod account;
pub mod account_question;
pub mod adopt;
pub mod api_keys;
pub mod assess;
pub mod audit_log;
pub mod budget;
pub mod calls;
pub mod change_site;
pub mod choose_site;
mod complete;
pub mod connect;
pub mod connections;
pub mod disconnect;
pub mod door;
pub mod error;
pub mod health;
pub mod invitations;
pub mod key_rate;
pub mod keys;
pub mod mail;
pub mod members;
pub mod metrics;
pub mod notices;
pub mod operator;
pub mod overview;
mod password;
pub mod password_reset;
pub mod probe;
pub mod proxy;
pub mod receiver;
pub mod refresh;
pub mod rotate_keys;
pub mod sending;
pub mod setup;
pub mod sign_in;
pub mod sign_up;
pub mod slo;
pub mod start;
pub mod state_token;
pub mod surroundings;
pub mod teams;
pub mod test_connection;
pub mod throttle;
mod usage;
pub mod verify;
mod waiting_grant;
pub mod webhook;
pub mod who;
pub mod worker;

use std::{
    num::{NonZeroU16, NonZeroU32},
    sync::Arc,
};

use atlassian::{Atlassian, Observer};
use domain::{
    audit::{AuditAction, AuditEvent},
    env::Env,
    ids::{ApiKeyId, AuditEventId, TeamId, UserId},
    retention::Retention,
};
use store::{Store, Tx};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use vault::KeyRing;

pub use error::Error;

/// Who did it, in the audit log, where it was the operator on the command line.
pub(crate) const OPERATOR: &str = "operator";

/// What the operator decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether anybody may make an account.
    pub allow_signup: bool,
    /// How long Atlassian lets a consent live; none if for ever.
    pub consent_lifetime_days: Option<NonZeroU16>,
    /// How long is kept what is there for looking back.
    pub retention: Retention,
    /// How many calls a second a key has; none if nobody set a limit.
    pub requests_per_second: Option<NonZeroU32>,
}

impl Default for Policy {
    /// What holds where the operator said nothing.
    fn default() -> Self {
        Self {
            allow_signup: false,
            consent_lifetime_days: NonZeroU16::new(365),
            retention: Retention::default(),
            requests_per_second: None,
        }
    }
}

/// Everything that a use case needs. Made once a process (or once a test).
#[derive(Debug)]
pub struct Services {
    /// The database.
    pub store: Store,
    /// The keys that seal and sign.
    pub key_ring: KeyRing,
    /// Atlassian; none while the operator has not set client id and secret.
    pub atlassian: Option<Atlassian>,
    /// Time and randomness.
    pub env: Arc<dyn Env>,
    /// What the operator decided.
    pub policy: Policy,
    /// Mail; none while the operator has not set a server for it.
    pub mailer: Option<mail::Mailer>,
    /// Webhooks; none while the operator has not set a receiver for them.
    pub webhooks: Option<webhook::Webhooks>,
    /// How this process sends notices, and what it has in hand.
    pub sender: sending::Sender,
    /// Work that goes on when a caller has left; a shutdown waits for it.
    pub tasks: TaskTracker,
    /// Who failed how often of late.
    pub throttle: throttle::Throttle,
    /// Who can be told, and whom to wake when there is something to tell.
    pub notices: notices::Notices,
    /// What monitoring asks.
    pub metrics: Arc<metrics::Metrics>,
    /// Which keys were used; written once in a while.
    pub(crate) key_usage: usage::Usage<ApiKeyId>,
    /// How often keys called of late, where that has a limit.
    pub(crate) key_rates: key_rate::KeyRates,
    /// What services asked for; written once a second.
    pub(crate) calls: calls::Calls,
    /// What Atlassian allows, as far as this process knows.
    pub(crate) budgets: Arc<budget::Budgets>,
    /// How this process refreshes, and what it remembers of it.
    pub engine: refresh::Engine,
    hashing: Arc<Semaphore>,
}

impl Services {
    /// Puts the parts together.
    pub fn new(
        store: Store,
        key_ring: KeyRing,
        atlassian: Option<Atlassian>,
        env: Arc<dyn Env>,
        policy: Policy,
    ) -> Self {
        let metrics = Arc::new(metrics::Metrics::new());
        Self {
            store,
            key_ring,
            atlassian: atlassian
                .map(|it| it.observed_by(Arc::clone(&metrics) as Arc<dyn Observer>)),
            metrics,
            env,
            policy,
            mailer: None,
            webhooks: None,
            sender: sending::Sender::default(),
            notices: notices::Notices::default(),
            tasks: TaskTracker::new(),
            throttle: throttle::Throttle::default(),
            key_usage: usage::Usage::default(),
            key_rates: key_rate::KeyRates::default(),
            calls: calls::Calls::default(),
            budgets: Arc::default(),
            engine: refresh::Engine::default(),
            hashing: Arc::new(Semaphore::new(password::AT_ONCE)),
        }
    }

    /// The same with mail.
    #[must_use]
    pub fn with_mailer(self, mailer: Option<mail::Mailer>) -> Self {
        Self { mailer, ..self }
    }

    /// The same with somebody else to tell than the admins of the teams.
    #[must_use]
    pub fn with_notices(self, settings: notices::NoticeSettings) -> Self {
        let notices = notices::Notices::new(settings);
        Self { notices, ..self }
    }

    /// The same with webhooks.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Option<webhook::Webhooks>) -> Self {
        Self { webhooks, ..self }
    }

    /// The same with another way of sending notices.
    #[must_use]
    pub fn with_sender(self, sender: sending::Sender) -> Self {
        Self { sender, ..self }
    }

    /// The same with another way of refreshing.
    #[must_use]
    pub fn with_engine(self, engine: refresh::Engine) -> Self {
        Self { engine, ..self }
    }

    /// Writes one audit row, in the transaction of the change that it tells of.
    pub(crate) async fn audit(&self, tx: &mut Tx, entry: Entry) -> Result<(), Error> {
        let event = AuditEvent {
            id: AuditEventId::new(self.env.as_ref()),
            at: self.env.now(),
            team: entry.team,
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            detail: entry.detail,
        };
        Ok(tx.add_audit_event(&event).await?)
    }

    /// Writes one audit row for something that changed nothing else.
    pub(crate) async fn audit_alone(&self, entry: Entry) -> Result<(), Error> {
        let mut tx = self.store.write().await?;
        self.audit(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }
}

/// What an audit row tells, before it has an id and a time.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) team: Option<TeamId>,
    pub(crate) actor: Option<UserId>,
    pub(crate) action: AuditAction,
    pub(crate) subject: Option<Uuid>,
    pub(crate) detail: Option<String>,
}

impl Entry {
    pub(crate) const fn new(action: AuditAction) -> Self {
        Self {
            team: None,
            actor: None,
            action,
            subject: None,
            detail: None,
        }
    }

    pub(crate) const fn team(mut self, team: TeamId) -> Self {
        self.team = Some(team);
        self
    }

    pub(crate) const fn actor(mut self, actor: UserId) -> Self {
        self.actor = Some(actor);
        self
    }

    pub(crate) const fn subject(mut self, subject: Uuid) -> Self {
        self.subject = Some(subject);
        self
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
