//! Reconnecting keeps id, site and history, and a failed one leaves the old pair in force.

use atlassian_sim::{Endpoint, Fault};
use domain::{audit::AuditAction, state::ConnectionState};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use service::{
    choose_site::{choose, offered_sites},
    connect::{Ended, Reason, begin, finish},
};
use testkit::{
    db_tests,
    world::{SignedInAdmin, World, reason},
};

async fn connected(world: &World) -> (SignedInAdmin, String) {
    let ada = world.admin("Ada", "Acme").await;
    world.connect(&ada, "Mia Krystof").await.unwrap();
    let site = world.sim.sites_of("Mia Krystof")[1].clone();
    choose(&world.services, &ada, &site).await.unwrap();
    (ada, site)
}

db_tests! {
    async fn the_site_in_force_is_kept_without_asking(db: TestDb) {
        let world = World::new(db).await;
        let (ada, site) = connected(&world).await;
        let (before, integration) = world.stored(&ada).await;
        world.env.advance(SignedDuration::from_mins(5));
        let ended = world.connect(&ada, "Mia Krystof").await.unwrap();
        assert!(matches!(ended, Ended::Connected { only_site: false, .. }));
        let (after, kept) = world.stored(&ada).await;
        assert_eq!(kept, integration);
        assert_eq!(kept.site.cloud_id.as_str(), site);
        assert_eq!(after.id, before.id);
        let issued = world.sim.newest_tokens("Mia Krystof").unwrap();
        let opened = world.open_tokens(&after);
        assert_eq!(opened.access.expose_secret(), issued.access);
        assert_eq!(opened.refresh.expose_secret(), issued.refresh);
        assert_eq!(after.tokens.unwrap().access_expires_at, world.now() + SignedDuration::from_hours(1));
        let audit = world.audit(&ada).await;
        assert!(audit.contains(&AuditAction::Reconnected) && !audit.contains(&AuditAction::SiteChanged));
    }

    async fn a_dead_grant_is_mended(db: TestDb) {
        let world = World::new(db).await;
        let (ada, site) = connected(&world).await;
        let before = world.stored(&ada).await.0;
        world.sim.revoke_grants_of("Mia Krystof");
        world.env.advance(SignedDuration::from_hours(2));
        world.token(&ada).await.unwrap_err();
        assert_eq!(world.state(&ada).await, ConnectionState::ReconnectNeeded);
        world.connect(&ada, "Mia Krystof").await.unwrap();
        let (after, integration) = world.stored(&ada).await;
        assert_eq!((after.id, integration.site.cloud_id.as_str()), (before.id, site.as_str()));
        assert_eq!((after.revoked_at, after.revocation_reason), (None, None));
        assert_eq!(world.state(&ada).await, ConnectionState::Connected);
        world.token(&ada).await.unwrap();
    }

    async fn whatever_fails_leaves_the_old_pair_in_force(db: TestDb) {
        let world = World::new(db).await;
        let (ada, _) = connected(&world).await;
        let before = world.stored(&ada).await;

        let url = begin(&world.services, &ada).await.unwrap();
        let query = world.cancel_consent(&url, "Mia Krystof").await;
        let err = finish(&world.services, Some(&ada.person), &query).await.unwrap_err();
        assert_eq!(reason(err), Reason::Denied);

        for fault in [Fault::Status(503), Fault::HtmlWith200, Fault::DropAfterRotation, Fault::TruncatedJson] {
            world.sim.fault(Endpoint::Token, fault);
            let err = world.connect(&ada, "Mia Krystof").await.unwrap_err();
            assert_eq!(reason(err), Reason::ExchangeFailed);
        }
        world.sim.fault(Endpoint::Resources, Fault::Status(500));
        let err = world.connect(&ada, "Mia Krystof").await.unwrap_err();
        assert_eq!(reason(err), Reason::AtlassianDown);
        let err = world.connect(&ada, "Noa None").await.unwrap_err();
        assert_eq!(reason(err), Reason::NoSite);
        assert_eq!(world.stored(&ada).await, before);
        assert_eq!(world.state(&ada).await, ConnectionState::Connected);
        world.token(&ada).await.unwrap();
    }

    async fn a_site_that_is_gone_is_asked_about_even_where_one_other_is_left(db: TestDb) {
        let world = World::new(db).await;
        let (ada, _) = connected(&world).await;
        let before = world.stored(&ada).await;
        let ended = world.connect(&ada, "Sam One").await.unwrap();
        assert!(matches!(ended, Ended::ChooseSite { .. }), "never another site silently");
        let picker = offered_sites(&world.services, &ada).await.unwrap();
        assert_eq!(picker.sites.len(), 1);
        assert_eq!(world.stored(&ada).await, before);
    }

    async fn an_attempt_that_finds_no_connection_any_more_is_a_connect(db: TestDb) {
        let world = World::new(db).await;
        let (ada, _) = connected(&world).await;
        let url = begin(&world.services, &ada).await.unwrap();
        let query = world.consent(&url, "Sam One").await;
        world.disconnect(&ada).await;
        world.env.advance(SignedDuration::from_mins(1));
        let ended = finish(&world.services, Some(&ada.person), &query).await.unwrap();
        assert!(matches!(ended, Ended::Connected { only_site: true, .. }), "no account is asked about");
        assert_eq!(world.audit(&ada).await[0], AuditAction::Connected);
    }

    async fn a_refresh_in_flight_does_not_undo_a_reconnect(db: TestDb) {
        let world = World::new(db).await;
        let (ada, _) = connected(&world).await;
        world.env.advance(SignedDuration::from_hours(2));
        let held = world.sim.hold(Endpoint::Token);
        let waiting = { let (world, ada) = (world.clone(), ada.clone()); tokio::spawn(async move { world.token(&ada).await }) };
        held.reached().await;
        world.connect(&ada, "Mia Krystof").await.unwrap();
        let reconnected = world.stored(&ada).await.0;
        let issued = world.sim.newest_tokens("Mia Krystof").unwrap();
        held.release();
        let token = waiting.await.unwrap().unwrap();
        assert_eq!(token.access.expose_secret(), issued.access, "what stands there counts");
        assert_eq!(world.stored(&ada).await.0, reconnected);
    }
}
