//! The database does not take the new pair, or is not there: nothing that was paid for is thrown away.

use std::sync::Arc;

use atlassian_sim::{Endpoint, Fault};
use secrecy::ExposeSecret as _;
use service::refresh::{Caveat, RefreshSettings, Step, TokenError, Wish, serve};
use store::Store;
use testkit::{
    db_tests, logs,
    process::Process,
    steps::WatchedSteps,
    world::{SignedInAdmin, World},
};

use super::{HOUR, MINUTE, SECOND, ask, clear, expired, lapse_leases, row, stored};

/// Refuses what `when` describes, of a change of a credential.
pub(super) async fn refuse_updates(world: &World, when: &str) {
    let sql = match &world.db.store {
        Store::Sqlite { .. } => format!(
            "CREATE TRIGGER refuses BEFORE UPDATE ON integration_credentials WHEN {when}
             BEGIN SELECT RAISE(ABORT, 'it is refused'); END"
        ),
        Store::Postgres(_) => format!(
            "CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'it is refused' USING ERRCODE = '53100'; END $$;
             CREATE TRIGGER refuses BEFORE UPDATE ON integration_credentials
                FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuses();"
        ),
    };
    world.db.raw(&sql).await.unwrap();
}

pub(super) async fn take_updates(world: &World) {
    let sql = match &world.db.store {
        Store::Sqlite { .. } => "DROP TRIGGER refuses",
        Store::Postgres(_) => {
            "DROP TRIGGER refuses ON integration_credentials; DROP FUNCTION refuses();"
        }
    };
    world.db.raw(sql).await.unwrap();
}

pub(super) const NEW_PAIRS: &str = "NEW.generation > OLD.generation";
const ALL: &str = "NEW.generation >= 0";

async fn rename(world: &World, from: &str, to: &str) {
    world
        .db
        .raw(&format!("ALTER TABLE {from} RENAME TO {to}"))
        .await
        .unwrap();
}

/// With a hook that tells of each attempt to save.
fn watched(world: &World) -> (World, Arc<WatchedSteps>) {
    let steps = WatchedSteps::new();
    let process = world.process_with(RefreshSettings::default(), steps.clone());
    (process, steps)
}

async fn is_saved_whole(world: &World, admin: &SignedInAdmin, access: &str) {
    let credential = row(world, admin).await;
    let pair = world.open_tokens(&credential);
    let issued = world.sim.newest_tokens("Sam One").unwrap();
    assert_eq!(
        (pair.access.expose_secret(), pair.refresh.expose_secret()),
        (&*issued.access, &*issued.refresh)
    );
    assert_eq!(issued.access, access);
    assert!(credential.is_live() && credential.schedule.started_at.is_none());
}

db_tests! {
    async fn a_pair_that_is_refused_is_served_from_memory_and_saved_at_last(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        let old = stored(&world, &ada).await;
        refuse_updates(&world, NEW_PAIRS).await;
        let token = world.token(&ada).await.unwrap();
        assert_eq!(token.caveat, Some(Caveat::NotSaved));
        assert_eq!((stored(&world, &ada).await, world.services.engine.unsaved_pairs()), (old, 1));
        assert!(logs::written().contains("could not be saved; it is kept in memory"));
        for _ in 0..20 {
            let again = world.token(&ada).await.unwrap();
            assert_eq!((clear(&again), again.caveat), (clear(&token), Some(Caveat::NotSaved)));
        }
        // Neither a round nor another process spends the old one again: the lease is held.
        world.refresh_due().await;
        let (other, steps) = watched(&world);
        let wanted = steps.hold(Step::BeforeLease);
        let waits = ask(&other, &ada);
        wanted.reached().await;
        wanted.release();
        assert_eq!(world.sim.counts().token_requests, 2, "the code, and one refresh");
        take_updates(&world).await;
        let waited = waits.await.unwrap().unwrap();
        world.tasks_done().await;
        assert_eq!((clear(&waited), world.services.engine.unsaved_pairs()), (clear(&token), 0));
        is_saved_whole(&world, &ada, &clear(&token)).await;
        assert_eq!(world.token(&ada).await.unwrap().caveat, None);
        assert!(logs::written().contains("saved at last"));
        let counts = world.sim.counts();
        assert_eq!((counts.refresh, counts.refresh_reused, counts.refresh_refused), (1, 0, 0));
    }

    async fn a_store_that_goes_away_after_the_answer_gets_the_pair_when_it_is_back(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        let (process, steps) = watched(&world);
        let held = steps.hold(Step::Answered);
        let caller = ask(&process, &ada);
        held.reached().await;
        rename(&world, "integration_credentials", "gone").await;
        held.release();
        let token = caller.await.unwrap().unwrap();
        assert_eq!(token.caveat, Some(Caveat::NotSaved), "who waits has it at once");
        // Whoever asks now cannot be told apart from others: there is nothing to read.
        process.token(&ada).await.unwrap_err();
        world.env.advance(SECOND * 30);
        rename(&world, "gone", "integration_credentials").await;
        process.tasks_done().await;
        is_saved_whole(&world, &ada, &clear(&token)).await;
        assert_eq!(clear(&process.token(&ada).await.unwrap()), clear(&token));
        let counts = world.sim.counts();
        assert_eq!((counts.refresh, counts.refresh_reused), (1, 0));
    }

    async fn a_store_that_only_reads_costs_no_exchange_and_then_one(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        refuse_updates(&world, ALL).await;
        for _ in 0..10 {
            // The intent cannot be written, so nothing is spent.
            let err = world.token(&ada).await.unwrap_err();
            assert!(matches!(err, TokenError::Failed(_)), "{err:?}");
            assert_eq!(world.refresh_due().await.failed, 1);
            world.env.advance(SECOND * 30);
        }
        assert_eq!(world.sim.counts().token_requests, 1, "the code alone");
        take_updates(&world).await;
        let token = world.token(&ada).await.unwrap();
        is_saved_whole(&world, &ada, &clear(&token)).await;
        // It becomes so between the lease and the save, and neither is renewed.
        world.env.advance(HOUR * 2);
        let (process, steps) = watched(&world);
        let held = steps.hold(Step::Answered);
        let caller = ask(&process, &ada);
        held.reached().await;
        refuse_updates(&world, ALL).await;
        held.release();
        let token = caller.await.unwrap().unwrap();
        assert_eq!(token.caveat, Some(Caveat::NotSaved));
        world.env.advance(MINUTE * 20);
        take_updates(&world).await;
        process.tasks_done().await;
        is_saved_whole(&world, &ada, &clear(&token)).await;
        let counts = world.sim.counts();
        assert_eq!((counts.refresh, counts.refresh_reused, counts.refresh_refused), (2, 0, 0));
    }

    async fn a_second_process_costs_one_rotation_more_at_most(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        let holder = Process::start(&world, RefreshSettings::default()).await;
        holder.stop_at(Step::Answered);
        let admin = ada.clone();
        let caller = holder.spawn(|it| async move { it.token(&admin).await });
        holder.stopped().await;
        // Its lease is over, and it has the pair in hand.
        lapse_leases(&world).await;
        world.env.advance(MINUTE * 2);
        let token = world.token(&ada).await.unwrap();
        holder.go_on();
        let late = caller.await.unwrap().unwrap();
        assert_eq!(clear(&late), clear(&token), "what stands there counts");
        is_saved_whole(&world, &ada, &clear(&token)).await;
        let counts = world.sim.counts();
        assert_eq!((counts.refresh, counts.refresh_reused, counts.refresh_refused), (1, 1, 0));
    }

    async fn a_store_that_came_back_just_now_is_left_to_whoever_holds_the_pair(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        // This process has seen the store take what is written, long ago.
        world.sim.fault(Endpoint::Token, Fault::Status(503));
        world.token(&ada).await.unwrap_err();
        let holder = Process::start(&world, RefreshSettings::default()).await;
        holder.stop_at(Step::Answered);
        world.env.advance(SECOND * 50);
        let _round = holder.spawn(|it| async move { it.refresh_due().await });
        holder.stopped().await;
        rename(&world, "integration_credentials", "gone").await;
        world.env.advance(MINUTE * 11);
        rename(&world, "gone", "integration_credentials").await;
        lapse_leases(&world).await;
        // Nothing is known yet of the time between: sent now, the old token would end the family.
        world.refresh_due().await;
        ask(&world, &ada).await.unwrap().ok();
        // Not sooner: a pair that is saved here is a good one to look with whether Atlassian is back.
        holder.go_on();
        holder.until(|it| it.done == 1).await;
        holder.spawn(|it| async move { it.tasks_done().await }).await.unwrap();
        let token = world.token(&ada).await.unwrap();
        is_saved_whole(&world, &ada, &clear(&token)).await;
        let counts = world.sim.counts();
        assert_eq!((counts.refresh, counts.refresh_too_late), (1, 0));
    }

    async fn nothing_is_asked_of_an_old_token_while_a_newer_pair_is_in_hand(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        refuse_updates(&world, NEW_PAIRS).await;
        let token = world.token(&ada).await.unwrap();
        world.env.advance(MINUTE * 58);
        let wish = Wish { minimum: SECOND * 3_000, ..Wish::NOW };
        let again = serve(&world.services, &row(&world, &ada).await, wish).await.unwrap();
        assert_eq!(clear(&again), clear(&token));
        world.env.advance(MINUTE * 3);
        let err = world.token(&ada).await.unwrap_err();
        assert!(matches!(err, TokenError::NotSaved), "{err:?}");
        assert_eq!(world.sim.counts().token_requests, 2);
        take_updates(&world).await;
        world.tasks_done().await;
        // Saved although it has ended: its refresh token is what counts.
        let next = world.token(&ada).await.unwrap();
        assert!(clear(&next) != clear(&token));
        let counts = world.sim.counts();
        assert_eq!((counts.refresh, counts.refresh_reused, counts.refresh_refused), (2, 0, 0));
    }

    async fn a_check_that_fails_after_the_exchange_costs_nothing(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        // The list of sites, and the timeline of refreshes, fail right after it.
        world.sim.fault_always(Endpoint::Resources, Fault::Status(500));
        rename(&world, "refresh_events", "gone").await;
        let token = world.token(&ada).await.unwrap();
        is_saved_whole(&world, &ada, &clear(&token)).await;
        rename(&world, "gone", "refresh_events").await;
    }
}
