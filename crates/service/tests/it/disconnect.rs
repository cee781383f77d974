//! Disconnecting erases at once and for good.

use atlassian_sim::{Endpoint, Fault};
use domain::{audit::AuditAction, state::ConnectionState};
use jiff::SignedDuration;
use service::{
    choose_site::choose, disconnect::disconnect, refresh::TokenError, teams::delete_team,
};
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

    async fn atlassian_is_asked_to_forget_a_grant_that_nothing_else_rests_on(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        disconnect(&world.services, &ada).await.unwrap();
        world.tasks_done().await;
        assert_eq!(world.sim.counts().revoke, 1);
        assert_eq!(disconnect(&world.services, &ada).await.unwrap(), None);
        world.tasks_done().await;
        assert_eq!(world.sim.counts().revoke, 1);
    }

    async fn a_grant_that_serves_another_team_is_not_revoked(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let beta = world.another_team(&ada, "Beta").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.connect(&beta, "Sam One").await.unwrap();
        disconnect(&world.services, &ada).await.unwrap();
        world.tasks_done().await;
        assert_eq!(world.sim.counts().revoke, 0, "one grant serves both teams");
        world.token(&beta).await.unwrap();
        disconnect(&world.services, &beta).await.unwrap();
        world.tasks_done().await;
        assert_eq!(world.sim.counts().revoke, 1, "the last one ends it");
    }

    async fn nothing_is_revoked_while_an_account_is_unknown_or_a_sign_in_is_open(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let beta = world.another_team(&ada, "Beta").await;
        world.sim.fault(Endpoint::Myself, Fault::Status(503));
        world.connect(&beta, "Sam One").await.unwrap();
        assert_eq!(world.credential(&beta).await.unwrap().account_id, None);
        world.connect(&ada, "Mia Krystof").await.unwrap();
        let site = world.sim.sites_of("Mia Krystof")[0].clone();
        choose(&world.services, &ada, &site).await.unwrap();
        disconnect(&world.services, &ada).await.unwrap();
        // Nor is the grant of an unknown account itself.
        disconnect(&world.services, &beta).await.unwrap();
        world.tasks_done().await;
        assert_eq!(world.sim.counts().revoke, 0);

        world.connect(&ada, "Sam One").await.unwrap();
        world.connect(&beta, "Mia Krystof").await.unwrap();
        disconnect(&world.services, &ada).await.unwrap();
        world.tasks_done().await;
        assert_eq!(world.sim.counts().revoke, 0, "the sign-in of the other team may be of the same account");
    }

    async fn deleting_a_team_ends_its_grant_where_nothing_else_rests_on_it(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let beta = world.another_team(&ada, "Beta").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.connect(&beta, "Sam One").await.unwrap();
        delete_team(&world.services, &ada, "Acme").await.unwrap();
        world.tasks_done().await;
        assert_eq!(world.sim.counts().revoke, 0, "one grant serves both teams");
        world.token(&beta).await.unwrap();
        delete_team(&world.services, &beta, "Beta").await.unwrap();
        world.tasks_done().await;
        assert_eq!(world.sim.counts().revoke, 1, "the last one ends it");
    }

    async fn deleting_a_team_without_a_grant_in_force_asks_atlassian_nothing(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let beta = world.another_team(&ada, "Beta").await;
        delete_team(&world.services, &beta, "Beta").await.unwrap();
        world.sim.fault(Endpoint::Myself, Fault::Status(503));
        world.connect(&ada, "Sam One").await.unwrap();
        delete_team(&world.services, &ada, "Acme").await.unwrap();
        world.tasks_done().await;
        assert_eq!(world.sim.counts().revoke, 0, "whose account it is was not known");
    }
}
