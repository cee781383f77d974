//! One noisy key among quiet ones: of an hour's points, and of an endpoint's bursts.

use super::*;

/// How often calls of some were answered, and how often not made.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    served: usize,
    used_up: usize,
    fair_share: usize,
    limited: usize,
}

impl Tally {
    fn add(&mut self, came: Came) {
        match came {
            Came::To(200) => self.served += 1,
            Came::To(_) => self.limited += 1,
            Came::Over(over) if over.why == Why::FairShare => self.fair_share += 1,
            Came::Over(_) => self.used_up += 1,
        }
    }
}

/// A noisy service of one team, and two quiet ones of another on the same site.
async fn three(world: &World) -> [Caller; 3] {
    let ada = connected(world, "Ada", "Acme", "Sam One").await;
    let eve = connected(world, "Eve", "Evil", "Sam One").await;
    [
        Caller::new(world, &ada, "noisy").await,
        Caller::new(world, &eve, "billing").await,
        Caller::new(world, &eve, "sync").await,
    ]
}

db_tests! {
    async fn a_noisy_key_leaves_the_others_the_last_tenth_of_an_hour(db: TestDb) {
        let world = World::new(db).await;
        let callers = three(&world).await;
        let processes = [world.clone(), world.another_process(key_ring("tests", 1))];
        // Each call costs three.
        world.sim.set_switches(world.sim.switches().changed(&serde_json::from_str(r#"{"hourly_points": 1000}"#).unwrap()).unwrap());
        let mut tallies: [Tally; 3] = std::array::from_fn(|_| Tally::default());
        for round in 0..17 {
            for (n, caller) in callers.iter().enumerate() {
                let calls = if n == 0 { 100 } else { 1 };
                for call in 0..calls {
                    // Each goes through both.
                    let world = &processes[(round + call) % 2];
                    tallies[n].add(caller.call(world, MYSELF).await);
                }
            }
            for world in &processes {
                note_use::run_once(&world.services).await.unwrap();
            }
            world.env.advance(SECOND * 6);
        }
        let [noisy, billing, sync] = tallies;
        let all = Tally { served: 17, ..Tally::default() };
        assert_eq!((&billing, &sync), (&all, &all), "{noisy:?}");
        assert!(noisy.fair_share > 1_300 && noisy.limited == 0, "{noisy:?}");
        assert!((280..=310).contains(&noisy.served), "{noisy:?}");
        // It is told when it may come again, and it may.
        let over = callers[0].call(&processes[0], MYSELF).await.over();
        assert_eq!((over.limit, over.why, over.until), (Limit::AppHour, Why::FairShare, next_hour(world.now())));
        world.env.advance(over.retry_after);
        assert_eq!(callers[0].call(&processes[0], MYSELF).await, Came::To(200));
    }

    async fn a_second_key_is_no_second_share(db: TestDb) {
        let world = World::new(db).await;
        let [noisy, billing, _] = three(&world).await;
        let second = noisy.rotated(&world).await;
        let mut tally = [Tally::default(), Tally::default()];
        // Two calls each in this hour, and the noisy one's six go by both of its keys.
        for (caller, calls) in [(&noisy, 3), (&second, 3), (&billing, 2)] {
            for _ in 0..calls {
                caller.call(&world, MYSELF).await;
            }
        }
        note_use::run_once(&world.services).await.unwrap();
        world.env.advance(SECOND * 6);
        let template = PathTemplate::new(MYSELF);
        let left = [Report { limit: Limit::AppHour, told: Told::Left { points: 5, of: Some(100), until: next_hour(world.now()) } }];
        billing.admit(&world.services, Method::Get, &template).await.unwrap().observe(&world.services, &left).await;
        for caller in [&noisy, &second] {
            tally[0].add(caller.call(&world, MYSELF).await);
        }
        tally[1].add(billing.call(&world, MYSELF).await);
        let expected = [Tally { fair_share: 2, ..Tally::default() }, Tally { served: 1, ..Tally::default() }];
        assert_eq!(tally, expected);
    }

    async fn the_worker_looks_at_who_calls_how_often(db: TestDb) {
        let world = World::new(db).await;
        let [noisy, billing, _] = three(&world).await;
        let away = world.another_process_at("").await;
        let template = PathTemplate::new(MYSELF);
        let left = [Report { limit: Limit::AppHour, told: Told::Left { points: 50, of: Some(1_000), until: next_hour(world.now()) } }];
        billing.admit(&away.services, Method::Get, &template).await.unwrap().observe(&away.services, &left).await;
        for _ in 0..5 {
            noisy.call(&world, SERVER_INFO).await;
        }
        billing.call(&world, SERVER_INFO).await;
        note_use::run_once(&world.services).await.unwrap();
        world.env.advance(SECOND * 6);
        look_at_shares(&away.services).await.unwrap();
        // From here on nothing else can tell.
        away.services.store.close().await;
        let over = noisy.admit(&away.services, Method::Get, &template).await.unwrap_err();
        assert_eq!((over.limit, over.why), (Limit::AppHour, Why::FairShare));
        drop(billing.admit(&away.services, Method::Get, &template).await.unwrap());
    }

    async fn a_key_that_is_alone_may_use_all_of_the_hour(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world, "Ada", "Acme", "Sam One").await;
        let only = Caller::new(&world, &ada, "only").await;
        world.sim.set_switches(world.sim.switches().changed(&serde_json::from_str(r#"{"hourly_points": 93}"#).unwrap()).unwrap());
        let mut tally = Tally::default();
        for _ in 0..10 {
            for _ in 0..5 {
                tally.add(only.call(&world, MYSELF).await);
            }
            note_use::run_once(&world.services).await.unwrap();
            world.env.advance(SECOND * 6);
        }
        // The answer to the last call says that nothing is left: nobody runs into a refusal.
        assert_eq!(tally, Tally { served: 30, used_up: 20, ..Tally::default() });
        assert_eq!(world.sim.counts().rate_limited, 0);
    }

    async fn a_noisy_key_leaves_the_others_their_turns_at_an_endpoint(db: TestDb) {
        let world = World::new(db).await;
        let callers = three(&world).await;
        world.sim.set_switches(world.sim.switches().changed(&serde_json::from_str(r#"{"calls_per_second": 12}"#).unwrap()).unwrap());
        let mut tallies: [Tally; 3] = std::array::from_fn(|_| Tally::default());
        for _ in 0..30 {
            for (n, caller) in callers.iter().enumerate() {
                // The noisy one always comes first.
                let calls = if n == 0 { 100 } else { 1 };
                for _ in 0..calls {
                    tallies[n].add(caller.call(&world, MYSELF).await);
                }
            }
            world.env.advance(SECOND);
        }
        let [noisy, billing, sync] = tallies;
        for quiet in [&billing, &sync] {
            assert!(quiet.served >= 28, "{quiet:?} {noisy:?}");
        }
        assert!(noisy.limited <= 2 && noisy.fair_share > 2_000, "{noisy:?}");
        assert!(noisy.served > 60, "it has its part: {noisy:?}");
    }

    async fn keys_take_turns_after_a_refusal_that_names_no_limit(db: TestDb) {
        let world = World::new(db).await;
        let callers = three(&world).await;
        let template = PathTemplate::new(MYSELF);
        let ask = |n: usize| callers[n].admit(&world.services, Method::Get, &template);
        let refused = [Report { limit: Limit::Unnamed, told: Told::Refused { until: Some(world.now() + SECOND), of: None } }];
        ask(0).await.unwrap().observe(&world.services, &refused).await;
        world.env.advance(SECOND * 2);
        let mut over = None;
        for _ in 0..100 {
            match ask(0).await {
                Ok(made) => made.observe(&world.services, &[]).await,
                Err(refusal) => over = Some(refusal),
            }
        }
        let over = over.unwrap();
        assert_eq!((over.limit, over.why), (Limit::Burst, Why::FairShare));
        for quiet in [1, 2] {
            ask(quiet).await.unwrap().observe(&world.services, &[]).await;
        }
    }

    async fn what_a_call_holds_is_given_back_where_it_is_not_made(db: TestDb) {
        let (world, _, billing) = two_processes(db).await;
        let template = PathTemplate::new(MYSELF);
        let ask = || billing.admit(&world.services, Method::Get, &template);
        let left = |points| [Report { limit: Limit::AppHour, told: Told::Left { points, of: Some(1_000), until: next_hour(world.now()) } }];
        ask().await.unwrap().observe(&world.services, &left(2)).await;
        let (one, two) = (ask().await.unwrap(), ask().await.unwrap());
        assert_eq!(ask().await.unwrap_err().limit, Limit::AppHour, "both may be needed");
        drop(one);
        let three = ask().await.unwrap();
        ask().await.unwrap_err();
        // Its answer told nothing: a point at least is gone.
        two.observe(&world.services, &[]).await;
        ask().await.unwrap_err();
        three.observe(&world.services, &left(0)).await;
        ask().await.unwrap_err();
    }

    async fn what_was_sent_is_spent_whoever_leaves(db: TestDb) {
        let (world, _, billing) = two_processes(db).await;
        let template = PathTemplate::new(MYSELF);
        let ask = || billing.admit(&world.services, Method::Get, &template);
        let left = [Report { limit: Limit::AppHour, told: Told::Left { points: 2, of: Some(1_000), until: next_hour(world.now()) } }];
        ask().await.unwrap().observe(&world.services, &left).await;
        for _ in 0..2 {
            let mut unsent = ask().await.unwrap();
            unsent.sent(&world.services);
            unsent.not_sent();
            drop(unsent);
        }
        for _ in 0..2 {
            let mut sent = ask().await.unwrap();
            sent.sent(&world.services);
            drop(sent);
        }
        assert_eq!(ask().await.unwrap_err().limit, Limit::AppHour);
    }
}
