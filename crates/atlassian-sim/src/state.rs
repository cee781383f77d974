//! What the simulator knows, and how it changes: accounts, sites, grants, families of rotating tokens.
//! No HTTP here.
//!
//! [`switches`] has what is disputed, [`grants`] the consent, [`tokens`] rotation, leeway and reuse,
//! [`changes`] what people and administrators do elsewhere, [`saved`] what outlives a restart.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::env::Env;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::{Endpoint, Fault, Held, ShiftedEnv, SimError, SimOptions, faults::Script};

mod changes;
mod counts;
mod grants;
mod revoking;
mod saved;
mod seed;
mod switches;
mod tokens;

pub use changes::{AccountChange, SiteChange};
pub use counts::Counts;
pub(crate) use grants::Stopped;
pub(crate) use saved::SAVED_VERSION;
pub use switches::{
    BulkCreated, DeadGrant, ExpiredToken, NotInstalled, RevokeEffect, SwitchError, Switches,
};
pub(crate) use tokens::{BadToken, Refused, WRONG_CLIENT};

/// A code is good for this long.
const CODE_LIFE: SignedDuration = SignedDuration::from_secs(300);
/// A refresh token that was not used for this long is dead.
const IDLE_LIFE: SignedDuration = SignedDuration::from_hours(24 * 90);

/// `at` and `by` later; at the end of time it stands still, as the clock does.
pub(crate) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    let end = if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    at.checked_add(by).unwrap_or(end)
}

/// The newest pair that an account was given, in the clear: what a client must have stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedTokens {
    /// The Atlassian account.
    pub account_id: String,
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) sites: Vec<String>,
    /// The time zone's name, and how far it is from UTC.
    pub(crate) zone: (String, i32),
    pub(crate) is_active: bool,
    /// Moves with each change of the password.
    pub(crate) password_epoch: u32,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct JiraSite {
    pub(crate) cloud_id: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) has_jira: bool,
    pub(crate) has_confluence: bool,
    pub(crate) blocks_app: bool,
    pub(crate) is_suspended: bool,
    pub(crate) is_removed: bool,
    /// Accounts that have lost Jira here.
    pub(crate) closed_to: BTreeSet<String>,
    pub(crate) projects: Vec<(String, String)>,
    pub(crate) webhooks: Vec<Webhook>,
}

/// A dynamic webhook of the app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Webhook {
    pub(crate) id: u64,
    pub(crate) account: String,
    pub(crate) url: String,
    pub(crate) jql: String,
    pub(crate) events: Vec<String>,
    pub(crate) fields: Vec<String>,
    pub(crate) expires_at: Timestamp,
}

/// What an account allowed the app: one an account, however often it consents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) account: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) sites: BTreeSet<String>,
    pub(crate) consented_at: Timestamp,
    pub(crate) is_revoked: bool,
}

/// An authorize request that waits for a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) state: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) code_challenge: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Code {
    grant: usize,
    expires_at: Timestamp,
    challenge: Option<String>,
    is_used: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refresh {
    pub(crate) family: usize,
    pub(crate) access: String,
    pub(crate) used_at: Timestamp,
    pub(crate) rotated_at: Option<Timestamp>,
    pub(crate) is_revoked: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) family: usize,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) dies_at: Timestamp,
    pub(crate) is_revoked: bool,
    /// Until then the first answer of the gateway is a refusal.
    pub(crate) lags_until: Option<Timestamp>,
}

/// All tokens that descend from one consent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Family {
    pub(crate) grant: usize,
    pub(crate) began_at: Timestamp,
    pub(crate) password_epoch: u32,
    pub(crate) has_refresh_tokens: bool,
    pub(crate) is_revoked: bool,
}

/// What of it outlives a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) accounts: Vec<Account>,
    /// Who registered the app.
    pub(crate) owner: String,
    pub(crate) sites: BTreeMap<String, JiraSite>,
    pub(crate) grants: Vec<Grant>,
    waiting: HashMap<String, Waiting>,
    codes: HashMap<String, Code>,
    pub(crate) families: Vec<Family>,
    pub(crate) refresh_tokens: HashMap<String, Refresh>,
    pub(crate) access_tokens: HashMap<String, Access>,
    newest: HashMap<String, IssuedTokens>,
    secrets: Vec<String>,
    pub(crate) switches: Switches,
    pub(crate) counts: Counts,
    /// The hour that points are counted in, and how many are spent.
    pub(crate) points: (i64, u64),
    pub(crate) next_webhook_id: u64,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) env: Arc<dyn Env>,
    pub(crate) clock: Option<Arc<ShiftedEnv>>,
    pub(crate) client_id: String,
    client_secret: SecretString,
    pub(crate) redirect_uri: String,
    pub(crate) script: Script,
    /// The second that calls are counted in, and how many there were: by site, endpoint and method.
    pub(crate) bursts: HashMap<(String, Endpoint, String), (i64, u32)>,
    pub(crate) kept: Kept,
}

/// A handle on the simulator's state; clones are the same state.
#[derive(Clone, Debug)]
pub struct SimState(Arc<Mutex<Inner>>);

impl SimState {
    pub(crate) fn new(env: Arc<dyn Env>, options: &SimOptions) -> Result<Self, SimError> {
        let kept = match &options.saved {
            Some(saved) => saved::read(saved, options.clock.as_deref())?,
            None => seed::kept(),
        };
        Ok(Self(Arc::new(Mutex::new(Inner {
            env,
            clock: options.clock.clone(),
            client_id: options.client_id.clone(),
            client_secret: options.client_secret.clone(),
            redirect_uri: options.redirect_uri.to_string(),
            script: Script::default(),
            bursts: HashMap::new(),
            kept,
        }))))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the next request to `on` fail; several are taken in order.
    pub fn fault(&self, on: Endpoint, fault: Fault) {
        self.lock().script.add(on, fault);
    }

    /// Lets every request to `on` fail until [`SimState::clear_faults`].
    pub fn fault_always(&self, on: Endpoint, fault: Fault) {
        self.lock().script.set_always(on, fault);
    }

    /// Lets every exchange of this refresh token fail, and of no other, until
    /// [`SimState::clear_faults`]: for a test in which several are refreshed at once.
    pub fn fault_refreshes(&self, refresh_token: &str, fault: Fault) {
        self.lock()
            .script
            .set_refreshes(refresh_token.to_owned(), fault);
    }

    /// Forgets all faults that have not struck.
    pub fn clear_faults(&self) {
        self.lock().script.clear();
    }

    /// How many faults wait for their request: a test that has ended leaves none.
    pub fn pending_faults(&self) -> usize {
        self.lock().script.pending()
    }

    /// Stops the next request to `on` at the door.
    pub fn hold(&self, on: Endpoint) -> Held {
        self.lock().script.hold(on)
    }

    /// How often each thing was done.
    pub fn counts(&self) -> Counts {
        self.lock().kept.counts
    }

    /// The switches as they stand.
    pub fn switches(&self) -> Switches {
        self.lock().kept.switches.clone()
    }

    /// Sets all switches.
    pub fn set_switches(&self, switches: Switches) {
        self.lock().kept.switches = switches;
    }

    /// Every code, access token and refresh token that was ever issued, and the app's secret.
    pub fn secrets(&self) -> Vec<String> {
        let inner = self.lock();
        let mut all = inner.kept.secrets.clone();
        all.push(inner.client_secret.expose_secret().to_owned());
        all
    }

    /// The newest pair of an account, by the account's name.
    pub fn newest_tokens(&self, account_name: &str) -> Option<IssuedTokens> {
        let inner = self.lock();
        let account = inner.account_named(account_name)?;
        inner.kept.newest.get(&account.id).cloned()
    }

    /// Whether a refresh token would be exchanged for a pair now. Asking changes nothing.
    pub fn honours(&self, refresh_token: &str) -> bool {
        self.lock().honours(refresh_token)
    }

    /// The access token that was given with a refresh token.
    pub fn companion_of(&self, refresh_token: &str) -> Option<String> {
        let inner = self.lock();
        let found = inner.kept.refresh_tokens.get(refresh_token);
        found.map(|it| it.access.clone())
    }

    /// The cloud ids that an account reaches with Jira, by the site's name.
    pub fn sites_of(&self, account_name: &str) -> Vec<String> {
        let inner = self.lock();
        let mut sites: Vec<_> = inner
            .account_named(account_name)
            .iter()
            .flat_map(|it| &it.sites)
            .filter_map(|it| inner.kept.sites.get(it))
            .filter(|it| it.has_jira)
            .collect();
        sites.sort_by_key(|it| it.name.clone());
        sites.into_iter().map(|it| it.cloud_id.clone()).collect()
    }

    /// The id of an account.
    pub fn account_id(&self, account_name: &str) -> Option<String> {
        let inner = self.lock();
        inner.account_named(account_name).map(|it| it.id.clone())
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.env.now()
    }

    pub(crate) fn account_named(&self, name: &str) -> Option<&Account> {
        self.kept.accounts.iter().find(|it| it.name == name)
    }

    pub(crate) fn account(&self, id: &str) -> Option<&Account> {
        self.kept.accounts.iter().find(|it| it.id == id)
    }
}
