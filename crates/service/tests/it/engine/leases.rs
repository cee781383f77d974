//! One refresh among processes: who waits, who is released, and that nothing is sent late.

use std::{sync::Arc, time::Duration};

use atlassian_sim::{Endpoint, Fault};
use jiff::SignedDuration;
use service::refresh::{RefreshSettings, Step, TokenError};
use testkit::{db_tests, logs, process::Process, steps::WatchedSteps, world::World};

use super::{
    HOUR, MINUTE, SECOND, ask, ask_all, ask_for_a_minute, clear, expired, lapse_leases, row, stored,
};

/// So short that a test may wait until it is over.
const SHORT: RefreshSettings = RefreshSettings {
    lease: SignedDuration::from_millis(50),
    poll: Duration::from_millis(5),
};

fn watched(world: &World) -> (World, Arc<WatchedSteps>) {
    let steps = WatchedSteps::new();
    let process = world.process_with(RefreshSettings::default(), steps.clone());
    (process, steps)
}

/// All steps of a refresh that is sent at the second attempt.
const HELD_BACK_ONCE: [Step; 7] = [
    Step::BeforeLease,
    Step::Leased,
    Step::BeforeSend,
    Step::BeforeSend,
    Step::Answered,
    Step::BeforeCommit,
    Step::Committed,
];

db_tests! {
    async fn two_processes_make_one_exchange_and_both_have_its_token(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        let (other, steps) = watched(&world);
        let waits = steps.hold(Step::BeforeLease);
        let held = world.sim.hold(Endpoint::Token);
        let first = tokio::spawn({ let (world, ada) = (world.clone(), ada.clone()); async move { ask_all(&world, &ada, 25).await } });
        held.reached().await;
        let second = tokio::spawn({ let (other, ada) = (other.clone(), ada.clone()); async move { ask_all(&other, &ada, 25).await } });
        waits.reached().await;
        waits.release();
        held.release();
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert_eq!(first, second);
        assert_eq!(first.into_iter().collect::<Vec<_>>(), [stored(&world, &ada).await]);
        let counts = world.sim.counts();
        assert_eq!((counts.refresh, counts.refresh_reused, counts.refresh_refused), (1, 0, 0));
    }

    async fn who_waits_for_another_process_is_released_by_its_failure(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        let ((one, steps_of_one), (two, steps_of_two)) = (watched(&world), watched(&world));
        let sending = steps_of_one.hold(Step::BeforeSend);
        let first = ask(&one, &ada);
        sending.reached().await;
        let waiting = steps_of_two.hold(Step::BeforeLease);
        let second = ask(&two, &ada);
        waiting.reached().await;
        waiting.release();
        world.sim.fault(Endpoint::Token, Fault::Status(503));
        sending.release();
        for caller in [first, second] {
            let err = caller.await.unwrap().unwrap_err();
            assert!(matches!(err, TokenError::ProviderUnavailable { retry_after: Some(_) }), "{err:?}");
        }
        assert_eq!(world.sim.counts().token_requests, 2, "the code, and one refresh");
    }

    async fn a_holder_that_vanished_keeps_nobody_waiting(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        for step in [Step::BeforeSend, Step::Answered] {
            let counted = world.sim.counts();
            let holder = Process::start(&world, SHORT).await;
            holder.stop_at(step);
            let admin = ada.clone();
            let _lost = holder.spawn(|it| async move { it.token(&admin).await });
            holder.stopped().await;
            let steps = WatchedSteps::new();
            let others = world.process_with(SHORT, steps.clone());
            let waiting = steps.hold(Step::BeforeLease);
            let callers = tokio::spawn({ let ada = ada.clone(); async move { ask_all(&others, &ada, 200).await } });
            waiting.reached().await;
            holder.kill();
            waiting.release();
            let tokens = callers.await.unwrap();
            assert_eq!(tokens.into_iter().collect::<Vec<_>>(), [stored(&world, &ada).await]);
            let counts = world.sim.counts();
            assert_eq!(counts.refresh - counted.refresh, 1);
            assert_eq!(counts.refresh_reused - counted.refresh_reused, u64::from(step == Step::Answered));
            assert_eq!(row(&world, &ada).await.schedule.started_at, None);
            world.env.advance(HOUR * 2);
        }
    }

    async fn on_a_stale_lease_nothing_is_sent_before_it_is_taken_again(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        let (process, steps) = watched(&world);
        for (jumps, by) in [(false, SECOND * 5), (true, SECOND * 5), (true, HOUR)] {
            let (before, seen) = (world.sim.counts(), steps.reached_so_far().len());
            let env = world.env.clone();
            steps.once(Step::BeforeSend, move || if jumps { env.jump(by) } else { env.advance(by) });
            let token = process.token(&ada).await.unwrap();
            assert_eq!(clear(&token), stored(&world, &ada).await);
            assert_eq!(steps.reached_so_far()[seen..], HELD_BACK_ONCE);
            let after = world.sim.counts();
            assert_eq!((after.token_requests, after.refresh), (before.token_requests + 1, before.refresh + 1));
            assert!(logs::written().contains("held back"));
            world.env.advance(HOUR * 3);
        }
        // Where less than half of it has passed, or the clock went back, it is good.
        for (jumps, by) in [(false, SECOND * 4), (true, -HOUR)] {
            let seen = steps.reached_so_far().len();
            let env = world.env.clone();
            steps.once(Step::BeforeSend, move || if jumps { env.jump(by) } else { env.advance(by) });
            process.token(&ada).await.unwrap();
            assert_eq!(steps.reached_so_far().len() - seen, Step::ALL.len());
            world.env.advance(HOUR * 4);
        }
    }

    async fn who_lost_the_lease_sends_nothing_late_and_has_the_others_token(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        // Stopped before it sends, and in the moment before that: both are noticed.
        for step in [Step::Leased, Step::BeforeSend] {
            let before = world.sim.counts();
            let late = Process::start(&world, RefreshSettings::default()).await;
            late.stop_at(step);
            let admin = ada.clone();
            let caller = late.spawn(|it| async move { it.token(&admin).await });
            late.stopped().await;
            world.env.advance(MINUTE * 12);
            lapse_leases(&world).await;
            ask_for_a_minute(&world, &ada).await;
            let token = world.token(&ada).await.unwrap();
            late.go_on();
            assert_eq!(clear(&caller.await.unwrap().unwrap()), clear(&token));
            let after = world.sim.counts();
            assert_eq!((after.token_requests, after.refresh), (before.token_requests + 1, before.refresh + 1));
            assert_eq!(after.refresh_too_late, 0);
            world.env.advance(HOUR * 2);
        }
        assert!(row(&world, &ada).await.is_live());
    }
}
