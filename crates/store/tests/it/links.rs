//! Links that set a password or make the first account.

use domain::{
    ids::{PasswordResetId, SetupLinkId},
    invitation::PASSWORD_RESET_LIFE,
};
use testkit::db_tests;
use uuid::Uuid;

use crate::rows::{at, read, token_hash, two_teams, user, user_id, write};

pub(crate) fn reset_id(n: u128) -> PasswordResetId {
    PasswordResetId::from_uuid(Uuid::from_u128(n))
}

fn setup_id(n: u128) -> SetupLinkId {
    SetupLinkId::from_uuid(Uuid::from_u128(n))
}

db_tests! {
    async fn a_reset_link_is_of_one_person_and_ends_once(db: TestDb) {
        two_teams(&db).await;
        let end = at(0) + PASSWORD_RESET_LIFE;
        write(&db, async |tx| {
            tx.add_password_reset(reset_id(1), user_id(1), &token_hash(1), end, at(0)).await?;
            tx.add_password_reset(reset_id(2), user_id(2), &token_hash(2), end, at(0)).await
        }).await;
        let find = async |n| read(&db, async |tx| tx.find_password_reset(&token_hash(n)).await).await;
        let found = find(1).await.unwrap();
        assert_eq!((found.id, found.user, found.expires_at), (reset_id(1), user(1), end));
        assert!(!found.has_ended);
        assert!(find(3).await.is_none());
        assert!(write(&db, async |tx| tx.end_password_reset(reset_id(1), at(1)).await).await);
        assert!(!write(&db, async |tx| tx.end_password_reset(reset_id(1), at(1)).await).await);
        assert!(find(1).await.unwrap().has_ended && !find(2).await.unwrap().has_ended);
        write(&db, async |tx| tx.end_password_resets_of(user_id(2), at(1)).await).await;
        assert!(find(2).await.unwrap().has_ended);
    }

    async fn set_up_links_are_kept_by_number_and_go_together(db: TestDb) {
        write(&db, async |tx| {
            for n in 1..=3 {
                tx.add_setup_link(setup_id(u128::from(n)), &token_hash(n), at(i64::from(n))).await?;
            }
            tx.trim_setup_links(2).await
        }).await;
        let is_link = async |n| read(&db, async |tx| tx.is_setup_link(&token_hash(n)).await).await;
        assert!(!is_link(1).await && is_link(2).await && is_link(3).await);
        assert!(write(&db, async |tx| tx.remove_setup_links(&token_hash(2)).await).await);
        assert!(!write(&db, async |tx| tx.remove_setup_links(&token_hash(3)).await).await);
        assert!(!is_link(3).await);
    }
}
