//! A whole installation for one test: a database, a simulator over real HTTP, services, a clock that
//! stands still, and people who click.

use std::{ops::Deref, sync::Arc};

use atlassian::Timeouts;
use atlassian_sim::{Sim, SimOptions, SimState};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    attempt::ConnectAttempt,
    audit::AuditAction,
    credential::{IntegrationCredential, Provider},
    ids::AttemptId,
    jira::JiraIntegration,
    sealed::Sealed,
    state::ConnectionState,
    team::Role,
};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use service::{
    Policy, Services,
    connect::{ConnectError, Ended, Reason, begin, finish},
    refresh::{TokenError, ValidToken, ensure_valid_token},
    sign_in::{SignedIn, sign_in},
    sign_up::{SignUpForm, add_account},
    teams::create_team,
    throttle::ClientAddress,
    who::{Admin, Found, find_member},
    worker::{refresh_due, watch_store},
};
use url::Url;
use vault::{KeyRing, Place};

use crate::{db::TestDb, env::TestEnv, logs};
pub use consent::decide;
use known::Known;

mod consent;
mod known;
mod notices;
mod processes;

use processes::client_of;
pub use processes::key_ring_of;

/// The app's client id at the simulator.
pub const CLIENT_ID: &str = "client-id-of-the-tests";
/// The app's secret there.
pub const CLIENT_SECRET: &str = "client-secret-of-the-tests";
/// Everybody's password.
pub const PASSWORD: &str = "a password of the tests";

/// A whole installation. Clones are the same one.
#[derive(Clone, Debug)]
pub struct World {
    /// The clock.
    pub env: Arc<TestEnv>,
    /// The database.
    pub db: Arc<TestDb>,
    /// The simulator's state.
    pub sim: SimState,
    /// The use cases.
    pub services: Arc<Services>,
    server: Sim,
    timeouts: Timeouts,
    known: Arc<Known>,
}

/// How an installation differs from the usual one.
#[derive(Clone, Copy, Debug)]
pub struct WorldOptions {
    /// What the operator decided.
    pub policy: Policy,
    /// How long Atlassian is waited for.
    pub timeouts: Timeouts,
    /// Time is the real one, because other processes take part.
    pub is_real_time: bool,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            policy: Policy {
                allow_signup: true,
                ..Policy::default()
            },
            timeouts: Timeouts::default(),
            is_real_time: false,
        }
    }
}

/// An admin of a team, with the token of the session.
#[derive(Clone, Debug)]
pub struct SignedInAdmin {
    admin: Admin,
    /// Who it is.
    pub person: service::who::Person,
    /// The session's token, as a browser would keep it.
    pub token: SecretString,
}

impl Deref for SignedInAdmin {
    type Target = Admin;

    fn deref(&self) -> &Admin {
        &self.admin
    }
}

/// A pair in the clear.
#[derive(Debug)]
pub struct OpenTokens {
    /// The access token.
    pub access: SecretString,
    /// The refresh token.
    pub refresh: SecretString,
}

/// The key ring of tests: one key of equal bytes.
pub fn key_ring(id: &str, byte: u8) -> KeyRing {
    let text = format!("{id}:{}", STANDARD.encode([byte; 32]));
    #[expect(clippy::unwrap_used, reason = "test support")]
    KeyRing::parse(&text.into()).unwrap()
}

/// Why a trip was refused.
#[expect(clippy::panic, reason = "test support")]
pub fn reason(err: ConnectError) -> Reason {
    match err {
        ConnectError::Refused(refusal) => refusal.reason,
        ConnectError::Failed(err) => panic!("failed instead of refused: {err:?}"),
    }
}

/// The attempt that a refusal leaves open.
pub fn attempt_of(err: &ConnectError) -> Option<AttemptId> {
    match err {
        ConnectError::Refused(refusal) => refusal.attempt,
        ConnectError::Failed(_) => None,
    }
}

#[expect(clippy::unwrap_used, clippy::panic, reason = "test support")]
impl World {
    /// An installation where anybody may sign up.
    pub async fn new(db: TestDb) -> Self {
        Self::with_options(db, WorldOptions::default()).await
    }

    /// An installation with a policy.
    pub async fn with_policy(db: TestDb, policy: Policy) -> Self {
        let options = WorldOptions {
            policy,
            ..WorldOptions::default()
        };
        Self::with_options(db, options).await
    }

    /// An installation that differs from the usual one.
    pub async fn with_options(db: TestDb, options: WorldOptions) -> Self {
        logs::start();
        let WorldOptions {
            policy,
            timeouts,
            is_real_time,
        } = options;
        let env = Arc::new(TestEnv::of_this_test().in_real_time(is_real_time));
        let redirect_uri: Url = "http://127.0.0.1:8000/integrations/jira/callback"
            .parse()
            .unwrap();
        let options = SimOptions::new(CLIENT_ID, CLIENT_SECRET.into(), redirect_uri.clone());
        let server = Sim::start(env.clone(), options).await.unwrap();
        let services = Services::new(
            db.store.clone(),
            key_ring("tests", 1),
            Some(client_of(
                server.auth_url(),
                server.api_url(),
                &env,
                redirect_uri,
                timeouts,
            )),
            env.clone(),
            policy,
        );
        let services = Arc::new(services);
        service::start::check_key_ring(&services).await.unwrap();
        let (db, sim) = (Arc::new(db), server.state().clone());
        let known = Arc::new(Known::new(Arc::clone(&db), sim.clone()));
        Self {
            env,
            db,
            sim,
            services,
            server,
            timeouts,
            known,
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        use domain::env::Env as _;
        self.env.now()
    }

    /// The redirect URI that the app is registered with.
    pub fn redirect_uri(&self) -> Url {
        "http://127.0.0.1:8000/integrations/jira/callback"
            .parse()
            .unwrap()
    }

    fn address(name: &str) -> String {
        format!("{}@example.com", name.to_lowercase())
    }

    /// Makes an account and signs it in.
    pub async fn person(&self, name: &str) -> SignedIn {
        let form = SignUpForm {
            name: name.to_owned(),
            email: Self::address(name),
            password: PASSWORD.into(),
        };
        let signed_in = add_account(&self.services, form).await.unwrap();
        self.add_secret(&signed_in.token);
        signed_in
    }

    /// Makes an account with a team.
    pub async fn admin(&self, name: &str, team: &str) -> SignedInAdmin {
        let person = self.person(name).await;
        let team = create_team(&self.services, &person.person, team)
            .await
            .unwrap();
        self.as_admin(&person.token, &team.slug).await
    }

    /// Makes another team of the same person.
    pub async fn another_team(&self, admin: &SignedInAdmin, name: &str) -> SignedInAdmin {
        let team = create_team(&self.services, &admin.person, name)
            .await
            .unwrap();
        self.as_admin(&admin.token, &team.slug).await
    }

    async fn as_admin(&self, token: &SecretString, slug: &domain::text::Slug) -> SignedInAdmin {
        match find_member(&self.services, token, slug).await.unwrap() {
            Found::Member(member) => {
                let person = member.person().clone();
                let admin = member.into_admin().unwrap();
                SignedInAdmin {
                    admin,
                    person,
                    token: token.clone(),
                }
            }
            other => panic!("not a member: {other:?}"),
        }
    }

    /// Makes an account that is in the admin's team as well.
    pub async fn join(&self, admin: &SignedInAdmin, name: &str, role: Role) -> SignedInAdmin {
        let person = self.person(name).await;
        let team = admin.team();
        let user = person.person.user().id;
        let mut tx = self.services.store.write().await.unwrap();
        tx.add_membership(team.id, user, Role::Admin, self.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let joined = self.as_admin(&person.token, &team.slug).await;
        if role != Role::Admin {
            self.set_role(&joined, role).await;
        }
        joined
    }

    /// Signs a person in once more, in another browser.
    pub async fn sign_in_again(&self, name: &str) -> SignedIn {
        let signed_in = sign_in(
            &self.services,
            &Self::address(name),
            PASSWORD.into(),
            ClientAddress::UNKNOWN,
        )
        .await
        .unwrap();
        self.add_secret(&signed_in.token);
        signed_in
    }

    /// Changes what the person is in the team.
    pub async fn set_role(&self, admin: &SignedInAdmin, role: Role) {
        let mut tx = self.services.store.write().await.unwrap();
        let user = admin.person.user().id;
        assert!(
            tx.set_role(admin.team().id, user, role, self.now())
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
    }

    /// Takes the person out of the team.
    pub async fn remove_from_team(&self, admin: &SignedInAdmin) {
        let mut tx = self.services.store.write().await.unwrap();
        assert!(
            tx.remove_membership(admin.team().id, admin.person.user().id)
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
    }

    /// A whole trip: to the simulator, consent as `account`, and back.
    ///
    /// # Errors
    ///
    /// As [`finish`].
    pub async fn connect(
        &self,
        admin: &SignedInAdmin,
        account: &str,
    ) -> Result<Ended, ConnectError> {
        let url = begin(&self.services, admin).await?;
        let query = self.consent(&url, account).await;
        finish(&self.services, Some(&admin.person), &query).await
    }

    /// The state of an authorize address with other claims, signed as ours are, for any use.
    pub fn sign_state(
        &self,
        url: &Url,
        what_for: &'static str,
        change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
    ) -> String {
        let ring = &self.services.key_ring;
        let (_, state) = url.query_pairs().find(|(it, _)| it == "state").unwrap();
        let claims = ring.verify("connect state", &state).unwrap();
        let mut claims = serde_json::from_slice(&claims).unwrap();
        change(&mut claims);
        ring.sign(what_for, &serde_json::to_vec(&claims).unwrap())
    }

    /// A state of the same claims, signed under another key ring.
    pub fn state_of_another_ring(&self, url: &Url) -> String {
        let state = url
            .query_pairs()
            .find(|(it, _)| it == "state")
            .unwrap()
            .1
            .into_owned();
        let claims = self
            .services
            .key_ring
            .verify("connect state", &state)
            .unwrap();
        key_ring("tests", 2).sign("connect state", &claims)
    }

    /// A token, for as long as it is good.
    ///
    /// # Errors
    ///
    /// As [`ensure_valid_token`].
    pub async fn token(&self, admin: &SignedInAdmin) -> Result<ValidToken, TokenError> {
        let team = admin.team().id;
        ensure_valid_token(&self.services, team, Provider::Jira, SignedDuration::ZERO).await
    }

    /// One round of what refreshes by itself, and everything that it started.
    pub async fn refresh_due(&self) -> refresh_due::Done {
        watch_store::run_once(&self.services).await.unwrap();
        refresh_due::run_once(&self.services).await.unwrap()
    }

    /// Waits for what runs beside the callers.
    pub async fn tasks_done(&self) {
        self.services.tasks.close();
        self.services.tasks.wait().await;
        self.services.tasks.reopen();
    }

    /// The state that people are told.
    pub async fn state(&self, admin: &SignedInAdmin) -> ConnectionState {
        service::overview::jira(&self.services, admin)
            .await
            .unwrap()
            .assessment
            .state
    }

    /// The stored credential.
    pub async fn credential(&self, admin: &SignedInAdmin) -> Option<IntegrationCredential> {
        let mut tx = self.services.store.read().await.unwrap();
        tx.find_credential(admin.team().id, Provider::Jira)
            .await
            .unwrap()
    }

    /// The stored credential and site.
    pub async fn stored(&self, admin: &SignedInAdmin) -> (IntegrationCredential, JiraIntegration) {
        let credential = self.credential(admin).await.unwrap();
        let mut tx = self.services.store.read().await.unwrap();
        let integration = tx
            .find_jira_integration(admin.team().id, Provider::Jira)
            .await
            .unwrap();
        (credential, integration.unwrap())
    }

    /// Opens the pair of a credential, as any code of ours would.
    pub fn open_tokens(&self, credential: &IntegrationCredential) -> OpenTokens {
        let tokens = credential.tokens.as_ref().unwrap();
        let open = |column, sealed: &Sealed| {
            let table = "integration_credentials";
            let place = Place::of_team(table, column, credential.id.uuid(), credential.team);
            self.services.key_ring.open(place, sealed).unwrap()
        };
        OpenTokens {
            access: open("access_token", &tokens.access),
            refresh: open("refresh_token", &tokens.refresh),
        }
    }

    /// All attempts of the team, newest first.
    pub async fn attempts(&self, admin: &SignedInAdmin) -> Vec<ConnectAttempt> {
        let mut tx = self.services.store.read().await.unwrap();
        tx.list_attempts(admin.team().id).await.unwrap()
    }

    /// The newest attempt that can go on.
    pub async fn open_attempt(&self, admin: &SignedInAdmin) -> Option<AttemptId> {
        let overview = service::overview::jira(&self.services, admin)
            .await
            .unwrap();
        overview.attempt.map(|it| it.id)
    }

    /// What the audit log of the team says, newest first.
    pub async fn audit(&self, admin: &SignedInAdmin) -> Vec<AuditAction> {
        let mut tx = self.services.store.read().await.unwrap();
        let events = tx.list_audit_events(admin.team().id, 1_000).await.unwrap();
        events.into_iter().map(|it| it.action).collect()
    }

    /// Disconnects.
    pub async fn disconnect(&self, admin: &SignedInAdmin) {
        service::disconnect::disconnect(&self.services, admin)
            .await
            .unwrap();
    }

    /// The same database under another key ring.
    pub fn with_another_ring(&self) -> Arc<Services> {
        let (store, env) = (self.db.store.clone(), self.env.clone());
        let policy = self.services.policy;
        Arc::new(Services::new(
            store,
            key_ring("tests", 2),
            None,
            env,
            policy,
        ))
    }

    /// Everything that the database holds, as text.
    pub async fn dump(&self) -> String {
        self.db.dump().await
    }
}

impl World {
    /// Every secret of this test: what the simulator issued, sessions, passwords, keys.
    pub fn secrets(&self) -> Vec<String> {
        self.known.all()
    }

    /// Adds one that came from elsewhere: the session of somebody who signed in over HTTP.
    pub fn add_secret(&self, secret: &SecretString) {
        self.known.add(secret);
    }

    /// Keeps this test out of the search over the whole run: it plants a secret where none may stand.
    pub fn plants_a_secret(&self) {
        self.known.keep_out();
    }

    /// Where the simulator sends people to consent, and where its gateway is.
    pub const fn sim_addresses(&self) -> (&Url, &Url) {
        (self.server.auth_url(), self.server.api_url())
    }
}
