//! A thousand callers and one expired token: Atlassian is asked once, and everybody gets the new token.

use std::time::{Duration, Instant};

use atlassian_sim::{Endpoint, Fault};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testkit::{db::TestDb, db_tests};
use tokio::task::JoinSet;

use crate::{
    figures,
    proof::{Proof, exchanges},
};

const CALLERS: usize = 1_000;

/// Longer than a holder among so many callers may be kept from its next sign of life.
const LEASE: Duration = Duration::from_secs(3);

/// Each caller has a connection of its own, here and in the child, which inherits this.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(4_096, |it| it.min(4_096));
    if limit.current.is_some_and(|it| it < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
    }
}

/// All callers at once, spread over the processes: three on PostgreSQL, one on `SQLite`.
async fn storm(db: TestDb, delay: Duration) {
    allow_many_files();
    let (kind, processes) = if db.url.starts_with("sqlite") {
        ("SQLite, 1 process", 1)
    } else {
        ("PostgreSQL, 3 processes", 3)
    };
    let proof = Proof::new(db).await.with_lease(LEASE);
    let mut children = Vec::new();
    for _ in 0..processes {
        children.push(proof.start(None).await);
    }
    if !delay.is_zero() {
        let millis = u64::try_from(delay.as_millis()).unwrap();
        let slow = Fault::DelayMillis(millis);
        proof.world.sim.fault_always(Endpoint::Token, slow);
    }
    proof.expire().await;
    let before = proof.counts();
    let mut callers = JoinSet::new();
    for child in children.iter().cycle().take(CALLERS) {
        let door = proof.door(child);
        callers.spawn(async move {
            let begun = Instant::now();
            (door.ask().await, begun.elapsed())
        });
    }
    let (answers, mut took): (Vec<_>, Vec<_>) = callers.join_all().await.into_iter().unzip();
    let after = proof.counts();
    assert_eq!(after.token_requests - before.token_requests, 1);
    assert_eq!(exchanges(&before, &after), 1);
    assert_eq!(answers.len(), CALLERS);
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    proof.is_whole(answers[0].as_ref()).await;
    proof.world.sim.clear_faults();
    let what = format!(
        "storm, {kind}, Atlassian answers after {} ms",
        delay.as_millis()
    );
    figures::add(&what, CALLERS, "1", &mut took);
}

db_tests! {
    async fn a_thousand_callers_cause_one_exchange(db: TestDb) {
        storm(db, Duration::ZERO).await;
    }

    async fn a_thousand_callers_wait_for_one_slow_exchange(db: TestDb) {
        storm(db, Duration::from_millis(200)).await;
    }

    async fn an_exchange_longer_than_the_lease_is_made_once_for_a_thousand_callers(db: TestDb) {
        storm(db, LEASE + Duration::from_secs(1)).await;
    }
}
