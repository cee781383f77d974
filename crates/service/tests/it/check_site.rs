//! The daily question whether the chosen site is still there.

use atlassian_sim::{Endpoint, Fault, SiteChange};
use domain::{audit::AuditAction, state::ConnectionState};
use jiff::SignedDuration;
use testkit::{db_tests, world::World};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

db_tests! {
    async fn a_site_that_is_gone_is_noticed_and_found_again(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let cloud_id = world.stored(&ada).await.1.site.cloud_id;
        world.env.advance(HOUR);
        assert_eq!(world.refresh_due().await.refreshed, 1);
        let (_, checked) = world.stored(&ada).await;
        assert_eq!((checked.checked_at, checked.lost_at), (Some(world.now()), None));

        let removed = |removed| {
            let change = SiteChange { removed: Some(removed), ..SiteChange::default() };
            assert!(world.sim.change_site(cloud_id.as_str(), change));
        };
        removed(true);
        world.env.advance(HOUR);
        world.refresh_due().await;
        assert_eq!(world.stored(&ada).await.1.lost_at, None, "asked once a day");
        world.env.advance(HOUR * 24);
        world.refresh_due().await;
        assert_eq!(world.stored(&ada).await.1.lost_at, Some(world.now()));
        assert!(world.audit(&ada).await.contains(&AuditAction::SiteLost));
        assert_eq!(world.state(&ada).await, ConnectionState::SiteLost);

        removed(false);
        world.env.advance(HOUR * 24);
        world.refresh_due().await;
        assert_eq!(world.stored(&ada).await.1.lost_at, None, "a lost one is looked for at each refresh");
        assert!(world.audit(&ada).await.contains(&AuditAction::SiteFound));
    }

    async fn a_site_that_is_listed_and_refuses_the_app_is_lost(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let cloud_id = world.stored(&ada).await.1.site.cloud_id;
        world.sim.set_blocked(cloud_id.as_str(), true);
        world.env.advance(HOUR);
        world.refresh_due().await;
        assert_eq!(world.stored(&ada).await.1.lost_at, Some(world.now()));
    }

    async fn no_answer_says_nothing_of_a_site(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.env.advance(HOUR);
        world.sim.fault(Endpoint::Resources, Fault::Status(503));
        world.refresh_due().await;
        let (_, integration) = world.stored(&ada).await;
        assert_eq!((integration.checked_at, integration.lost_at), (None, None));
    }
}
