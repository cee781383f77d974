//! Several processes on one installation, each with a key ring of its own.

use std::sync::Arc;

use atlassian::{Atlassian, AtlassianSettings, Timeouts};
use atlassian_sim::Sim;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use service::{
    Services,
    mail::{MailServer, Mailer},
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
    server: &Sim,
    env: &Arc<TestEnv>,
    redirect_uri: Url,
    timeouts: Timeouts,
) -> Atlassian {
    let settings = AtlassianSettings {
        auth_url: server.auth_url().clone(),
        api_url: server.api_url().clone(),
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
        let other = self.another_process(key_ring("tests", 1));
        let Some(services) = Arc::into_inner(other.services) else {
            panic!("somebody else has the services of a process that was just made");
        };
        let mailer = Mailer::new(server, ORIGIN.parse().unwrap());
        Self {
            services: Arc::new(services.with_mailer(Some(mailer))),
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

    fn process(&self, store: Store, key_ring: KeyRing) -> Self {
        let services = Services::new(
            store,
            key_ring,
            Some(client_of(
                &self.server,
                &self.env,
                self.redirect_uri(),
                Timeouts::default(),
            )),
            self.env.clone(),
            self.services.policy,
        );
        Self {
            services: Arc::new(services),
            ..self.clone()
        }
    }
}
