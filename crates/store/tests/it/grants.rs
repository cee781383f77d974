//! Whether anything else rests on a person's grant at Atlassian.

use domain::text::AccountId;
use testkit::db_tests;

use crate::rows::{
    JIRA, at, attempt, attempt_id, credential, grant, read, team_id, two_teams, user_id, write,
};

db_tests! {
    async fn a_grant_is_shared_by_credentials_of_the_same_or_an_unknown_account(db: TestDb) {
        two_teams(&db).await;
        let mut other = credential(2);
        write(&db, async |tx| tx.add_credential(&credential(1), at(0)).await).await;
        let shared = async || {
            let account = credential(1).account_id.unwrap();
            read(&db, async |tx| tx.is_grant_shared(credential(1).id, &account, at(10)).await).await
        };
        assert!(!shared().await, "its own credential does not count");
        other.account_id = Some(AccountId::parse("712020:other").unwrap());
        write(&db, async |tx| tx.add_credential(&other, at(0)).await).await;
        assert!(!shared().await, "another account");
        for (account, expected) in [(None, true), (credential(1).account_id, true)] {
            let before = other.generation;
            other.account_id = account;
            other.generation = before.next();
            assert!(write(&db, async |tx| tx.replace_grant(&other, before, at(1)).await).await);
            assert_eq!(shared().await, expected);
        }
        write(&db, async |tx| tx.empty_credential(team_id(2), other.id, user_id(2), at(2)).await).await;
        assert!(!shared().await, "disconnected");
    }

    async fn a_sign_in_that_is_not_finished_may_be_of_any_account(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_credential(&credential(1), at(0)).await).await;
        let shared = async |now| {
            let account = credential(1).account_id.unwrap();
            read(&db, async |tx| tx.is_grant_shared(credential(1).id, &account, at(now)).await).await
        };
        write(&db, async |tx| tx.add_attempt(&attempt(1, 2, 0)).await).await;
        assert!(!shared(1).await, "it has not come back");
        assert!(write(&db, async |tx| tx.claim_attempt(team_id(2), attempt_id(1), at(1)).await).await);
        assert!(shared(2).await, "its code is being exchanged");
        write(&db, async |tx| tx.set_attempt_grant(team_id(2), attempt_id(1), &grant(1), at(1)).await).await;
        assert!(shared(2).await, "its grant waits");
        write(&db, async |tx| tx.close_open_attempts(team_id(2), JIRA, at(3)).await).await;
        assert!(!shared(4).await, "discarded");
    }
}
