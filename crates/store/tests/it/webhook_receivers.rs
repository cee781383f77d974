//! How receivers of webhooks answer.

use store::ReceiverHealth;
use testkit::db_tests;

use crate::rows::{at, read, write};

db_tests! {
    async fn a_receiver_fails_since_its_first_failure_until_it_takes_something(db: TestDb) {
        let (one, two) = ([1; 32], [2; 32]);
        let find = async |hash: [u8; 32]| read(&db, async |tx| tx.find_receiver_health(&hash).await).await;
        assert_eq!(find(one).await, ReceiverHealth::default());
        for minute in [1, 2] {
            let health = write(&db, async |tx| tx.set_receiver_fails(&one, at(minute)).await).await;
            assert_eq!(health.failing_since, Some(at(1)));
        }
        write(&db, async |tx| tx.set_receiver_works(&one, at(3)).await).await;
        let works = ReceiverHealth { last_success_at: Some(at(3)), ..ReceiverHealth::default() };
        assert_eq!(find(one).await, works);
        write(&db, async |tx| tx.set_receiver_fails(&one, at(4)).await).await;
        assert_eq!(find(one).await, ReceiverHealth { failing_since: Some(at(4)), ..works });
        assert_eq!(find(two).await, ReceiverHealth::default());
    }

    async fn a_receiver_is_switched_off_once_and_on_again_afresh(db: TestDb) {
        let hash = [1; 32];
        let find = async || read(&db, async |tx| tx.find_receiver_health(&hash).await).await;
        let disable = async |minute| write(&db, async |tx| tx.disable_receiver(&hash, "failing", at(minute)).await).await;
        assert!(!disable(0).await);
        write(&db, async |tx| tx.set_receiver_fails(&hash, at(1)).await).await;
        assert!(disable(2).await && !disable(3).await);
        assert_eq!(find().await.disabled_at, Some(at(2)));
        let enable = async || write(&db, async |tx| tx.enable_receiver(&hash, at(4)).await).await;
        assert!(enable().await && !enable().await);
        assert_eq!(find().await, ReceiverHealth::default());
    }
}
