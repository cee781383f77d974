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

    async fn a_store_remembers_as_what_it_was_served_and_that_it_is_a_copy(db: TestDb) {
        let none = store::Served::default();
        assert_eq!(read(&db, async |tx| tx.find_served().await).await, none);
        assert!(!write(&db, async |tx| tx.set_served("https://a", None, at(0)).await).await);
        write(&db, async |tx| tx.add_canary(&sealed("canary"), at(0)).await).await;
        assert_eq!(read(&db, async |tx| tx.find_served().await).await, none);
        assert!(write(&db, async |tx| tx.set_served("https://a", Some("id"), at(0)).await).await);
        assert!(write(&db, async |tx| tx.set_copied(at(1)).await).await);
        let served = read(&db, async |tx| tx.find_served().await).await;
        assert_eq!((served.client_id.as_deref(), served.copied_at), (Some("id"), Some(at(1))));
        assert!(write(&db, async |tx| tx.set_served("https://b", None, at(2)).await).await);
        let served = read(&db, async |tx| tx.find_served().await).await;
        assert_eq!(served.base_url.as_deref(), Some("https://b"));
        assert_eq!((served.client_id.as_deref(), served.copied_at), (Some("id"), None));
    }

    async fn the_databases_clock_goes_and_a_store_can_be_written(db: TestDb) {
        let one = read(&db, async |tx| tx.find_clock().await).await;
        let two = read(&db, async |tx| tx.find_clock().await).await;
        assert!(one.as_millisecond() > 1_700_000_000_000 && two >= one);
        write(&db, async |tx| tx.set_unchanged().await).await;
    }

    async fn a_copy_holds_what_was_there_and_is_whole(db: TestDb) {
        write(&db, async |tx| tx.add_canary(&sealed("canary"), at(0)).await).await;
        assert_eq!(db.store.list_damage().await.unwrap(), Vec::<String>::new());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.db");
        let is_made = db.store.copy_into(path.to_str().unwrap()).await.unwrap();
        assert_eq!(is_made, matches!(db.store, store::Store::Sqlite { .. }));
        if is_made {
            let copy = store::Store::open(&format!("sqlite://{}", path.display())).await.unwrap();
            let mut tx = copy.read().await.unwrap();
            assert_eq!(tx.find_canary().await.unwrap(), Some(sealed("canary")));
        }
    }
}
