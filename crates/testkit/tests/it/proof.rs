//! An installation in real time, with one connected team whose token several processes refresh.

use std::time::{Duration, Instant};

use atlassian_sim::Counts;
use domain::{credential::IntegrationCredential, state::ConnectionState};
use reqwest::Client;
use secrecy::{ExposeSecret as _, SecretString};
use service::{
    api_keys::{self, KeyWish},
    refresh::Step,
};
use testkit::{
    db::TestDb,
    world::{CLIENT_ID, CLIENT_SECRET, SignedInAdmin, World, WorldOptions},
};

use crate::refresher::{Answer, Door, LONGEST, Refresher};

/// Who consents at the simulator: an account with one site.
pub(crate) const ACCOUNT: &str = "Sam One";

/// So soon a dead holder is noticed here, where nothing else is said.
const LEASE: Duration = Duration::from_millis(500);

/// A connected team.
pub(crate) struct Proof {
    pub(crate) world: World,
    pub(crate) admin: SignedInAdmin,
    key: SecretString,
    /// How long a holder of a lease may give no sign of life.
    lease: Duration,
}

impl Proof {
    pub(crate) async fn new(db: TestDb) -> Self {
        let options = WorldOptions {
            is_real_time: true,
            ..WorldOptions::default()
        };
        let world = World::with_options(db, options).await;
        let admin = world.admin("Ada", "Acme").await;
        world.connect(&admin, ACCOUNT).await.unwrap();
        let created = api_keys::create(&world.services, &admin, &KeyWish::named("Proofs")).await;
        let key: SecretString = created.unwrap().shown_once().into();
        world.add_secret(&key);
        Self {
            world,
            admin,
            key,
            lease: LEASE,
        }
    }

    /// The same with another lease.
    pub(crate) fn with_lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// A process of this installation.
    pub(crate) async fn start(&self, hold: Option<Step>) -> Refresher {
        let (auth, api) = self.world.sim_addresses();
        let lease = self.lease.as_millis().to_string();
        let vars = [
            ("DATABASE_URL", &*self.world.db.url),
            ("ENCRYPTION_KEYS", &*key_of_the_tests()),
            ("JIRA_CLIENT_ID", CLIENT_ID),
            ("JIRA_CLIENT_SECRET", CLIENT_SECRET),
            ("JIRA_AUTH_URL", auth.as_str()),
            ("JIRA_API_URL", api.as_str()),
            ("LEASE_MILLIS", &*lease),
        ];
        Refresher::start(&vars, hold).await
    }

    /// The door of a process, for a service of the team.
    pub(crate) fn door(&self, of: &Refresher) -> Door {
        of.door(self.key.clone())
    }

    /// Revokes the key, in this process.
    pub(crate) async fn revoke_key(&self) {
        let keys = api_keys::list(&self.world.services, &self.admin).await;
        let id = keys.unwrap()[0].key.id;
        let revoked = api_keys::revoke(&self.world.services, &self.admin, id).await;
        assert!(revoked.unwrap());
    }

    /// Lets the access token end, while nobody has a refresh planned.
    pub(crate) async fn expire(&self) {
        let sql = "UPDATE integration_credentials SET token_expires_at = 1000";
        self.world.db.raw(sql).await.unwrap();
    }

    /// How often each thing was done at the simulator.
    pub(crate) fn counts(&self) -> Counts {
        self.world.sim.counts()
    }

    pub(crate) async fn credential(&self) -> IntegrationCredential {
        self.world.credential(&self.admin).await.unwrap()
    }

    /// Nothing was lost: the answer is the token of the stored pair, that pair works at Atlassian, and
    /// people are told that they are connected.
    pub(crate) async fn is_whole(&self, answer: Option<&Answer>) {
        let credential = self.credential().await;
        let stored = self.world.open_tokens(&credential);
        let access = stored.access.expose_secret();
        let expected = Answer {
            status: 200,
            told: access.to_owned(),
        };
        assert_eq!(answer, Some(&expected));
        let (_, api) = self.world.sim_addresses();
        let url = api.join("oauth/token/accessible-resources").unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let taken = client.get(url).bearer_auth(access).send().await.unwrap();
        assert_eq!(taken.status(), 200);
        let newest = self.world.sim.newest_tokens(ACCOUNT).unwrap();
        assert_eq!(newest.access, access);
        assert_eq!(newest.refresh, stored.refresh.expose_secret());
        assert!(self.world.sim.honours(&newest.refresh));
        assert_eq!(
            self.world.state(&self.admin).await,
            ConnectionState::Connected
        );
        assert_eq!(credential.schedule.started_at, None, "an intent stands");
    }

    /// Waits until nobody holds the lease of the interrupted refresh any more.
    pub(crate) async fn lease_has_lapsed(&self) {
        self.until("a lease lapses", async || {
            let mut tx = self.world.db.store.read().await.unwrap();
            let due = tx.list_due_refreshes(true, self.world.now(), 1).await;
            !due.unwrap().is_empty()
        })
        .await;
    }

    /// Waits until the simulator has done something.
    pub(crate) async fn until_counts(&self, what: &str, wanted: impl Fn(&Counts) -> bool) {
        self.until(what, async || wanted(&self.counts())).await;
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !is_so().await {
            assert!(begun.elapsed() < LONGEST, "waited in vain until {what}");
            tokio::task::yield_now().await;
        }
    }
}

/// The key of `World`'s ring, as in the environment.
pub(crate) fn key_of_the_tests() -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("tests:{}", STANDARD.encode([1_u8; 32]))
}

/// Exchanges between two counts: those that rotated, and those that were given the same chain again.
pub(crate) const fn exchanges(before: &Counts, after: &Counts) -> u64 {
    after.refresh + after.refresh_reused - before.refresh - before.refresh_reused
}
