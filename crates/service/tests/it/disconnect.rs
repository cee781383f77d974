//! Disconnecting erases at once and for good.

use atlassian_sim::Endpoint;
use domain::{audit::AuditAction, state::ConnectionState};
use jiff::SignedDuration;
use service::{disconnect::disconnect, refresh::TokenError};
use testkit::{db_tests, world::World};

db_tests! {
    async fn the_tokens_are_erased_and_the_row_stays(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let (before, integration) = world.stored(&ada).await;
        let site = disconnect(&world.services, &ada).await.unwrap();
        assert_eq!(site, Some(integration.site));
        let after = world.credential(&ada).await.unwrap();
        assert!(after.tokens.is_none() && after.account_id.is_none());
        assert_eq!((after.id, after.generation), (before.id, before.generation.next()));
        assert_eq!(after.disconnected_by, Some(ada.person.user().id));
        assert_eq!(world.state(&ada).await, ConnectionState::Disconnected);
        let err = world.token(&ada).await.unwrap_err();
        assert!(matches!(err, TokenError::NoConnection(ConnectionState::Disconnected)));
        assert!(world.audit(&ada).await.contains(&AuditAction::Disconnected));

        assert_eq!(disconnect(&world.services, &ada).await.unwrap(), None, "once more is no mistake");
        world.connect(&ada, "Sam One").await.unwrap();
        assert_eq!(world.stored(&ada).await.0.id, before.id, "the row lives on");
    }

    async fn nothing_to_disconnect_is_no_mistake(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        assert_eq!(disconnect(&world.services, &ada).await.unwrap(), None);
        assert_eq!(world.state(&ada).await, ConnectionState::NotConnected);
    }

    async fn a_refresh_in_flight_does_not_resurrect(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.env.advance(SignedDuration::from_hours(2));
        let held = world.sim.hold(Endpoint::Token);
        let waiting = { let (world, ada) = (world.clone(), ada.clone()); tokio::spawn(async move { world.token(&ada).await }) };
        held.reached().await;
        disconnect(&world.services, &ada).await.unwrap();
        held.release();
        let err = waiting.await.unwrap().unwrap_err();
        assert!(matches!(err, TokenError::NoConnection(ConnectionState::Disconnected)));
        assert!(world.credential(&ada).await.unwrap().tokens.is_none());
        assert_eq!(world.sim.counts().refresh, 1);
    }
}
