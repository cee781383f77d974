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

    async fn the_canary_is_replaced_where_it_is_still_the_one_that_was_read(db: TestDb) {
        let (old, new) = (sealed("old"), sealed("new"));
        write(&db, async |tx| tx.add_canary(&old, at(0)).await).await;
        assert!(write(&db, async |tx| tx.replace_canary(&old, &new, at(1)).await).await);
        assert!(!write(&db, async |tx| tx.replace_canary(&old, &sealed("late"), at(2)).await).await);
        assert_eq!(read(&db, async |tx| tx.find_canary().await).await, Some(new));
    }

    async fn each_key_has_one_canary_until_it_is_forgotten(db: TestDb) {
        for (key, canary) in [("b", "first"), ("a", "other"), ("b", "second")] {
            write(&db, async |tx| tx.add_key_canary(key, &sealed(canary), at(0)).await).await;
        }
        let all = read(&db, async |tx| tx.list_key_canaries().await).await;
        assert_eq!(all, [("a".to_owned(), sealed("other")), ("b".to_owned(), sealed("first"))]);
        assert!(write(&db, async |tx| tx.remove_key_canary("b").await).await);
        assert!(!write(&db, async |tx| tx.remove_key_canary("b").await).await);
        assert_eq!(read(&db, async |tx| tx.list_key_canaries().await).await.len(), 1);
    }
}
