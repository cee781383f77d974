//! A token that is valid.

use atlassian_sim::{Endpoint, Fault};
use domain::{audit::AuditAction, credential::RefreshOutcome, state::ConnectionState};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use service::refresh::TokenError;
use testkit::{db_tests, world::World};

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

db_tests! {
    async fn a_good_token_is_served_without_asking(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let first = world.token(&ada).await.unwrap();
        world.env.advance(MINUTE * 50);
        let later = world.token(&ada).await.unwrap();
        assert_eq!(first.access.expose_secret(), later.access.expose_secret());
        assert_eq!(world.sim.counts().refresh, 0);
    }

    async fn inside_the_margin_the_old_token_is_served_and_a_new_one_fetched(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let first = world.token(&ada).await.unwrap();
        world.env.advance(MINUTE * 57);
        let now = world.token(&ada).await.unwrap();
        assert_eq!(first.access.expose_secret(), now.access.expose_secret());
        world.tasks_done().await;
        assert_eq!(world.sim.counts().refresh, 1);
        let next = world.token(&ada).await.unwrap();
        assert!(first.access.expose_secret() != next.access.expose_secret());
    }

    async fn all_callers_of_a_process_share_one_exchange(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.env.advance(MINUTE * 120);
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (world, ada) = (world.clone(), ada.clone());
            callers.spawn(async move { world.token(&ada).await.unwrap().access });
        }
        let issued = { let all = callers.join_all().await; all.into_iter().map(|it| it.expose_secret().to_owned()).collect::<std::collections::BTreeSet<_>>() };
        assert_eq!(issued.len(), 1);
        assert_eq!(issued.first(), Some(&world.sim.newest_tokens("Sam One").unwrap().access));
        assert_eq!(world.sim.counts().refresh, 1);
    }

    async fn a_caller_that_leaves_does_not_cost_the_pair(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.env.advance(MINUTE * 120);
        let held = world.sim.hold(Endpoint::Token);
        let caller = { let (world, ada) = (world.clone(), ada.clone()); tokio::spawn(async move { world.token(&ada).await }) };
        held.reached().await;
        caller.abort();
        held.release();
        world.tasks_done().await;
        let (credential, _) = world.stored(&ada).await;
        let issued = world.sim.newest_tokens("Sam One").unwrap();
        assert_eq!(world.open_tokens(&credential).refresh.expose_secret(), issued.refresh);
    }

    async fn fields_that_are_missing_keep_what_was_known(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let (before, _) = world.stored(&ada).await;
        let refresh_before = world.open_tokens(&before).refresh;

        world.env.advance(MINUTE * 120);
        world.sim.fault(Endpoint::Token, Fault::MissingField("refresh_token".to_owned()));
        world.token(&ada).await.unwrap();
        let (after, _) = world.stored(&ada).await;
        assert_eq!(world.open_tokens(&after).refresh.expose_secret(), refresh_before.expose_secret());

        for field in ["expires_in", "scope"] {
            world.env.advance(MINUTE * 61);
            world.sim.fault(Endpoint::Token, Fault::MissingField(field.to_owned()));
            world.token(&ada).await.unwrap();
            let (after, _) = world.stored(&ada).await;
            assert_eq!(after.scopes, before.scopes);
            assert_eq!(after.tokens.unwrap().access_expires_at, world.now() + MINUTE * 60);
        }
        assert_eq!(world.sim.pending_faults(), 0);
    }

    async fn a_token_that_is_still_good_is_served_while_atlassian_is_down(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.env.advance(MINUTE * 57);
        world.sim.fault(Endpoint::Token, Fault::Status(503));
        let good = world.token(&ada).await.unwrap();
        assert!(good.refreshing);
        world.tasks_done().await;
        // The only connection, so it asks for all: after 5 seconds, then every 45.
        for fault in [Fault::HtmlWith200, Fault::DropBeforeRotation] {
            world.sim.fault(Endpoint::Token, fault);
            world.env.advance(SECOND * 50);
            assert_eq!(world.refresh_due().await.failed, 1);
            let served = world.token(&ada).await.unwrap();
            assert_eq!(served.access.expose_secret(), good.access.expose_secret());
            assert!(!served.refreshing, "during backoff nobody causes a call");
        }
        let (credential, _) = world.stored(&ada).await;
        assert_eq!((credential.consecutive_failures, credential.last_outcome), (3, Some(RefreshOutcome::Ambiguous)));

        world.env.advance(MINUTE * 10);
        let asked = world.sim.counts();
        let err = world.token(&ada).await.unwrap_err();
        assert!(matches!(err, TokenError::ProviderUnavailable { retry_after: Some(_) }), "{err:?}");
        assert_eq!(world.sim.counts(), asked, "told at once, without a call");
        // Its leeway is over: the store is watched for a minute before the old token is sent.
        let mut refreshed = 0;
        for _ in 0..12 {
            refreshed += world.refresh_due().await.refreshed;
            world.env.advance(SECOND * 10);
        }
        assert!(refreshed >= 1);
        world.token(&ada).await.unwrap();
        assert_eq!(world.stored(&ada).await.0.consecutive_failures, 0);
    }

    async fn a_refused_client_is_the_operators_fault(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.env.advance(MINUTE * 120);
        world.sim.set_client_secret("rotated in the console".into());
        let err = world.token(&ada).await.unwrap_err();
        assert!(matches!(err, TokenError::Misconfigured { .. }));
        assert!(world.stored(&ada).await.0.is_live(), "the connection is intact");
        world.sim.set_client_secret(testkit::world::CLIENT_SECRET.into());
        let err = world.token(&ada).await.unwrap_err();
        assert!(matches!(err, TokenError::Misconfigured { retry_after: Some(_) }), "{err:?}");
        world.env.advance(SECOND * 50);
        world.refresh_due().await;
        world.token(&ada).await.unwrap();
    }

    async fn a_dead_grant_is_told_and_costs_nothing_more(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.env.advance(MINUTE * 120);
        world.sim.revoke_grants_of("Sam One");
        for _ in 0..10 {
            let err = world.token(&ada).await.unwrap_err();
            assert!(matches!(err, TokenError::NoConnection(ConnectionState::ReconnectNeeded)));
        }
        assert_eq!(world.sim.counts().refresh_refused, 1);
        assert_eq!(world.state(&ada).await, ConnectionState::ReconnectNeeded);
        assert!(world.audit(&ada).await.contains(&AuditAction::GrantDied));
        let id = world.stored(&ada).await.0.id;
        world.connect(&ada, "Sam One").await.unwrap();
        assert_eq!(world.state(&ada).await, ConnectionState::Connected);
        assert_eq!(world.stored(&ada).await.0.id, id);
        world.token(&ada).await.unwrap();
    }

    async fn a_refresh_that_comes_too_late_cannot_overwrite(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.env.advance(MINUTE * 120);
        let held = world.sim.hold(Endpoint::Token);
        let late = { let (world, ada) = (world.clone(), ada.clone()); tokio::spawn(async move { world.token(&ada).await }) };
        held.reached().await;
        world.connect(&ada, "Sam One").await.unwrap();
        let (reconnected, _) = world.stored(&ada).await;
        held.release();
        let served = late.await.unwrap().unwrap();
        assert_eq!(world.stored(&ada).await.0.tokens, reconnected.tokens);
        assert_eq!(served.access.expose_secret(), world.open_tokens(&reconnected).access.expose_secret());
    }

    async fn without_a_connection_there_is_no_token(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let err = world.token(&ada).await.unwrap_err();
        assert!(matches!(err, TokenError::NoConnection(ConnectionState::NotConnected)));
    }
}
