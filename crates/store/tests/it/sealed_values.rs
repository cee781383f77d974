//! Sealed values of all teams, by the key that their first bytes name.

use store::SealedColumn;
use testkit::db_tests;
use uuid::Uuid;

use crate::rows::{at, read, sealed, stored, two_connected_teams, write};

const ACCESS: SealedColumn = SealedColumn::CredentialAccess;

db_tests! {
    async fn values_are_counted_by_their_head_and_listed_by_row(db: TestDb) {
        two_connected_teams(&db).await;
        // The second byte is the length of the key's id: "f" and "i" are more than 16, the most.
        let heads = read(&db, async |tx| tx.count_sealed_by_head(ACCESS).await).await;
        assert_eq!(heads, [(sealed("first access"), 2)]);
        let none = read(&db, async |tx| tx.count_sealed_by_head(SealedColumn::AttemptAccess).await).await;
        assert_eq!(none, []);
        let under = read(&db, async |tx| tx.list_sealed_under(ACCESS, b"first", Uuid::nil(), 9).await).await;
        assert_eq!(under.len(), 2);
        let one = read(&db, async |tx| tx.list_sealed_under(ACCESS, b"first", Uuid::nil(), 1).await).await;
        assert_eq!(one, under[..1]);
        let next = read(&db, async |tx| tx.list_sealed_not_under(ACCESS, b"other", one[0].row, 9).await).await;
        assert_eq!(next, under[1..]);
        assert_eq!(read(&db, async |tx| tx.list_sealed_not_under(ACCESS, b"first", Uuid::nil(), 9).await).await, []);
    }

    async fn a_short_key_id_is_not_counted_with_what_follows_it(db: TestDb) {
        two_connected_teams(&db).await;
        for (team, value) in [(1, b"\x01\x02abone".to_vec()), (2, b"\x01\x02abtwo".to_vec())] {
            let old = read(&db, async |tx| tx.list_sealed_under(ACCESS, b"first", Uuid::nil(), 9).await).await;
            let old = old.into_iter().find(|it| it.row == Uuid::from_u128(team)).unwrap();
            let new = domain::sealed::Sealed::from_bytes(value);
            assert!(write(&db, async |tx| tx.replace_sealed(ACCESS, &old, &new, at(1)).await).await);
        }
        let heads = read(&db, async |tx| tx.count_sealed_by_head(ACCESS).await).await;
        assert_eq!(heads, [(sealed("\x01\x02ab"), 2)]);
    }

    async fn a_value_is_replaced_where_it_stands_and_in_its_team_only(db: TestDb) {
        two_connected_teams(&db).await;
        let all = read(&db, async |tx| tx.list_sealed_under(ACCESS, b"first", Uuid::nil(), 9).await).await;
        let mut of_another_team = all[0].clone();
        of_another_team.team = all[1].team;
        let mut changed = all[0].clone();
        changed.value = sealed("first access, and more");
        for wrong in [of_another_team, changed] {
            assert!(!write(&db, async |tx| tx.replace_sealed(ACCESS, &wrong, &sealed("new"), at(1)).await).await);
        }
        assert!(write(&db, async |tx| tx.replace_sealed(ACCESS, &all[0], &sealed("new"), at(1)).await).await);
        assert!(!write(&db, async |tx| tx.replace_sealed(ACCESS, &all[0], &sealed("late"), at(2)).await).await);
        let (one, two) = (stored(&db, 1).await.tokens.unwrap(), stored(&db, 2).await.tokens.unwrap());
        assert_eq!((one.access, one.refresh), (sealed("new"), sealed("first refresh")));
        assert_eq!(two.access, sealed("first access"));
    }
}
