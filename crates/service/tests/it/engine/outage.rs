//! Atlassian is down, slow, garbled or rate-limited for hours: no connection is lost, few calls are made,
//! and all is well soon after.

use std::collections::BTreeMap;

use atlassian_sim::{Endpoint, Fault};
use domain::{
    credential::{Generation, RefreshOutcome, RevocationReason},
    state::ConnectionState,
};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use service::refresh::TokenError;
use store::Store;
use testkit::{
    db::TestDb,
    db_tests,
    world::{CLIENT_SECRET, SignedInAdmin, World},
};

use super::{HOUR, MINUTE, SECOND, clear, connected, row, stored};

/// So many teams, each connected a few minutes after the other.
async fn teams(world: &World, count: usize) -> Vec<SignedInAdmin> {
    let ada = world.admin("Ada", "Acme").await;
    let mut all = vec![ada.clone()];
    for number in 1..count {
        all.push(world.another_team(&ada, &format!("Team {number}")).await);
    }
    for admin in &all {
        world.connect(admin, "Sam One").await.unwrap();
        world.env.advance(MINUTE * 7);
    }
    all
}

/// How many calls were made in each hour.
type Calls = BTreeMap<i64, u64>;

/// The workers run for so long, a round each `step`.
async fn run(world: &World, how_long: SignedDuration, step: SignedDuration) -> Calls {
    let begun = world.now();
    let mut calls = Calls::new();
    while world.now().duration_since(begun) < how_long {
        let before = world.sim.counts().token_requests;
        world.refresh_due().await;
        let hour = world.now().duration_since(begun).as_hours();
        *calls.entry(hour).or_default() += world.sim.counts().token_requests - before;
        world.env.advance(step);
    }
    calls
}

async fn generations(world: &World, teams: &[SignedInAdmin]) -> Vec<Generation> {
    let mut all = Vec::new();
    for admin in teams {
        let credential = row(world, admin).await;
        assert!(credential.is_live(), "{:?}", credential.revocation_reason);
        all.push(credential.generation);
    }
    all
}

/// The outage is over: within a minute everybody has a new token, and the trouble is forgotten.
async fn all_are_well_within(world: &World, teams: &[SignedInAdmin], how_long: SignedDuration) {
    let before = generations(world, teams).await;
    world.sim.clear_faults();
    run(world, how_long, SECOND).await;
    let after = generations(world, teams).await;
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| before < after),
        "{before:?} {after:?}"
    );
    for admin in teams {
        assert_eq!(world.state(admin).await, ConnectionState::Connected);
        assert_eq!(
            clear(&world.token(admin).await.unwrap()),
            stored(world, admin).await
        );
        assert_eq!(row(world, admin).await.schedule.started_at, None);
    }
    assert_eq!(world.sim.counts().refresh_refused, 0);
}

/// Six connections, of which at first some still have a good token, for two hours.
async fn two_hours(world: &World, step: SignedDuration, faults: &[Fault]) {
    let teams = teams(world, 6).await;
    let before = generations(world, &teams).await;
    // Some hours each, one kind of trouble after the other.
    for fault in faults {
        world.sim.clear_faults();
        world.sim.fault_always(Endpoint::Token, fault.clone());
        let calls = run(world, HOUR * 2, step).await;
        // One that asks for all, and attempts to have a lost answer again, a few for each connection.
        let most = 90 * 2 + 10 * 6;
        assert!(calls.values().sum::<u64>() <= most, "{fault:?}: {calls:?}");
        assert!(
            calls[&1] >= 60,
            "{fault:?}: it is asked all the time: {calls:?}"
        );
        for admin in &teams {
            let err = world.token(admin).await.unwrap_err();
            assert!(
                matches!(
                    err,
                    TokenError::ProviderUnavailable {
                        retry_after: Some(_)
                    }
                ),
                "{err:?}"
            );
            assert_eq!(world.state(admin).await, ConnectionState::Waiting);
        }
    }
    let during = generations(world, &teams).await;
    // Who was refreshed before it began has a newer one.
    assert!(before <= during);
    all_are_well_within(world, &teams, MINUTE).await;
}

fn retry_after(status: u16, secs: &str) -> Fault {
    Fault::StatusWithRetryAfter(status, secs.to_owned())
}

#[tokio::test]
async fn two_hours_of_503_lose_nothing_on_sqlite() {
    let world = World::new(TestDb::sqlite().await).await;
    two_hours(&world, SECOND * 5, &[Fault::Status(503)]).await;
}

#[tokio::test]
async fn two_hours_of_503_lose_nothing_on_postgres() {
    let Some(db) = TestDb::postgres().await else {
        return;
    };
    let world = World::new(db).await;
    two_hours(&world, SECOND * 20, &[Fault::Status(503)]).await;
}

#[tokio::test]
async fn hours_of_garbled_answers_lose_nothing() {
    let world = World::new(TestDb::sqlite().await).await;
    two_hours(
        &world,
        SECOND * 10,
        &[
            Fault::HtmlWith200,
            Fault::DropBeforeRotation,
            Fault::Html(502),
        ],
    )
    .await;
}

#[tokio::test]
async fn hours_of_rate_limits_lose_nothing() {
    let world = World::new(TestDb::sqlite().await).await;
    let faults = [
        retry_after(429, "1"),
        retry_after(429, "Tue, 24 Nov 1998 10:01:00 GMT"),
        retry_after(429, "40"),
    ];
    two_hours(&world, SECOND * 10, &faults).await;
}

#[tokio::test]
async fn the_only_connection_asks_90_times_an_hour_at_most() {
    let world = World::new(TestDb::sqlite().await).await;
    let teams = teams(&world, 1).await;
    world.env.advance(HOUR);
    world.sim.fault_always(Endpoint::Token, Fault::Status(502));
    // Whoever asks meanwhile, a thousand times a minute, causes no call.
    let calls = {
        let mut calls = Calls::new();
        for minute in 0..120 {
            for _ in 0..20 {
                world.token(&teams[0]).await.unwrap_err();
            }
            for (_, made) in run(&world, MINUTE, SECOND * 5).await {
                *calls.entry(minute / 60).or_default() += made;
            }
        }
        calls
    };
    assert!(calls.values().all(|it| (60..=90).contains(it)), "{calls:?}");
    all_are_well_within(&world, &teams, MINUTE).await;
}

#[tokio::test]
async fn a_week_end_without_a_way_to_atlassian_loses_nothing() {
    let world = World::new(TestDb::sqlite().await).await;
    let teams = teams(&world, 4).await;
    let cut_off = world.process_cut_off();
    for _ in 0..60 {
        run(&cut_off, HOUR, SECOND * 45).await;
        generations(&world, &teams).await;
    }
    assert_eq!(cut_off.state(&teams[0]).await, ConnectionState::Waiting);
    all_are_well_within(&world, &teams, MINUTE).await;
}

#[tokio::test]
async fn a_week_end_of_every_kind_of_trouble_loses_nothing() {
    let world = World::new(TestDb::sqlite().await).await;
    let teams = teams(&world, 4).await;
    let faults = [
        Fault::Status(503),
        Fault::HtmlWith200,
        retry_after(429, "300"),
        Fault::Status(404),
        Fault::DropBeforeRotation,
        retry_after(503, "30"),
    ];
    let mut most = 0;
    for (_, fault) in (0..60).zip(faults.iter().cycle()) {
        world.sim.clear_faults();
        world.sim.fault_always(Endpoint::Token, fault.clone());
        let calls = run(&world, MINUTE * 12, SECOND * 20).await;
        most = most.max(calls[&0]);
        run(&world, MINUTE * 48, SECOND * 50).await;
        generations(&world, &teams).await;
    }
    assert!(most <= 18 + 10 * 4, "{most} in twelve minutes");
    all_are_well_within(&world, &teams, MINUTE * 2).await;
}

db_tests! {
    async fn one_that_fails_among_others_that_work_asks_seldom(db: TestDb) {
        let world = World::new(db).await;
        let teams = teams(&world, 3).await;
        let failing = row(&world, &teams[0]).await;
        let refresh_token = world.open_tokens(&failing).refresh;
        world.sim.fault_refreshes(refresh_token.expose_secret(), Fault::Status(500));
        let mut most = 0;
        // The others are in use.
        for _ in 0..4 {
            let before = (world.sim.counts(), generations(&world, &teams).await);
            for _ in 0..60 {
                for admin in &teams[1..] {
                    world.token(admin).await.unwrap();
                }
                run(&world, MINUTE, SECOND * 10).await;
            }
            let after = (world.sim.counts(), generations(&world, &teams).await);
            let good = after.1.iter().zip(&before.1).map(|(after, before)| u64::try_from(after.0 - before.0).unwrap()).sum::<u64>();
            most = most.max(after.0.token_requests - before.0.token_requests - good);
        }
        assert!((4..40).contains(&most), "{most}");
        let failed = row(&world, &teams[0]).await;
        assert_eq!((failed.generation, failed.last_outcome), (failing.generation, Some(RefreshOutcome::Ambiguous)));
        // It goes on by its own schedule, at most a quarter of an hour and what is watched before it.
        world.sim.clear_faults();
        run(&world, MINUTE * 20, SECOND * 10).await;
        assert!(row(&world, &teams[0]).await.generation > failing.generation);
    }

    async fn answers_lost_for_less_than_nine_minutes_are_had_again(db: TestDb) {
        let world = World::new(db).await;
        let teams = teams(&world, 3).await;
        world.env.advance(HOUR);
        world.sim.fault_always(Endpoint::Token, Fault::DropAfterRotation);
        run(&world, SECOND * 520, SECOND * 5).await;
        all_are_well_within(&world, &teams, MINUTE).await;
        assert!(world.sim.counts().refresh_reused > 0);
    }

    async fn answers_lost_for_longer_end_as_what_they_are(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world).await;
        world.env.advance(HOUR * 2);
        world.sim.fault_always(Endpoint::Token, Fault::DropAfterRotation);
        run(&world, MINUTE * 11, SECOND * 5).await;
        world.sim.clear_faults();
        run(&world, MINUTE * 2, SECOND * 5).await;
        let ended = row(&world, &ada).await;
        assert_eq!(ended.revocation_reason, Some(RevocationReason::RefreshInterrupted));
        assert_eq!(world.state(&ada).await, ConnectionState::ReconnectNeeded);
        // Once, and never again.
        let asked = world.sim.counts();
        run(&world, HOUR, MINUTE).await;
        assert_eq!(world.sim.counts(), asked);
    }

    async fn a_secret_that_is_wrong_for_a_day_costs_no_connection(db: TestDb) {
        let world = World::new(db).await;
        let teams = teams(&world, 4).await;
        // The same rows; rounds there take longer.
        let how_long = match &world.db.store {
            Store::Sqlite { .. } => HOUR * 24,
            Store::Postgres(_) => HOUR * 4,
        };
        world.sim.set_client_secret("rotated in the console".into());
        let calls = run(&world, how_long, SECOND * 50).await;
        assert!(calls.values().skip(1).all(|it| (60..=90).contains(it)), "{calls:?}");
        for admin in &teams {
            let credential = row(&world, admin).await;
            assert!(credential.is_live() && credential.schedule.started_at.is_none());
            assert_eq!(world.state(admin).await, ConnectionState::Misconfigured);
            let err = world.token(admin).await.unwrap_err();
            assert!(matches!(err, TokenError::Misconfigured { retry_after: Some(_) }), "{err:?}");
        }
        world.sim.set_client_secret(CLIENT_SECRET.into());
        all_are_well_within(&world, &teams, MINUTE).await;
    }
}
