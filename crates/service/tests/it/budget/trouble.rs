//! The budget stands in nobody's way: not where a connection has ended, and not while the database is away.

use service::worker::{check_site, clean_up, measure};

use super::*;

db_tests! {
    async fn who_asks_for_a_connection_that_has_ended_is_not_told_to_come_again(db: TestDb) {
        let (world, _, billing) = two_processes(db).await;
        world.sim.fault(Endpoint::Jira, limited(RateLimit::GlobalQuota));
        assert_eq!(billing.call(&world, MYSELF).await, Came::To(429));
        billing.call(&world, MYSELF).await.over();
        world.db.raw("UPDATE integration_credentials SET revoked_at = 1, revocation_reason = 'grant_revoked'").await.unwrap();
        // As the key is found from then on.
        let ended = Caller::new(&world, &billing.admin, "another").await;
        let template = PathTemplate::new(MYSELF);
        let admission = ended.admit(&world.services, Method::Get, &template).await;
        drop(admission.unwrap());
    }

    async fn without_a_database_calls_go_on_and_what_is_known_counts(db: TestDb) {
        let (world, _, billing) = two_processes(db).await;
        let away = world.another_process_at("").await;
        assert_eq!(billing.call(&away, MYSELF).await, Came::To(200));
        away.services.store.close().await;
        let template = PathTemplate::new(SERVER_INFO);
        let ask = || billing.admit(&away.services, Method::Get, &template);
        for _ in 0..3 {
            world.env.advance(SECOND * 2);
            ask().await.unwrap().observe(&away.services, &[]).await;
        }
        let refused = [Report { limit: Limit::Burst, told: Told::Refused { until: Some(world.now() + MINUTE), of: None } }];
        ask().await.unwrap().observe(&away.services, &refused).await;
        assert_eq!(ask().await.unwrap_err().limit, Limit::Burst, "known to this process");
        let told = testkit::logs::written();
        let count = told.matches("what Atlassian allows is not shared").count();
        assert_eq!(count, 1, "{told}");
    }

    async fn what_the_database_did_not_take_it_is_told_again(db: TestDb) {
        let (world, other, billing) = two_processes(db).await;
        world.db.raw("ALTER TABLE rate_budgets RENAME TO away").await.unwrap();
        world.sim.fault(Endpoint::Jira, limited(RateLimit::GlobalQuota));
        assert_eq!(billing.call(&world, MYSELF).await, Came::To(429));
        world.db.raw("ALTER TABLE away RENAME TO rate_budgets").await.unwrap();
        world.env.advance(SECOND);
        billing.call(&world, MYSELF).await.over();
        assert_eq!(billing.call(&other, MYSELF).await.over().limit, Limit::AppHour);
    }

    async fn a_look_at_the_site_uses_nothing_of_what_is_scarce(db: TestDb) {
        let (world, other, billing) = two_processes(db).await;
        let team = billing.admin.team().id;
        world.env.advance(HOUR * 24);
        let token = world.token(&billing.admin).await.unwrap();
        world.sim.fault(Endpoint::Jira, limited(RateLimit::TenantQuota));
        assert_eq!(billing.call(&world, MYSELF).await, Came::To(429));
        let before = world.sim.counts();
        for services in [&world.services, &other.services] {
            check_site::check(services, team, &token).await.unwrap();
        }
        assert_eq!(world.sim.counts(), before);
        world.env.advance(HOUR);
        let token = world.token(&billing.admin).await.unwrap();
        // What it is refused itself is known from then on.
        world.sim.fault(Endpoint::Jira, limited(RateLimit::TenantQuota));
        check_site::check(&other.services, team, &token).await.unwrap();
        assert_eq!(billing.call(&world, MYSELF).await.over().limit, Limit::SiteHour);
    }

    async fn what_has_ended_is_removed_and_what_is_used_up_is_measured(db: TestDb) {
        let (world, _, billing) = two_processes(db).await;
        for form in [RateLimit::Burst, RateLimit::TenantQuota] {
            world.sim.fault(Endpoint::Jira, limited(form));
            assert_eq!(billing.call(&world, MYSELF).await, Came::To(429));
            world.env.advance(SECOND);
        }
        let used_up = async || {
            measure::run_once(&world.services).await.unwrap();
            let text = world.services.metrics.text().unwrap();
            text.contains("tformance_used_up_hours{limit=\"site_hour\"} 1")
        };
        assert!(used_up().await);
        world.env.advance(MINUTE * 15);
        assert_eq!(clean_up::run_once(&world.services).await.unwrap().removed_budgets, 1);
        world.env.advance(HOUR);
        assert_eq!(clean_up::run_once(&world.services).await.unwrap().removed_budgets, 1);
        assert!(!used_up().await);
    }
}
