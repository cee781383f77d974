//! A connection in force changes its site without a new consent.

use atlassian_sim::{Endpoint, Fault};
use domain::{audit::AuditAction, state::ConnectionState};
use jiff::SignedDuration;
use service::{
    change_site::change_site,
    choose_site::{choose, offered_sites},
    connect::{Ended, Reason},
};
use testkit::{
    db_tests,
    world::{SignedInAdmin, World, reason},
};

async fn connected(world: &World) -> (SignedInAdmin, Vec<String>) {
    let ada = world.admin("Ada", "Acme").await;
    world.connect(&ada, "Mia Krystof").await.unwrap();
    let sites = world.sim.sites_of("Mia Krystof");
    choose(&world.services, &ada, &sites[0]).await.unwrap();
    (ada, sites)
}

db_tests! {
    async fn the_site_changes_and_nothing_else_does(db: TestDb) {
        let world = World::new(db).await;
        let (ada, sites) = connected(&world).await;
        let (before, site_before) = world.stored(&ada).await;
        let picker = offered_sites(&world.services, &ada).await.unwrap();
        assert_eq!(picker.current.unwrap().as_str(), sites[0]);
        assert_eq!(picker.until, None);
        let consents = world.sim.counts().accepted;
        let ended = change_site(&world.services, &ada, &sites[1]).await.unwrap();
        assert!(matches!(ended, Ended::SiteChanged { .. }));
        let (after, site_after) = world.stored(&ada).await;
        assert_eq!(after, before, "same grant, same pair");
        assert_eq!(site_after.id, site_before.id);
        assert_eq!(site_after.site.cloud_id.as_str(), sites[1]);
        assert_ne!(site_after.site.url, site_before.site.url, "id, name and address belong together");
        assert!(world.audit(&ada).await.contains(&AuditAction::SiteChanged));
        assert_eq!(world.sim.counts().accepted, consents, "without a new consent");
        let again = change_site(&world.services, &ada, &sites[1]).await.unwrap();
        assert!(matches!(again, Ended::AlreadyDone { .. }));
    }

    async fn two_hours_later_the_token_is_refreshed_first(db: TestDb) {
        let world = World::new(db).await;
        let (ada, sites) = connected(&world).await;
        world.env.advance(SignedDuration::from_hours(2));
        assert_eq!(offered_sites(&world.services, &ada).await.unwrap().sites.len(), 3);
        change_site(&world.services, &ada, &sites[2]).await.unwrap();
        assert_eq!(world.sim.counts().refresh, 1);
        assert_eq!(world.stored(&ada).await.1.site.cloud_id.as_str(), sites[2]);
    }

    async fn what_cannot_be_chosen_leaves_the_site_as_it_is(db: TestDb) {
        let world = World::new(db).await;
        let (ada, sites) = connected(&world).await;
        let before = world.stored(&ada).await;
        let of_another = world.sim.sites_of("Sam One")[0].clone();
        for bad in [of_another.as_str(), "", "../x"] {
            let err = change_site(&world.services, &ada, bad).await.unwrap_err();
            assert_eq!(reason(err), Reason::SiteNotOffered);
        }
        assert!(world.sim.set_blocked(&sites[1], true));
        let err = change_site(&world.services, &ada, &sites[1]).await.unwrap_err();
        assert!(matches!(reason(err), Reason::SiteRefused { .. }));
        world.sim.fault(Endpoint::Resources, Fault::Status(503));
        let err = change_site(&world.services, &ada, &sites[2]).await.unwrap_err();
        assert_eq!(reason(err), Reason::NoAnswer);
        assert_eq!(world.stored(&ada).await, before);
        assert!(!world.audit(&ada).await.contains(&AuditAction::SiteChanged));
    }

    async fn without_a_living_grant_there_is_no_site_to_change(db: TestDb) {
        let world = World::new(db).await;
        let (ada, sites) = connected(&world).await;
        world.sim.revoke_grants_of("Mia Krystof");
        world.env.advance(SignedDuration::from_hours(2));
        let err = offered_sites(&world.services, &ada).await.unwrap_err();
        assert_eq!(reason(err), Reason::ReconnectFirst);
        assert_eq!(world.state(&ada).await, ConnectionState::ReconnectNeeded);
        world.disconnect(&ada).await;
        let err = change_site(&world.services, &ada, &sites[1]).await.unwrap_err();
        assert_eq!(reason(err), Reason::ChoiceExpired);
    }

    async fn a_picker_that_was_left_open_changes_nothing_that_was_made_since(db: TestDb) {
        let world = World::new(db).await;
        let (ada, sites) = connected(&world).await;
        let before = world.stored(&ada).await;
        let err = choose(&world.services, &ada, &sites[1]).await.unwrap_err();
        assert_eq!(reason(err), Reason::ChoiceExpired);
        assert_eq!(world.stored(&ada).await, before);
    }
}
