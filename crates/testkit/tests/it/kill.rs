//! A process is killed at a step of its refresh, and another one goes on: nothing is lost, and Atlassian is
//! asked once more at most.

use std::time::{Duration, Instant};

use atlassian_sim::Endpoint;
use domain::credential::RevocationReason;
use service::refresh::Step;
use store::Store;
use testkit::{db::TestDb, db_tests};

use crate::{
    figures,
    proof::{ACCOUNT, Proof, exchanges},
    refresher::{Answer, Door, Refresher},
};

/// Where the holder is when it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// At a step of its own.
    At(Step),
    /// The request has arrived at Atlassian, and nothing was done about it.
    Sent,
    /// Atlassian has answered, and the answer was not read.
    Unread,
}

/// Has the token refreshed, and kills who does it on the way.
async fn kill_a_holder(proof: &Proof, point: Point) -> Instant {
    let hold = match point {
        Point::At(step) => Some(step),
        Point::Sent | Point::Unread => None,
    };
    let mut holder = proof.start(hold).await;
    let at_the_door = hold
        .is_none()
        .then(|| proof.world.sim.hold(Endpoint::Token));
    let before = proof.counts();
    let door = proof.door(&holder);
    let caller = tokio::spawn(async move { door.ask().await });
    match (hold, at_the_door) {
        (Some(step), _) => holder.reached(step).await,
        (None, Some(request)) => {
            request.reached().await;
            if point == Point::Unread {
                holder.pause();
                request.release();
                proof
                    .until_counts("the answer was sent", |it| it.refresh > before.refresh)
                    .await;
            }
        }
        (None, None) => {}
    }
    let killed_at = Instant::now();
    holder.kill();
    assert_eq!(caller.await.unwrap(), None);
    killed_at
}

/// Somebody else: on PostgreSQL a process that ran beside, on `SQLite` a new one.
struct Others(Option<Refresher>);

impl Others {
    async fn of(proof: &Proof) -> Self {
        let runs_beside = matches!(proof.world.db.store, Store::Postgres(_));
        Self(if runs_beside {
            Some(proof.start(None).await)
        } else {
            None
        })
    }

    /// Nobody but the holder begins a refresh.
    async fn stand_back(&mut self) {
        if let Some(beside) = &mut self.0 {
            beside.hold(Step::BeforeLease).await;
        }
    }

    /// Whoever is there now is asked for a token.
    async fn ask(&mut self, proof: &Proof) -> Option<Answer> {
        self.ask_by(proof, async |door| door.ask().await).await
    }

    /// The same, and then why there is none.
    async fn ask_and_ask_why(&mut self, proof: &Proof) -> (Option<Answer>, Option<Answer>) {
        self.ask_by(proof, async |door| (door.ask().await, door.reason().await))
            .await
    }

    async fn ask_by<T>(&mut self, proof: &Proof, ask: impl AsyncFnOnce(Door) -> T) -> T {
        if let Some(beside) = &mut self.0 {
            beside.go();
            return ask(proof.door(beside)).await;
        }
        let fresh = proof.start(None).await;
        ask(proof.door(&fresh)).await
    }
}

/// As many rounds as are wanted, at `points` in turns; each costs so many exchanges.
async fn kill_at(db: TestDb, what: &str, points: &[(Point, u64)]) {
    let kind = match db.store {
        Store::Sqlite { .. } => "SQLite",
        Store::Postgres(_) => "PostgreSQL",
    };
    let proof = Proof::new(db).await;
    let mut others = Others::of(&proof).await;
    let mut took: Vec<Duration> = Vec::new();
    let mut spent = 0;
    for &(point, expected) in points.iter().cycle().take(figures::rounds()) {
        others.stand_back().await;
        proof.expire().await;
        let before = proof.counts();
        let killed_at = kill_a_holder(&proof, point).await;
        let answer = others.ask(&proof).await;
        took.push(killed_at.elapsed());
        proof.is_whole(answer.as_ref()).await;
        let after = proof.counts();
        assert_eq!(exchanges(&before, &after), expected, "{point:?}");
        assert_eq!(after.refresh_refused, 0);
        spent = spent.max(expected);
    }
    figures::add(
        &format!("killed {what}, {kind}"),
        took.len(),
        &spent.to_string(),
        &mut took,
    );
}

/// Where a refresh token works once, an answer that was lost cannot be had again: it is told as what it is.
async fn kill_without_leeway(db: TestDb, points: &[Point]) {
    let proof = Proof::new(db).await;
    let mut switches = proof.world.sim.switches();
    switches.leeway_seconds = 0;
    proof.world.sim.set_switches(switches);
    let mut others = Others::of(&proof).await;
    for &point in points {
        others.stand_back().await;
        proof.expire().await;
        kill_a_holder(&proof, point).await;
        let (token, reason) = others.ask_and_ask_why(&proof).await;
        let told = |status, told: &str| {
            Some(Answer {
                status,
                told: told.to_owned(),
            })
        };
        assert_eq!(token, told(409, "connection_reconnect_needed"), "{point:?}");
        let interrupted = RevocationReason::RefreshInterrupted.as_str();
        assert_eq!(reason, told(200, interrupted), "{point:?}");
        // A person mends it, and the next one is interrupted.
        proof.world.connect(&proof.admin, ACCOUNT).await.unwrap();
    }
}

db_tests! {
    async fn killed_before_the_lease_a_refresh_is_made_by_another(db: TestDb) {
        kill_at(db, "before the lease", &[(Point::At(Step::BeforeLease), 1)]).await;
    }

    async fn killed_after_the_lease_a_refresh_is_made_by_another(db: TestDb) {
        kill_at(db, "after the lease", &[(Point::At(Step::Leased), 1)]).await;
    }

    async fn killed_after_the_request_was_sent_a_refresh_is_made_again(db: TestDb) {
        let points = [(Point::Unread, 2), (Point::Sent, 1)];
        kill_at(db, "after the request was sent", &points).await;
    }

    async fn killed_after_the_answer_came_a_refresh_is_made_again(db: TestDb) {
        kill_at(db, "after the answer came", &[(Point::At(Step::Answered), 2)]).await;
    }

    async fn killed_before_the_commit_a_refresh_is_made_again(db: TestDb) {
        kill_at(db, "before the commit", &[(Point::At(Step::BeforeCommit), 2)]).await;
    }

    async fn killed_after_the_commit_a_refresh_is_over(db: TestDb) {
        kill_at(db, "after the commit", &[(Point::At(Step::Committed), 1)]).await;
    }

    async fn without_leeway_a_lost_answer_is_told_as_an_interrupted_refresh(db: TestDb) {
        let lost = [
            Point::Unread,
            Point::At(Step::Answered),
            Point::At(Step::BeforeCommit),
        ];
        kill_without_leeway(db, &lost).await;
    }
}

/// On `SQLite` those who wait are in the process that dies.
#[tokio::test]
async fn two_hundred_who_wait_for_a_killed_holder_are_answered() {
    let Some(db) = TestDb::postgres().await else {
        return;
    };
    let proof = Proof::new(db).await;
    let mut beside = proof.start(Some(Step::BeforeLease)).await;
    proof.expire().await;
    let mut holder = proof.start(Some(Step::Answered)).await;
    let door = proof.door(&holder);
    let first = tokio::spawn(async move { door.ask().await });
    holder.reached(Step::Answered).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let door = proof.door(&beside);
        waiting.spawn(async move { door.ask().await });
    }
    // They wait, for whoever holds the lease.
    beside.reached(Step::BeforeLease).await;
    beside.go();
    let killed_at = Instant::now();
    holder.kill();
    let answers = waiting.join_all().await;
    let mut took = [killed_at.elapsed()];
    assert_eq!(first.await.unwrap(), None);
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    proof.is_whole(answers[0].as_ref()).await;
    assert!(
        took[0] < Duration::from_secs(10),
        "they waited for {took:?}"
    );
    figures::add(
        "killed holder, 200 wait elsewhere, PostgreSQL",
        1,
        "2",
        &mut took,
    );
}
