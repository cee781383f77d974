//! A key that is revoked in one process ends in the others with their next call.

use std::time::{Duration, Instant};

use testkit::db_tests;
use tokio::sync::mpsc;

use crate::proof::Proof;

/// So soon a running client is stopped, at the latest.
const SOON: Duration = Duration::from_secs(1);

/// So many tokens a client gets before its key is revoked.
const TOKENS: usize = 20;

db_tests! {
    async fn a_revoked_key_stops_a_running_client_of_another_process(db: TestDb) {
        let proof = Proof::new(db).await;
        let other = proof.start(None).await;
        let door = proof.door(&other);
        let (served, mut servings) = mpsc::unbounded_channel();
        let client = tokio::spawn(async move {
            loop {
                let asked = Instant::now();
                let answer = door.ask().await.unwrap();
                if answer.status != 200 {
                    return (answer, Instant::now());
                }
                served.send(asked).unwrap();
            }
        });
        for _ in 0..TOKENS {
            servings.recv().await.unwrap();
        }
        proof.revoke_key().await;
        let revoked = Instant::now();
        let (answer, stopped) = client.await.unwrap();
        assert_eq!((answer.status, answer.told.as_str()), (401, "key_revoked"));
        assert!(stopped.duration_since(revoked) < SOON, "{:?}", stopped - revoked);
        while let Some(asked) = servings.recv().await {
            assert!(asked < revoked, "a call was served that began after the key had ended");
        }
    }
}
