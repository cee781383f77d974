//! Grants that have ended: what they cost, what is said of them, and what is not taken for their end.

use atlassian_sim::{DeadGrant, Endpoint, Fault};
use domain::{
    credential::RevocationReason,
    state::{ConnectionState, Reason},
};
use service::refresh::{RefreshSettings, Step, TokenError};
use testkit::{
    db_tests,
    process::Process,
    world::{SignedInAdmin, World},
};

use super::{
    HOUR, MINUTE, SECOND, ask, ask_for_a_minute, clear, connected, expired, lapse_leases, stored,
};

async fn is_dead(world: &World, admin: &SignedInAdmin) -> Option<RevocationReason> {
    let overview = service::overview::jira(&world.services, admin)
        .await
        .unwrap();
    match overview.assessment.reason {
        Some(Reason::Grant(reason)) => Some(reason),
        _ => None,
    }
}

/// Atlassian forgives a token that comes again too late, and refuses it all the same.
fn forgive_reuse(world: &World) {
    let mut switches = world.sim.switches();
    switches.reuse_revokes_family = false;
    world.sim.set_switches(switches);
}

db_tests! {
    async fn a_dead_grant_costs_no_call_for_a_thousand_reads(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world).await;
        world.env.advance(MINUTE * 57);
        world.sim.revoke_grants_of("Sam One");
        // Its access token is good for three more minutes, and is not served when the grant has ended.
        world.token(&ada).await.unwrap();
        world.tasks_done().await;
        assert_eq!(is_dead(&world, &ada).await, Some(RevocationReason::GrantRevoked));
        let before = world.sim.counts();
        for round in 0..100 {
            let callers: Vec<_> = (0..10).map(|_| ask(&world, &ada)).collect();
            for caller in callers {
                let err = caller.await.unwrap().unwrap_err();
                assert!(matches!(err, TokenError::NoConnection(ConnectionState::ReconnectNeeded)), "{err:?}");
            }
            if round % 10 == 0 {
                world.refresh_due().await;
                world.env.advance(MINUTE * 7);
            }
        }
        assert_eq!(world.sim.counts(), before);
        assert_eq!(world.state(&ada).await, ConnectionState::ReconnectNeeded);
    }

    async fn every_spelling_of_an_ended_grant_is_understood(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world).await;
        for spelling in [DeadGrant::UnauthorizedClient, DeadGrant::InvalidGrant, DeadGrant::ExpiredOrRevoked, DeadGrant::GloballyRevoked] {
            world.connect(&ada, "Sam One").await.unwrap();
            assert_eq!(world.state(&ada).await, ConnectionState::Connected);
            let mut switches = world.sim.switches();
            switches.dead_grant = spelling;
            world.sim.set_switches(switches);
            world.env.advance(HOUR * 2);
            world.sim.revoke_grants_of("Sam One");
            world.token(&ada).await.unwrap_err();
            assert_eq!(is_dead(&world, &ada).await, Some(RevocationReason::GrantRevoked), "{spelling:?}");
        }
    }

    async fn a_grant_that_was_idle_for_too_long_is_said_to_have_been(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world).await;
        // The server was off.
        world.env.advance(HOUR * 24 * 91);
        world.token(&ada).await.unwrap_err();
        assert_eq!(is_dead(&world, &ada).await, Some(RevocationReason::GrantIdleExpired));
    }

    async fn a_consent_that_has_ended_is_said_to_have(db: TestDb) {
        let world = World::new(db).await;
        let mut switches = world.sim.switches();
        switches.absolute_life_days = 365;
        world.sim.set_switches(switches);
        let ada = connected(&world).await;
        for _ in 0..12 {
            world.env.advance(HOUR * 24 * 30);
            assert_eq!(world.refresh_due().await.refreshed, 1);
        }
        assert_eq!(is_dead(&world, &ada).await, None);
        world.env.advance(HOUR * 24 * 6);
        assert_eq!(world.refresh_due().await.failed, 1);
        assert_eq!(is_dead(&world, &ada).await, Some(RevocationReason::GrantConsentEnded));
    }

    async fn an_answer_that_was_lost_for_too_long_is_no_revocation(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        world.sim.fault(Endpoint::Token, Fault::DropAfterRotation);
        world.token(&ada).await.unwrap_err();
        // Nobody was there in time.
        world.env.advance(MINUTE * 11);
        let counted = world.sim.counts().token_requests;
        for _ in 0..12 {
            world.refresh_due().await;
            assert_eq!(world.sim.counts().token_requests, counted, "the store has not been seen to stand for a minute");
            world.env.advance(SECOND * 5);
        }
        // The only connection, so it asks for all every 45 seconds.
        for _ in 0..10 {
            world.refresh_due().await;
            world.env.advance(SECOND * 5);
        }
        assert_eq!(world.sim.counts().token_requests, counted + 1);
        assert_eq!(is_dead(&world, &ada).await, Some(RevocationReason::RefreshInterrupted));
        let asked = world.sim.counts();
        world.token(&ada).await.unwrap_err();
        assert_eq!(world.sim.counts(), asked);
    }

    async fn who_is_refused_after_another_has_won_has_the_winners_token(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        forgive_reuse(&world);
        // One request is on its way for so long that another process takes over, within the leeway.
        let held = world.sim.hold(Endpoint::Token);
        let loser = ask(&world, &ada);
        held.reached().await;
        lapse_leases(&world).await;
        let other = world.another_process(testkit::world::key_ring("tests", 1));
        let won = other.token(&ada).await.unwrap();
        world.env.advance(MINUTE * 11);
        held.release();
        let lost = loser.await.unwrap().unwrap();
        assert_eq!(world.sim.counts().refresh_refused, 1, "it was refused");
        assert_eq!(clear(&lost), clear(&won));
        assert_eq!(is_dead(&world, &ada).await, None);
        assert_eq!(world.state(&ada).await, ConnectionState::Connected);
    }

    async fn a_pair_that_is_saved_after_the_mark_brings_the_grant_back(db: TestDb) {
        let world = World::new(db).await;
        let ada = expired(&world).await;
        forgive_reuse(&world);
        let stopped = Process::start(&world, RefreshSettings::default()).await;
        stopped.stop_at(Step::Answered);
        let admin = ada.clone();
        let caller = stopped.spawn(|it| async move { it.token(&admin).await });
        stopped.stopped().await;
        lapse_leases(&world).await;
        world.env.advance(MINUTE * 11);
        ask_for_a_minute(&world, &ada).await;
        world.token(&ada).await.unwrap_err();
        assert_eq!(is_dead(&world, &ada).await, Some(RevocationReason::RefreshInterrupted));
        stopped.go_on();
        let token = caller.await.unwrap().unwrap();
        assert_eq!(is_dead(&world, &ada).await, None);
        assert_eq!(clear(&token), stored(&world, &ada).await);
        assert_eq!(world.state(&ada).await, ConnectionState::Connected);
        assert_eq!(clear(&world.token(&ada).await.unwrap()), clear(&token));
    }
}
