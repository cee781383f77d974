//! Tokens that somebody says are refused, and tokens that shall last longer: how little that costs.

use atlassian_sim::{Endpoint, Fault};
use domain::credential::IntegrationCredential;
use jiff::Timestamp;
use service::refresh::{Caveat, TokenError, ValidToken, Wish, replace_rejected, serve};
use testkit::{
    db_tests,
    world::{SignedInAdmin, World},
};

use super::{MINUTE, SECOND, clear, connected, expired, row};

/// As a service does that was answered 401 with what it was given last.
async fn reject(
    world: &World,
    credential: &IntegrationCredential,
    token: &ValidToken,
) -> Result<ValidToken, TokenError> {
    let rejected = (token.credential, token.generation);
    replace_rejected(&world.services, credential, rejected, Wish::NOW).await
}

/// Fifty at once.
async fn reject_by_all(
    world: &World,
    admin: &SignedInAdmin,
    token: &ValidToken,
) -> Vec<ValidToken> {
    let credential = row(world, admin).await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (world, credential, token) = (world.clone(), credential.clone(), token.clone());
        callers.spawn(async move { reject(&world, &credential, &token).await.unwrap() });
    }
    callers.join_all().await
}

fn caveats(tokens: &[ValidToken]) -> Vec<Option<Caveat>> {
    let mut all: Vec<_> = tokens.iter().map(|it| it.caveat).collect();
    all.dedup();
    all
}

db_tests! {
    async fn a_token_that_works_is_not_spent_whoever_says_that_it_is_refused(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world).await;
        let token = world.token(&ada).await.unwrap();
        let before = world.sim.counts();
        let answers = reject_by_all(&world, &ada, &token).await;
        assert!(answers.iter().all(|it| clear(it) == clear(&token)));
        assert_eq!(caveats(&answers), [Some(Caveat::TokenWorks)]);
        reject_by_all(&world, &ada, &token).await;
        let after = world.sim.counts();
        assert_eq!(after.resources - before.resources, 1, "the proof is kept for a while");
        assert_eq!(after.token_requests, before.token_requests);
    }

    async fn fifty_who_report_the_same_token_cause_one_refresh(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world).await;
        let token = world.token(&ada).await.unwrap();
        world.sim.fault_always(Endpoint::Resources, Fault::Status(401));
        let answers = reject_by_all(&world, &ada, &token).await;
        assert_eq!(world.sim.counts().refresh, 1);
        let new = world.token(&ada).await.unwrap();
        assert!(clear(&new) != clear(&token));
        assert!(answers.iter().all(|it| clear(it) == clear(&new)), "all have the new one");
        // Who is late with the old one has the new one for nothing.
        world.env.advance(MINUTE);
        let late = reject(&world, &row(&world, &ada).await, &token).await.unwrap();
        assert_eq!((clear(&late), world.sim.counts().refresh), (clear(&new), 1));
    }

    async fn a_gateway_that_refuses_everybody_costs_a_refresh_in_30_seconds(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world).await;
        let other = world.another_process(testkit::world::key_ring("tests", 1));
        world.sim.fault_always(Endpoint::Resources, Fault::Status(401));
        let mut token = world.token(&ada).await.unwrap();
        let mut refreshed_at: Vec<Timestamp> = Vec::new();
        for second in 0..600 {
            let counted = world.sim.counts().refresh;
            // By turns through either process.
            let process = if second % 2 == 0 { &world } else { &other };
            let credential = row(&world, &ada).await;
            token = reject(process, &credential, &token).await.unwrap();
            if world.sim.counts().refresh > counted {
                refreshed_at.push(world.now());
            }
            world.env.advance(SECOND);
        }
        assert!(refreshed_at.len() >= 10, "it goes on: {}", refreshed_at.len());
        let distances = refreshed_at.windows(2).map(|it| it[1].duration_since(it[0]));
        assert!(distances.clone().all(|it| it >= SECOND * 30), "{:?}", distances.collect::<Vec<_>>());
        assert!(row(&world, &ada).await.is_live());
    }

    async fn a_gateway_that_cannot_be_asked_costs_nothing(db: TestDb) {
        let world = World::new(db).await;
        let ada = connected(&world).await;
        let token = world.token(&ada).await.unwrap();
        for fault in [Fault::Status(503), Fault::HtmlWith200, Fault::Status(429), Fault::DropBeforeRotation] {
            world.sim.fault(Endpoint::Resources, fault);
            let answer = reject(&world, &row(&world, &ada).await, &token).await.unwrap();
            assert_eq!((clear(&answer), answer.caveat), (clear(&token), Some(Caveat::RefusedAgain)));
        }
        assert_eq!(world.sim.counts().refresh, 0);
    }

    async fn who_wants_more_than_there_is_causes_one_refresh_in_ten_minutes(db: TestDb) {
        let world = World::new(db).await;
        let mut switches = world.sim.switches();
        switches.access_token_seconds = 1_200;
        world.sim.set_switches(switches);
        let ada = expired(&world).await;
        world.token(&ada).await.unwrap();
        let wish = Wish { minimum: SECOND * 3_000, ..Wish::NOW };
        let mut refreshed_at: Vec<Timestamp> = Vec::new();
        for _ in 0..180 {
            world.env.advance(SECOND * 10);
            let counted = world.sim.counts().refresh;
            let mut callers = tokio::task::JoinSet::new();
            for _ in 0..5 {
                let (world, credential) = (world.clone(), row(&world, &ada).await);
                callers.spawn(async move { serve(&world.services, &credential, wish).await.unwrap() });
            }
            let answers = callers.join_all().await;
            assert_eq!(caveats(&answers), [Some(Caveat::MinimumNotMet)]);
            let caused = world.sim.counts().refresh - counted;
            assert!(caused <= 1, "never a second one for the same wish");
            if caused == 1 {
                refreshed_at.push(world.now());
            }
        }
        assert!((2..=3).contains(&refreshed_at.len()), "{refreshed_at:?}");
        let mut distances = refreshed_at.windows(2).map(|it| it[1].duration_since(it[0]));
        assert!(distances.all(|it| it >= MINUTE * 10), "{refreshed_at:?}");
    }
}
