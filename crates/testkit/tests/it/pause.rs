//! A process is stopped in the middle of a refresh and wakes up later: no old token is sent late, and no good
//! pair is thrown away.

use service::refresh::Step;
use testkit::{db::TestDb, db_tests};
use tokio::task::JoinHandle;

use crate::{
    proof::{Proof, exchanges},
    refresher::{Answer, Refresher},
};

/// A holder that was stopped at a step, and who waits for it.
struct Paused {
    holder: Refresher,
    caller: JoinHandle<Option<Answer>>,
}

impl Paused {
    async fn at(proof: &Proof, step: Step) -> Self {
        let mut holder = proof.start(Some(step)).await;
        let door = proof.door(&holder);
        let caller = tokio::spawn(async move { door.ask().await });
        holder.reached(step).await;
        holder.pause();
        Self { holder, caller }
    }

    /// Wakes it up and waits for the answer of its caller.
    async fn goes_on(mut self) -> Option<Answer> {
        self.holder.go();
        self.holder.wake_up();
        self.caller.await.unwrap()
    }
}

/// Only PostgreSQL has other processes beside the one that is stopped.
async fn with_other_processes() -> Option<Proof> {
    let db = TestDb::postgres().await?;
    Some(Proof::new(db).await)
}

#[tokio::test]
async fn paused_before_it_sends_a_holder_does_not_send_late() {
    let Some(proof) = with_other_processes().await else {
        return;
    };
    let mut other = proof.start(Some(Step::BeforeLease)).await;
    proof.expire().await;
    let before = proof.counts();
    let paused = Paused::at(&proof, Step::BeforeSend).await;
    other.go();
    let answer = proof.door(&other).ask().await;
    proof.is_whole(answer.as_ref()).await;
    let late = paused.goes_on().await;
    proof.is_whole(late.as_ref()).await;
    let after = proof.counts();
    assert_eq!(after.token_requests - before.token_requests, 1);
    assert_eq!(exchanges(&before, &after), 1);
}

#[tokio::test]
async fn paused_after_the_answer_a_holder_leaves_the_newer_pair_alone() {
    let Some(proof) = with_other_processes().await else {
        return;
    };
    let mut other = proof.start(Some(Step::BeforeLease)).await;
    proof.expire().await;
    let before = proof.counts();
    let paused = Paused::at(&proof, Step::Answered).await;
    other.go();
    let answer = proof.door(&other).ask().await;
    proof.is_whole(answer.as_ref()).await;
    let late = paused.goes_on().await;
    proof.is_whole(late.as_ref()).await;
    let after = proof.counts();
    assert_eq!(after.token_requests - before.token_requests, 2);
    assert_eq!(after.refresh_reused - before.refresh_reused, 1);
}

#[tokio::test]
async fn paused_after_the_answer_a_holder_beats_who_has_its_lease_and_has_not_sent() {
    let Some(proof) = with_other_processes().await else {
        return;
    };
    let mut other = proof.start(Some(Step::BeforeLease)).await;
    proof.expire().await;
    let before = proof.counts();
    let paused = Paused::at(&proof, Step::Answered).await;
    other.hold(Step::BeforeSend).await;
    let door = proof.door(&other);
    let waiting = tokio::spawn(async move { door.ask().await });
    other.reached(Step::BeforeSend).await;
    other.pause();
    // When it wakes up, its lease is stale.
    proof.lease_has_lapsed().await;
    let late = paused.goes_on().await;
    proof.is_whole(late.as_ref()).await;
    other.go();
    other.wake_up();
    proof.is_whole(waiting.await.unwrap().as_ref()).await;
    assert_eq!(exchanges(&before, &proof.counts()), 1);
}

db_tests! {
    async fn paused_before_it_sends_a_holder_alone_takes_its_lease_again(db: TestDb) {
        let proof = Proof::new(db).await;
        proof.expire().await;
        let before = proof.counts();
        let paused = Paused::at(&proof, Step::BeforeSend).await;
        proof.lease_has_lapsed().await;
        let late = paused.goes_on().await;
        proof.is_whole(late.as_ref()).await;
        let after = proof.counts();
        assert_eq!(after.token_requests - before.token_requests, 1);
    }

    async fn paused_after_the_answer_a_holder_saves_its_pair_although_its_lease_lapsed(db: TestDb) {
        let proof = Proof::new(db).await;
        proof.expire().await;
        let before = proof.counts();
        let paused = Paused::at(&proof, Step::Answered).await;
        proof.lease_has_lapsed().await;
        let late = paused.goes_on().await;
        proof.is_whole(late.as_ref()).await;
        assert_eq!(exchanges(&before, &proof.counts()), 1);
    }
}
