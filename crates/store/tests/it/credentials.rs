//! Integration credentials: every write of tokens is fenced by the generation and by the team.

use domain::{
    credential::{
        Generation, IntegrationCredential, RefreshOutcome, RefreshSchedule, RevocationReason,
        Scopes, SealedTokens,
    },
    ids::CredentialId,
    text::AccountId,
};
use jiff::SignedDuration;
use store::{FailedRefresh, RefreshOf};
use testkit::{db::TestDb, db_tests};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::rows::{
    JIRA, at, credential, read, stored, team_id, tokens, two_connected_teams, two_teams, user_id,
    write,
};

const FIRST: Generation = Generation(1);

fn credential_id(n: u128) -> CredentialId {
    CredentialId::from_uuid(Uuid::from_u128(n))
}

fn refresh(team: u128, generation: i64) -> RefreshOf {
    RefreshOf {
        team: team_id(team),
        credential: credential_id(1),
        generation: Generation(generation),
        owner: Uuid::from_u128(77),
    }
}

/// Saves a refreshed pair on the credential of team 1, in the name of `team`.
async fn save(db: &TestDb, team: u128, generation: i64, pair: &SealedTokens) -> bool {
    write(db, async |tx| {
        tx.save_refreshed(refresh(team, generation), pair, None, at(65), at(10))
            .await
    })
    .await
}

async fn fail(db: &TestDb, team: u128, generation: i64, outcome: RefreshOutcome) -> bool {
    write(db, async |tx| {
        let (refresh, length) = (refresh(team, generation), SignedDuration::from_secs(10));
        if !tx
            .lease_refresh(refresh, None, length, false, at(10))
            .await?
        {
            return Ok(false);
        }
        let failed = FailedRefresh {
            outcome,
            started_at: None,
            next_at: at(15),
        };
        tx.set_refresh_failure(refresh, failed, at(10)).await
    })
    .await
}

async fn kill(db: &TestDb, team: u128, generation: i64) -> bool {
    write(db, async |tx| {
        let reason = RevocationReason::GrantRevoked;
        tx.set_dead(refresh(team, generation), reason, at(20)).await
    })
    .await
}

async fn replace(db: &TestDb, new: &IntegrationCredential, expected: i64) -> bool {
    write(db, async |tx| {
        tx.replace_grant(new, Generation(expected), at(30)).await
    })
    .await
}

async fn empty(db: &TestDb, team: u128) -> bool {
    write(db, async |tx| {
        tx.empty_credential(team_id(team), credential_id(1), user_id(team), at(40))
            .await
    })
    .await
}

db_tests! {
    async fn a_credential_is_read_as_it_was_written_by_its_team_only(db: TestDb) {
        two_teams(&db).await;
        let find = async |team| read(&db, async |tx| tx.find_credential(team_id(team), JIRA).await).await;
        assert_eq!(find(1).await, None);
        assert!(write(&db, async |tx| tx.add_credential(&credential(1), at(0)).await).await);
        assert_eq!(find(1).await, Some(credential(1)));
        assert_eq!(find(2).await, None);

        let mut bare = credential(2);
        (bare.tokens, bare.account_id, bare.connected_by, bare.consented_at) = (None, None, None, None);
        bare.scopes = Scopes::default();
        assert!(write(&db, async |tx| tx.add_credential(&bare, at(0)).await).await);
        assert_eq!(find(2).await, Some(bare));
    }

    async fn a_team_has_one_credential_for_a_provider_and_the_first_stays(db: TestDb) {
        two_teams(&db).await;
        let mut other = credential(1);
        (other.id, other.tokens) = (credential_id(9), Some(tokens("other", 60)));
        assert!(write(&db, async |tx| tx.add_credential(&credential(1), at(0)).await).await);
        assert!(!write(&db, async |tx| tx.add_credential(&other, at(0)).await).await);
        assert_eq!(stored(&db, 1).await, credential(1));
    }

    async fn of_two_first_connects_at_once_one_is_kept(db: TestDb) {
        two_teams(&db).await;
        let mut other = credential(1);
        other.id = credential_id(9);
        let added = tokio::join!(
            write(&db, async |tx| tx.add_credential(&credential(1), at(0)).await),
            write(&db, async |tx| tx.add_credential(&other, at(0)).await),
        );
        assert!(added.0 != added.1, "{added:?}");
    }

    async fn a_refreshed_pair_is_saved_on_its_generation_by_its_team(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(!save(&db, 2, 1, &tokens("stolen", 70)).await, "another team");
        for generation in [0, 2] {
            assert!(!save(&db, 1, generation, &tokens("late", 70)).await, "generation {generation}");
        }
        assert_eq!(stored(&db, 1).await, credential(1));

        assert!(save(&db, 1, 1, &tokens("second", 70)).await);
        let mut expected = credential(1);
        expected.tokens = Some(tokens("second", 70));
        expected.generation = FIRST.next();
        (expected.last_outcome, expected.last_refreshed_at) = (Some(RefreshOutcome::Ok), Some(at(10)));
        expected.schedule.next_at = Some(at(65));
        assert_eq!(stored(&db, 1).await, expected, "scopes that were not told stay");
        assert!(!save(&db, 1, 1, &tokens("late", 70)).await);
        assert_eq!(stored(&db, 1).await, expected, "a late answer overwrites nothing");
        assert_eq!(stored(&db, 2).await, credential(2));
    }

    async fn scopes_that_are_told_with_a_pair_replace_the_known_ones(db: TestDb) {
        two_connected_teams(&db).await;
        let fewer = Scopes::from_space_separated("read:jira-work");
        let saved = write(&db, async |tx| {
            tx.save_refreshed(refresh(1, 1), &tokens("second", 70), Some(&fewer), at(65), at(10)).await
        });
        assert!(saved.await);
        assert_eq!(stored(&db, 1).await.scopes, fewer);
    }

    async fn of_many_refreshes_of_one_generation_one_is_saved(db: TestDb) {
        two_connected_teams(&db).await;
        let mut savers = JoinSet::new();
        for n in 0..8 {
            let store = db.store.clone();
            savers.spawn(async move {
                let pair = tokens(&format!("racing {n}"), 70);
                let mut tx = store.write().await.unwrap();
                let saved = tx.save_refreshed(refresh(1, 1), &pair, None, at(65), at(10)).await.unwrap();
                tx.commit().await.unwrap();
                saved.then_some(pair)
            });
        }
        let saved: Vec<_> = savers.join_all().await.into_iter().flatten().collect();
        let kept = stored(&db, 1).await;
        assert_eq!((saved, kept.generation), (vec![kept.tokens.unwrap()], FIRST.next()));
    }

    async fn a_failed_refresh_is_counted_on_its_generation_by_its_team(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(!fail(&db, 2, 1, RefreshOutcome::Ambiguous).await, "another team");
        assert!(!fail(&db, 1, 0, RefreshOutcome::Ambiguous).await, "another generation");
        assert_eq!(stored(&db, 1).await, credential(1));

        assert!(fail(&db, 1, 1, RefreshOutcome::Ambiguous).await);
        assert!(fail(&db, 1, 1, RefreshOutcome::NotSent).await);
        let mut expected = credential(1);
        (expected.consecutive_failures, expected.last_outcome) = (2, Some(RefreshOutcome::NotSent));
        (expected.schedule.next_at, expected.schedule.failing_since) = (Some(at(15)), Some(at(10)));
        assert_eq!(stored(&db, 1).await, expected, "tokens stay as they are");
        assert!(save(&db, 1, 1, &tokens("second", 70)).await);
        assert_eq!(stored(&db, 1).await.consecutive_failures, 0);
        assert!(!fail(&db, 1, 1, RefreshOutcome::Ambiguous).await, "a late failure is not counted");
    }

    async fn every_outcome_of_a_refresh_is_read_back_as_it_was_written(db: TestDb) {
        two_connected_teams(&db).await;
        for outcome in RefreshOutcome::ALL {
            assert!(fail(&db, 1, 1, outcome).await);
            assert_eq!(stored(&db, 1).await.last_outcome, Some(outcome));
        }
    }

    async fn a_grant_dies_once_on_its_generation_by_its_team(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(!kill(&db, 2, 1).await, "another team");
        assert!(!kill(&db, 1, 0).await, "a race, not a death");
        assert!(stored(&db, 1).await.is_live());

        assert!(kill(&db, 1, 1).await);
        let dead = stored(&db, 1).await;
        assert!(!dead.is_live());
        assert_eq!((dead.revoked_at, dead.revocation_reason), (Some(at(20)), Some(RevocationReason::GrantRevoked)));
        assert_eq!((dead.generation, dead.tokens), (FIRST, credential(1).tokens), "the mark moves nothing");
        assert_eq!((dead.last_outcome, dead.consecutive_failures), (Some(RefreshOutcome::GrantDead), 1));
        assert!(!kill(&db, 1, 1).await, "once");
        assert!(stored(&db, 2).await.is_live());
    }

    async fn a_pair_that_comes_after_the_mark_brings_the_grant_back(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(kill(&db, 1, 1).await);
        assert!(save(&db, 1, 1, &tokens("second", 70)).await);
        let back = stored(&db, 1).await;
        assert!(back.is_live());
        assert_eq!((back.revoked_at, back.revocation_reason), (None, None));
    }

    async fn a_new_grant_replaces_everything_on_its_generation_by_its_team(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(kill(&db, 1, 1).await);
        let before = stored(&db, 1).await;
        let mut new = credential(1);
        new.tokens = Some(tokens("new", 90));
        new.scopes = Scopes::from_space_separated("read:jira-work");
        new.account_id = Some(AccountId::parse("712020:two").unwrap());
        (new.connected_by, new.consented_at, new.generation) = (Some(user_id(2)), Some(at(30)), FIRST.next());
        (new.schedule.next_at, new.last_used_at) = (Some(at(85)), Some(at(30)));

        let mut foreign = new.clone();
        foreign.team = team_id(2);
        assert!(!replace(&db, &foreign, 1).await, "another team");
        for expected in [0, 2] {
            assert!(!replace(&db, &new, expected).await, "generation {expected}");
        }
        assert_eq!(stored(&db, 1).await, before, "the old pair stays in force");

        assert!(replace(&db, &new, 1).await);
        assert_eq!(stored(&db, 1).await, new, "no trace of the old grant's death");
        assert!(!save(&db, 1, 1, &tokens("late", 70)).await, "a refresh of the old grant comes too late");
        assert!(!kill(&db, 1, 1).await, "so does its death");
        assert!(!fail(&db, 1, 1, RefreshOutcome::Ambiguous).await, "and its failure");
        assert_eq!(stored(&db, 1).await, new);
        assert_eq!(stored(&db, 2).await, credential(2));
    }

    async fn an_unknown_account_is_filled_in_once(db: TestDb) {
        two_connected_teams(&db).await;
        let two = AccountId::parse("712020:two").unwrap();
        let set = async |team, generation| write(&db, async |tx| {
            tx.set_account_id(team_id(team), credential_id(1), Generation(generation), &two, at(10)).await
        }).await;
        assert!(!set(1, 1).await, "it is known");
        assert_eq!(stored(&db, 1).await.account_id, credential(1).account_id);

        let mut unknown = credential(1);
        (unknown.account_id, unknown.generation) = (None, FIRST.next());
        assert!(replace(&db, &unknown, 1).await);
        assert!(!set(2, 2).await, "another team");
        assert!(!set(1, 1).await, "another generation");
        assert!(set(1, 2).await);
        assert_eq!(stored(&db, 1).await.account_id, Some(two.clone()));
    }

    async fn disconnecting_empties_the_row_and_keeps_it(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(fail(&db, 1, 1, RefreshOutcome::Ambiguous).await);
        assert!(!empty(&db, 2).await, "another team");
        assert!(stored(&db, 1).await.is_live());

        assert!(empty(&db, 1).await);
        let expected = IntegrationCredential {
            tokens: None,
            scopes: Scopes::default(),
            account_id: None,
            consented_at: None,
            generation: FIRST.next(),
            disconnected_at: Some(at(40)),
            disconnected_by: Some(user_id(1)),
            schedule: RefreshSchedule::default(),
            ..credential(1)
        };
        assert_eq!(stored(&db, 1).await, expected);
        assert!(!empty(&db, 1).await, "there are no tokens");
        assert_eq!(stored(&db, 2).await, credential(2));
    }

    async fn nothing_resurrects_what_was_disconnected(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(empty(&db, 1).await);
        let emptied = stored(&db, 1).await;
        // A late refresh has the old generation; one that read the row afterwards finds no tokens.
        for generation in [1, 2] {
            assert!(!save(&db, 1, generation, &tokens("late", 70)).await, "generation {generation}");
            assert!(!kill(&db, 1, generation).await, "generation {generation}");
        }
        assert!(!fail(&db, 1, 1, RefreshOutcome::Ambiguous).await);
        assert_eq!(stored(&db, 1).await, emptied);
    }

    async fn a_disconnect_beside_a_save_wins_whichever_is_first(db: TestDb) {
        two_connected_teams(&db).await;
        let pair = tokens("second", 70);
        let (saved, emptied) = tokio::join!(save(&db, 1, 1, &pair), empty(&db, 1));
        let left = stored(&db, 1).await;
        assert!(emptied && left.tokens.is_none(), "the save was {saved}");
        assert_eq!(left.generation, Generation(if saved { 3 } else { 2 }));
    }

    async fn connecting_again_forgets_the_disconnect(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(empty(&db, 1).await);
        let mut new = credential(1);
        (new.generation, new.last_used_at) = (Generation(3), Some(at(30)));
        assert!(!replace(&db, &new, 1).await, "an attempt that read the row before");
        assert!(replace(&db, &new, 2).await);
        assert_eq!(stored(&db, 1).await, new);
    }

    async fn an_account_that_goes_leaves_the_connection(db: TestDb) {
        two_connected_teams(&db).await;
        db.raw("DELETE FROM users").await.unwrap();
        let left = stored(&db, 1).await;
        assert!(left.is_live() && left.connected_by.is_none());
    }

    async fn a_team_that_goes_takes_its_tokens_along(db: TestDb) {
        two_connected_teams(&db).await;
        db.raw("DELETE FROM teams WHERE slug = 'team-1'").await.unwrap();
        assert_eq!(read(&db, async |tx| tx.find_credential(team_id(1), JIRA).await).await, None);
        assert_eq!(read(&db, async |tx| tx.find_jira_integration(team_id(1), JIRA).await).await, None);
        assert_eq!(stored(&db, 2).await, credential(2));
    }
}
