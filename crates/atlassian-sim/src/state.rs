//! What the simulator knows, and how it changes: accounts, sites, grants, families of rotating tokens.
//! No HTTP here.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::env::Env;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::{Endpoint, Fault, Held, SimOptions, faults::Script, mint};

mod seed;
mod tokens;

pub(crate) use tokens::Refused;

/// A code is good for this long.
const CODE_LIFE: SignedDuration = SignedDuration::from_secs(300);
/// A refresh token that was not used for this long is dead.
const IDLE_LIFE: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Inside it a rotated refresh token still works, and the old access token too.
const LEEWAY: SignedDuration = SignedDuration::from_mins(10);

/// What is unknown or disputed of Atlassian, either way.
#[expect(clippy::struct_excessive_bools, reason = "they are switches")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Demand the PKCE verifier. Atlassian ignores it today.
    pub enforce_pkce: bool,
    /// A dead refresh token is told as documented (`invalid_grant`) instead of as it really is
    /// (`unauthorized_client`).
    pub documented_errors: bool,
    /// Consent shows a site picker, and the token reaches only the picked sites.
    pub resource_level_grants: bool,
    /// Reuse after the leeway kills the whole family.
    pub reuse_revokes_family: bool,
    /// How long access tokens live.
    pub access_token_seconds: i64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            enforce_pkce: false,
            documented_errors: false,
            resource_level_grants: false,
            reuse_revokes_family: true,
            access_token_seconds: 3_600,
        }
    }
}

/// How often each thing was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Authorize requests that were in order.
    pub authorize: u64,
    /// Consents given.
    pub accepted: u64,
    /// Consents refused.
    pub denied: u64,
    /// Requests to the token endpoint, whatever came of them.
    pub token_requests: u64,
    /// Codes exchanged for a pair.
    pub exchange: u64,
    /// Codes refused.
    pub exchange_refused: u64,
    /// Exchanges whose PKCE verifier was the one of the challenge.
    pub verifier_matched: u64,
    /// Refresh tokens exchanged for a pair, the first time.
    pub refresh: u64,
    /// Refresh tokens exchanged again inside the leeway.
    pub refresh_reused: u64,
    /// Refresh tokens refused.
    pub refresh_refused: u64,
    /// Clients refused.
    pub client_refused: u64,
    /// Revocations asked for.
    pub revoke: u64,
    /// Lists of sites.
    pub resources: u64,
    /// `myself`.
    pub myself: u64,
    /// `serverInfo`.
    pub server_info: u64,
    /// `project/search`.
    pub project_search: u64,
}

/// The newest pair that an account was given, in the clear: what a client must have stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IssuedTokens {
    /// The Atlassian account.
    pub account_id: String,
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) sites: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct JiraSite {
    pub(crate) cloud_id: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) has_jira: bool,
    pub(crate) has_confluence: bool,
    pub(crate) blocks_app: bool,
    pub(crate) projects: Vec<(String, String)>,
}

/// What an account allowed the app.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) account: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) sites: BTreeSet<String>,
    pub(crate) is_revoked: bool,
}

/// An authorize request that waits for a person.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) state: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) code_challenge: Option<String>,
}

#[derive(Clone, Debug)]
struct Code {
    grant: usize,
    expires_at: Timestamp,
    challenge: Option<String>,
    is_used: bool,
}

#[derive(Clone, Debug)]
struct Refresh {
    family: usize,
    access: String,
    used_at: Timestamp,
    rotated_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Access {
    grant: usize,
    scopes: BTreeSet<String>,
    dies_at: Timestamp,
}

#[derive(Clone, Debug)]
struct Family {
    grant: usize,
    is_revoked: bool,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) env: Arc<dyn Env>,
    pub(crate) client_id: String,
    client_secret: SecretString,
    pub(crate) redirect_uri: String,
    pub(crate) accounts: Vec<Account>,
    pub(crate) sites: BTreeMap<String, JiraSite>,
    grants: Vec<Grant>,
    waiting: HashMap<String, Waiting>,
    codes: HashMap<String, Code>,
    families: Vec<Family>,
    refresh_tokens: HashMap<String, Refresh>,
    access_tokens: HashMap<String, Access>,
    newest: HashMap<String, IssuedTokens>,
    secrets: Vec<String>,
    pub(crate) switches: Switches,
    pub(crate) counts: Counts,
    pub(crate) script: Script,
}

/// A handle on the simulator's state; clones are the same state.
#[derive(Clone, Debug)]
pub struct SimState(Arc<Mutex<Inner>>);

impl SimState {
    pub(crate) fn new(env: Arc<dyn Env>, options: &SimOptions) -> Self {
        Self(Arc::new(Mutex::new(seed::inner(env, options))))
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
        self.lock().counts
    }

    /// The switches as they stand.
    pub fn switches(&self) -> Switches {
        self.lock().switches.clone()
    }

    /// Sets all switches.
    pub fn set_switches(&self, switches: Switches) {
        self.lock().switches = switches;
    }

    /// Every code, access token and refresh token that was ever issued, and the app's secret.
    pub fn secrets(&self) -> Vec<String> {
        let inner = self.lock();
        let mut all = inner.secrets.clone();
        all.push(inner.client_secret.expose_secret().to_owned());
        all
    }

    /// The newest pair of an account, by the account's name.
    pub fn newest_tokens(&self, account_name: &str) -> Option<IssuedTokens> {
        let inner = self.lock();
        let account = inner.accounts.iter().find(|it| it.name == account_name)?;
        inner.newest.get(&account.id).cloned()
    }

    /// The cloud ids that an account reaches with Jira, by the site's name.
    pub fn sites_of(&self, account_name: &str) -> Vec<String> {
        let inner = self.lock();
        let account = inner.accounts.iter().find(|it| it.name == account_name);
        let mut sites: Vec<_> = account
            .iter()
            .flat_map(|it| &it.sites)
            .filter_map(|it| inner.sites.get(it))
            .filter(|it| it.has_jira)
            .collect();
        sites.sort_by_key(|it| it.name.clone());
        sites.into_iter().map(|it| it.cloud_id.clone()).collect()
    }

    /// The id of an account.
    pub fn account_id(&self, account_name: &str) -> Option<String> {
        let inner = self.lock();
        inner
            .accounts
            .iter()
            .find(|it| it.name == account_name)
            .map(|it| it.id.clone())
    }

    /// The site's administrator blocks the app, or lets it in again; `false` for an unknown site.
    pub fn set_blocked(&self, cloud_id: &str, blocks_app: bool) -> bool {
        match self.lock().sites.get_mut(cloud_id) {
            Some(site) => {
                site.blocks_app = blocks_app;
                true
            }
            None => false,
        }
    }

    /// The person removes the app under "Connected apps": every grant of the account ends.
    pub fn revoke_grants_of(&self, account_name: &str) {
        let mut inner = self.lock();
        let id = inner
            .accounts
            .iter()
            .find(|it| it.name == account_name)
            .map(|it| it.id.clone());
        for grant in &mut inner.grants {
            if Some(&grant.account) == id.as_ref() {
                grant.is_revoked = true;
            }
        }
    }

    /// The app's secret is changed in the developer console.
    pub fn set_client_secret(&self, secret: SecretString) {
        self.lock().client_secret = secret;
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.env.now()
    }

    /// Keeps an authorize request until the person decides; gives the name of it.
    pub(crate) fn wait_for_consent(&mut self, waiting: Waiting) -> String {
        self.counts.authorize += 1;
        let context = mint::handle(self.env.as_ref());
        self.waiting.insert(context.clone(), waiting);
        context
    }

    pub(crate) fn waiting(&self, context: &str) -> Option<&Waiting> {
        self.waiting.get(context)
    }

    /// The person decides; gives what the callback is told. A request is decided once.
    pub(crate) fn accept(
        &mut self,
        context: &str,
        account: &str,
        chosen: &[String],
    ) -> Option<(String, String)> {
        let sites = self
            .accounts
            .iter()
            .find(|it| it.id == account)?
            .sites
            .clone();
        let waiting = self.waiting.remove(context)?;
        let reached = if self.switches.resource_level_grants {
            sites.into_iter().filter(|it| chosen.contains(it)).collect()
        } else {
            sites.into_iter().collect()
        };
        // A consent replaces the scopes of what was granted before.
        for grant in self.grants.iter_mut().filter(|it| it.account == account) {
            grant.scopes.clone_from(&waiting.scopes);
        }
        self.grants.push(Grant {
            account: account.to_owned(),
            scopes: waiting.scopes,
            sites: reached,
            is_revoked: false,
        });
        let code = mint::code(self.env.as_ref());
        self.secrets.push(code.clone());
        self.codes.insert(
            code.clone(),
            Code {
                grant: self.grants.len() - 1,
                expires_at: self.now() + CODE_LIFE,
                challenge: waiting.code_challenge,
                is_used: false,
            },
        );
        self.counts.accepted += 1;
        Some((code, waiting.state))
    }

    /// The person presses Cancel; gives the state.
    pub(crate) fn deny(&mut self, context: &str) -> Option<String> {
        let waiting = self.waiting.remove(context)?;
        self.counts.denied += 1;
        Some(waiting.state)
    }
}
