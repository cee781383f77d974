//! Several sites: a person chooses, Atlassian is asked again.

use atlassian_sim::{Endpoint, Fault};
use domain::{attempt::GRANT_LIFE, audit::AuditAction, state::ConnectionState, team::Role};
use jiff::SignedDuration;
use service::{
    choose_site::{choose, discard, offered_sites},
    connect::{Ended, Reason},
};
use testkit::{
    db_tests,
    world::{World, reason},
};

db_tests! {
    async fn the_chosen_site_is_the_stored_one(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        for index in [0, 1] {
            assert!(matches!(world.connect(&ada, "Mia Krystof").await.unwrap(), Ended::ChooseSite { .. }));
            assert_eq!(world.state(&ada).await, ConnectionState::ChooseSite);
            let picker = offered_sites(&world.services, &ada).await.unwrap();
            assert_eq!(picker.sites.len(), 3, "one a site, and only those with Jira");
            assert_eq!(picker.account_name.as_deref(), Some("Mia Krystof"));
            assert!(picker.sites.is_sorted_by_key(|it| it.site.name.clone()));
            let wanted = &picker.sites[index].site;
            let ended = choose(&world.services, &ada, wanted.cloud_id.as_str()).await.unwrap();
            assert!(matches!(ended, Ended::Connected { only_site: false, .. }));
            assert_eq!(&world.stored(&ada).await.1.site, wanted, "id, name and address belong together");
            world.disconnect(&ada).await;
        }
    }

    async fn a_site_that_is_not_offered_is_refused(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Mia Krystof").await.unwrap();
        let of_another = &world.sim.sites_of("Sam One")[0];
        for bad in [of_another.as_str(), "", "../x", "<script>", &"x".repeat(10_000)] {
            let err = choose(&world.services, &ada, bad).await.unwrap_err();
            assert_eq!(reason(err), Reason::SiteNotOffered);
        }
        assert_eq!(world.state(&ada).await, ConnectionState::ChooseSite, "another choice can be made");
    }

    async fn a_choice_sent_twice_is_made_once(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Mia Krystof").await.unwrap();
        let site = world.sim.sites_of("Mia Krystof")[0].clone();
        let both = tokio::join!(choose(&world.services, &ada, &site), choose(&world.services, &ada, &site));
        let ended = [both.0.unwrap(), both.1.unwrap()];
        assert_eq!(ended.iter().filter(|it| matches!(it, Ended::Connected { .. })).count(), 1);
        assert_eq!(ended.iter().filter(|it| matches!(it, Ended::AlreadyDone { .. })).count(), 1);
        let once_more = choose(&world.services, &ada, &site).await.unwrap();
        assert!(matches!(once_more, Ended::AlreadyDone { .. }));
        let connected = world.audit(&ada).await.iter().filter(|it| **it == AuditAction::Connected).count();
        assert_eq!(connected, 1);
    }

    async fn an_account_without_a_site_leaves_nothing_behind(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let err = world.connect(&ada, "Noa None").await.unwrap_err();
        assert_eq!(testkit::world::reason(err), Reason::NoSite);
        assert_eq!(world.state(&ada).await, ConnectionState::NotConnected);
        assert!(world.attempts(&ada).await.iter().all(|it| it.grant.is_none()), "the grant is erased");
    }

    async fn a_site_that_blocks_the_app_leaves_the_choice_open(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Mia Krystof").await.unwrap();
        let sites = world.sim.sites_of("Mia Krystof");
        assert!(world.sim.set_blocked(&sites[0], true));
        let err = choose(&world.services, &ada, &sites[0]).await.unwrap_err();
        assert!(matches!(reason(err), Reason::SiteRefused { .. }));
        choose(&world.services, &ada, &sites[1]).await.unwrap();
        assert_eq!(world.stored(&ada).await.1.site.cloud_id.as_str(), sites[1]);
    }

    async fn an_account_that_does_not_answer_is_unknown_and_filled_in_later(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.sim.fault(Endpoint::Myself, Fault::Status(503));
        world.connect(&ada, "Sam One").await.unwrap();
        assert_eq!(world.stored(&ada).await.0.account_id, None);
        let report = service::test_connection::test_connection(&world.services, &ada).await.unwrap();
        assert_eq!(report.account_name.as_deref(), Some("Sam One"));
        assert!(world.stored(&ada).await.0.account_id.is_some());
    }

    async fn a_choice_waits_for_half_an_hour(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Mia Krystof").await.unwrap();
        let site = world.sim.sites_of("Mia Krystof")[0].clone();
        world.env.advance(GRANT_LIFE - SignedDuration::from_secs(1));
        offered_sites(&world.services, &ada).await.unwrap();
        world.env.advance(SignedDuration::from_secs(1));
        assert_eq!(reason(offered_sites(&world.services, &ada).await.unwrap_err()), Reason::ChoiceExpired);
        assert_eq!(reason(choose(&world.services, &ada, &site).await.unwrap_err()), Reason::ChoiceExpired);
        assert_eq!(world.state(&ada).await, ConnectionState::NotConnected);
    }

    async fn a_choice_is_its_own_persons(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        let bob = world.join(&ada, "Bob", Role::Admin).await;
        world.connect(&ada, "Mia Krystof").await.unwrap();
        let site = world.sim.sites_of("Mia Krystof")[0].clone();
        assert_eq!(reason(offered_sites(&world.services, &bob).await.unwrap_err()), Reason::ChoiceExpired);
        assert_eq!(reason(choose(&world.services, &bob, &site).await.unwrap_err()), Reason::ChoiceExpired);
        let beta = world.another_team(&ada, "Beta").await;
        assert_eq!(reason(choose(&world.services, &beta, &site).await.unwrap_err()), Reason::ChoiceExpired);
        choose(&world.services, &ada, &site).await.unwrap();
    }

    async fn a_discarded_choice_is_erased(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Mia Krystof").await.unwrap();
        discard(&world.services, &ada).await.unwrap();
        assert_eq!(world.state(&ada).await, ConnectionState::NotConnected);
        assert!(world.attempts(&ada).await.iter().all(|it| it.grant.is_none()));
        assert!(world.audit(&ada).await.contains(&AuditAction::AttemptDiscarded));
        discard(&world.services, &ada).await.unwrap();
    }

    async fn the_picker_says_which_own_team_uses_a_site(db: TestDb) {
        let world = World::new(db).await;
        let acme = world.admin("Ada", "Acme").await;
        world.connect(&acme, "Mia Krystof").await.unwrap();
        let site = world.sim.sites_of("Mia Krystof")[0].clone();
        choose(&world.services, &acme, &site).await.unwrap();

        let beta = world.another_team(&acme, "Beta").await;
        world.connect(&beta, "Mia Krystof").await.unwrap();
        let picker = offered_sites(&world.services, &beta).await.unwrap();
        for choice in picker.sites {
            let expected: &[&str] = if choice.site.cloud_id.as_str() == site { &["Acme"] } else { &[] };
            assert_eq!(choice.used_by, expected);
        }
        let eve = world.admin("Eve", "Evil").await;
        world.connect(&eve, "Mia Krystof").await.unwrap();
        let picker = offered_sites(&world.services, &eve).await.unwrap();
        assert!(picker.sites.iter().all(|it| it.used_by.is_empty()), "teams of others are not told");
    }
}
