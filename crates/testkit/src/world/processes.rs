//! Several processes on one installation, each with a key ring of its own.

use std::sync::Arc;

use atlassian::{Atlassian, AtlassianSettings, Timeouts};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use service::{
    Services,
    mail::{MailServer, Mailer},
    refresh::{Engine, RefreshSettings, Steps},
};
use store::Store;
use url::Url;
use vault::KeyRing;

use super::{CLIENT_ID, CLIENT_SECRET, World, key_ring};
use crate::{app::ORIGIN, env::TestEnv};

/// A key ring of several keys, the first one sealing.
#[expect(clippy::unwrap_used, reason = "test support")]
pub fn key_ring_of(keys: &[(&str, u8)]) -> KeyRing {
    let entry = |(id, byte): &(&str, u8)| format!("{id}:{}", STANDARD.encode([*byte; 32]));
    let entries: Vec<String> = keys.iter().map(entry).collect();
    KeyRing::parse(&entries.join(",").into()).unwrap()
}

/// A client of the simulator.
#[expect(clippy::unwrap_used, reason = "test support")]
pub(super) fn client_of(
    auth_url: &Url,
    api_url: &Url,
    env: &Arc<TestEnv>,
    redirect_uri: Url,
    timeouts: Timeouts,
) -> Atlassian {
    let settings = AtlassianSettings {
        auth_url: auth_url.clone(),
        api_url: api_url.clone(),
        client_id: CLIENT_ID.to_owned(),
        client_secrets: vec![CLIENT_SECRET.into()],
        redirect_uri,
        timeouts,
    };
    Atlassian::new(settings, env.clone()).unwrap()
}

#[expect(clippy::unwrap_used, clippy::panic, reason = "test support")]
impl World {
    /// Another process on the same database, simulator and clock, which sends mail to this server.
    #[must_use]
    pub fn with_mail(&self, server: MailServer) -> Self {
        let mailer = Mailer::new(server, ORIGIN.parse().unwrap());
        self.with_services(|services| services.with_mailer(Some(mailer)))
    }

    /// Another process on the same database, simulator and clock, with services that are changed so.
    #[must_use]
    pub fn with_services(&self, change: impl FnOnce(Services) -> Services) -> Self {
        let other = self.another_process(key_ring("tests", 1));
        let Some(services) = Arc::into_inner(other.services) else {
            panic!("somebody else has the services of a process that was just made");
        };
        Self {
            services: Arc::new(change(services)),
            ..self.clone()
        }
    }

    /// Another process on the same database, simulator and clock, under a key ring of its own. Whether
    /// that ring is right is not looked at.
    #[must_use]
    pub fn another_process(&self, key_ring: KeyRing) -> Self {
        self.process(self.db.store.clone(), key_ring)
    }

    /// Another process with connections of its own to the same database, opened with more in the query
    /// of its address. To break them leaves the test's own connections whole.
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub async fn another_process_at(&self, query: &str) -> Self {
        let separator = if self.db.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{separator}{query}", self.db.url);
        let store = Store::open_with(&url, 2).await.unwrap();
        self.process(store, key_ring("tests", 1))
    }

    /// Another process that refreshes by these settings and tells `steps` how it goes.
    #[must_use]
    pub fn process_with(&self, settings: RefreshSettings, steps: Arc<dyn Steps>) -> Self {
        self.process_on(self.db.store.clone(), Engine::new(settings, steps))
    }

    /// The same on connections of its own.
    #[must_use]
    pub fn process_on(&self, store: Store, engine: Engine) -> Self {
        let services = self.services_on(store, key_ring("tests", 1), self.server.auth_url());
        Self {
            services: Arc::new(services.with_engine(engine)),
            ..self.clone()
        }
    }

    /// Another process, whose gateway is at this address.
    #[must_use]
    pub fn process_at_gateway(&self, api_url: &Url, timeouts: Timeouts) -> Self {
        let auth_url = self.server.auth_url();
        let (env, redirect_uri) = (&self.env, self.redirect_uri());
        let client = client_of(auth_url, api_url, env, redirect_uri, timeouts);
        let (store, key_ring) = (self.db.store.clone(), key_ring("tests", 1));
        let (env, policy) = (self.env.clone(), self.services.policy);
        let services = Services::new(store, key_ring, Some(client), env, policy);
        Self {
            services: Arc::new(services),
            ..self.clone()
        }
    }

    /// Another process, whose way to the token endpoint leads nowhere: connections are refused.
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "test support")]
    pub fn process_cut_off(&self) -> Self {
        // Nobody listens there: it is below what a test may bind.
        let nowhere = "http://127.0.0.1:1".parse().unwrap();
        let services = self.services_on(self.db.store.clone(), key_ring("tests", 1), &nowhere);
        Self {
            services: Arc::new(services),
            ..self.clone()
        }
    }

    fn process(&self, store: Store, key_ring: KeyRing) -> Self {
        Self {
            services: Arc::new(self.services_on(store, key_ring, self.server.auth_url())),
            ..self.clone()
        }
    }

    fn services_on(&self, store: Store, key_ring: KeyRing, auth_url: &Url) -> Services {
        let client = client_of(
            auth_url,
            self.server.api_url(),
            &self.env,
            self.redirect_uri(),
            self.timeouts,
        );
        let policy = self.services.policy;
        Services::new(store, key_ring, Some(client), self.env.clone(), policy)
    }
}
