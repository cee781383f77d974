//! What belongs to the installation as a whole.

use testkit::db_tests;

use crate::rows::{at, read, sealed, write};

db_tests! {
    async fn a_store_has_one_canary_and_keeps_the_first(db: TestDb) {
        assert_eq!(read(&db, async |tx| tx.find_canary().await).await, None);
        assert!(write(&db, async |tx| tx.add_canary(&sealed("first"), at(0)).await).await);
        assert!(!write(&db, async |tx| tx.add_canary(&sealed("second"), at(1)).await).await);
        assert_eq!(read(&db, async |tx| tx.find_canary().await).await, Some(sealed("first")));
    }

    async fn of_two_processes_that_start_together_one_adds_the_canary(db: TestDb) {
        let (one, two) = (sealed("one"), sealed("two"));
        let added = tokio::join!(
            write(&db, async |tx| tx.add_canary(&one, at(0)).await),
            write(&db, async |tx| tx.add_canary(&two, at(0)).await),
        );
        assert!(added.0 != added.1, "{added:?}");
        let kept = read(&db, async |tx| tx.find_canary().await).await;
        assert_eq!(kept, Some(if added.0 { one } else { two }));
    }
}
