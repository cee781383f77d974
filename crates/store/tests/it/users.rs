//! People who sign in.

use domain::text::EmailAddress;
use testkit::db_tests;

use crate::rows::{read, user, write};

db_tests! {
    async fn a_person_is_found_by_the_address_with_the_hash_of_the_password(db: TestDb) {
        assert!(write(&db, async |tx| tx.add_user(&user(1), "hash one").await).await);
        assert!(write(&db, async |tx| tx.add_user(&user(2), "hash two").await).await);
        let found = read(&db, async |tx| tx.find_user_for_sign_in(&user(1).email).await).await;
        assert_eq!(found, Some((user(1), "hash one".to_owned())));
        let nobody = EmailAddress::parse("person-@example.com").unwrap();
        assert_eq!(read(&db, async |tx| tx.find_user_for_sign_in(&nobody).await).await, None);
    }

    async fn an_address_has_one_account_and_the_first_stays_as_it_is(db: TestDb) {
        write(&db, async |tx| tx.add_user(&user(1), "hash one").await).await;
        let mut again = user(2);
        again.email = user(1).email;
        assert!(!write(&db, async |tx| tx.add_user(&again, "hash two").await).await);
        let found = read(&db, async |tx| tx.find_user_for_sign_in(&user(1).email).await).await;
        assert_eq!(found, Some((user(1), "hash one".to_owned())));
    }
}
