//! A simulator that goes on from where another one ended.

use std::sync::Arc;

use atlassian_sim::{ShiftedEnv, Sim, SimError, SimOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};
use testkit::env::TestEnv;

use crate::support::{CALLBACK, CLIENT_ID, Local, SAM, SECRET, pair_of};

#[tokio::test]
async fn tokens_grants_switches_and_the_clock_outlive_a_restart() {
    let before = Local::start().await;
    let first = before.pair(SAM).await;
    before.switch(json!({ "dead_grant": "invalid_grant" }));
    before.advance(SignedDuration::from_mins(5)).await;
    let second = pair_of(&before.refresh(&first.refresh).await);
    let saved = before.sim.state().save();
    before.sim.stop().await;
    let after = Local::start_from(Some(saved)).await;
    assert_eq!(after.sim.state().switches(), before.sim.state().switches());
    assert_eq!(after.sim.state().counts(), before.sim.state().counts());
    assert_eq!(after.sim.state().secrets(), before.sim.state().secrets());
    assert_eq!(after.myself(&second.access, SAM).await.status, 200);
    after.advance(SignedDuration::from_mins(9)).await;
    pair_of(&after.refresh(&first.refresh).await);
    after.advance(SignedDuration::from_mins(1)).await;
    let dead = after.refresh(&first.refresh).await;
    assert_eq!(
        (dead.status, &dead.json()["error"]),
        (403, &json!("invalid_grant"))
    );
    assert_eq!(
        after.refresh(&second.refresh).await.status,
        403,
        "the family is known"
    );
}

async fn start(saved: Value) -> Result<Sim, SimError> {
    let clock = Arc::new(ShiftedEnv::new(Arc::new(TestEnv::new(1))));
    let options = SimOptions {
        saved: Some(saved),
        ..SimOptions::new(CLIENT_ID, SECRET.into(), CALLBACK.parse().unwrap())
    };
    Sim::start(clock, options).await
}

#[tokio::test]
async fn what_is_no_saved_state_is_refused() {
    for wrong in [
        json!(null),
        json!({}),
        json!([1]),
        json!({ "version": 1, "shift_millis": 0, "kept": {} }),
    ] {
        assert!(matches!(
            start(wrong).await.unwrap_err(),
            SimError::Saved(_)
        ));
    }
    let mut saved = Local::start().await.sim.state().save();
    saved["version"] = json!(99);
    let err = start(saved).await.unwrap_err();
    assert_eq!(
        err.to_string(),
        "what was saved has form 99, and this simulator reads 1"
    );
}
