//! Leases: one holder, by the database's clock; the written intent; what is due.

use domain::{
    credential::{Generation, RefreshOutcome, RevocationReason},
    ids::CredentialId,
};
use jiff::SignedDuration;
use store::{FailedRefresh, RefreshOf};
use testkit::{db::TestDb, db_tests};
use uuid::Uuid;

use crate::rows::{JIRA, at, read, stored, team_id, tokens, two_connected_teams, write};

const LONG: SignedDuration = SignedDuration::from_mins(60);
const OVER: SignedDuration = SignedDuration::from_secs(-1);

fn refresh(team: u128, owner: u128) -> RefreshOf {
    RefreshOf {
        team: team_id(team),
        credential: CredentialId::from_uuid(Uuid::from_u128(team)),
        generation: Generation(1),
        owner: Uuid::from_u128(owner),
    }
}

async fn lease(
    db: &TestDb,
    of: RefreshOf,
    seen: Option<i64>,
    length: SignedDuration,
    now: i64,
) -> bool {
    write(db, async |tx| {
        tx.lease_refresh(of, seen.map(at), length, false, at(now))
            .await
    })
    .await
}

async fn fail(db: &TestDb, of: RefreshOf, started: Option<i64>, next: i64) -> bool {
    let failed = FailedRefresh {
        outcome: RefreshOutcome::Ambiguous,
        started_at: started.map(at),
        next_at: at(next),
    };
    write(db, async |tx| {
        tx.set_refresh_failure(of, failed, at(10)).await
    })
    .await
}

async fn due(db: &TestDb, only_interrupted: bool, now: i64) -> Vec<CredentialId> {
    let due = read(db, async |tx| {
        tx.list_due_refreshes(only_interrupted, at(now), 10).await
    })
    .await;
    due.into_iter().map(|it| it.credential).collect()
}

db_tests! {
    async fn one_holds_the_lease_and_the_intent_says_since_when(db: TestDb) {
        two_connected_teams(&db).await;
        let mut stolen = refresh(2, 9);
        stolen.credential = refresh(1, 9).credential;
        assert!(!lease(&db, stolen, None, LONG, 1).await, "another team");
        let mut late = refresh(1, 9);
        late.generation = Generation(0);
        assert!(!lease(&db, late, None, LONG, 1).await, "another pair");
        assert_eq!(stored(&db, 1).await.schedule.started_at, None);

        assert!(lease(&db, refresh(1, 9), None, LONG, 1).await);
        assert_eq!(stored(&db, 1).await.schedule.started_at, Some(at(1)));
        assert!(!lease(&db, refresh(1, 8), Some(1), LONG, 2).await, "somebody is at it");
        assert!(lease(&db, refresh(2, 8), None, LONG, 2).await, "of another team nobody is");
    }

    async fn a_lease_that_lapsed_is_taken_and_the_first_intent_stands(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(lease(&db, refresh(1, 9), None, OVER, 1).await);
        assert!(!lease(&db, refresh(1, 8), None, LONG, 2).await, "it saw another intent");
        assert!(lease(&db, refresh(1, 8), Some(1), LONG, 2).await);
        assert_eq!(stored(&db, 1).await.schedule.started_at, Some(at(1)));
        let renew = async |owner| write(&db, async |tx| tx.renew_lease(refresh(1, owner), LONG).await).await;
        assert!(!renew(9).await, "it is another's now");
        assert!(renew(8).await);
        assert!(!fail(&db, refresh(1, 9), None, 5).await, "what the old holder found is not counted");
        assert!(fail(&db, refresh(1, 8), Some(1), 5).await);
        assert!(lease(&db, refresh(1, 7), Some(1), LONG, 6).await, "a failure gives the lease back");
    }

    async fn a_renewed_lease_is_held_on(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(lease(&db, refresh(1, 9), None, OVER, 1).await);
        assert!(write(&db, async |tx| tx.renew_lease(refresh(1, 9), LONG).await).await);
        assert!(!lease(&db, refresh(1, 8), Some(1), LONG, 2).await);
    }

    async fn a_saved_pair_ends_lease_and_intent_whoever_holds_it(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(lease(&db, refresh(1, 9), None, OVER, 1).await);
        assert!(lease(&db, refresh(1, 8), Some(1), LONG, 2).await);
        let pair = tokens("second", 70);
        assert!(write(&db, async |tx| tx.save_refreshed(refresh(1, 9), &pair, None, at(65), at(3)).await).await);
        let saved = stored(&db, 1).await;
        assert_eq!((saved.tokens, saved.schedule.started_at), (Some(pair), None));
        let mut next = refresh(1, 7);
        next.generation = Generation(2);
        assert!(lease(&db, next, None, LONG, 4).await);
    }

    async fn a_grant_does_not_die_while_another_is_at_it(db: TestDb) {
        two_connected_teams(&db).await;
        let kill = async |owner| write(&db, async |tx| {
            tx.set_dead(refresh(1, owner), RevocationReason::RefreshInterrupted, at(5)).await
        }).await;
        assert!(lease(&db, refresh(1, 9), None, LONG, 1).await);
        assert!(!kill(8).await);
        assert!(stored(&db, 1).await.is_live());
        assert!(kill(9).await);
        let dead = stored(&db, 1).await;
        assert_eq!(dead.revocation_reason, Some(RevocationReason::RefreshInterrupted));
        assert_eq!((dead.schedule.started_at, dead.schedule.next_at), (None, None));
        assert!(!lease(&db, refresh(1, 7), None, LONG, 6).await, "a dead grant is not refreshed");
    }

    async fn due_is_what_has_its_time_and_no_holder(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(due(&db, false, 49).await.is_empty());
        assert_eq!(due(&db, false, 50).await.len(), 2);
        let oldest = async |now| read(&db, async |tx| tx.find_oldest_due_refresh(at(now)).await).await;
        assert_eq!((oldest(49).await, oldest(99).await), (None, Some(at(50))));
        let one = refresh(1, 9);
        assert!(lease(&db, one, None, LONG, 50).await);
        assert_eq!(due(&db, false, 50).await, [refresh(2, 0).credential]);
        assert!(fail(&db, one, Some(50), 60).await);
        assert_eq!(due(&db, false, 60).await, [refresh(2, 0).credential, one.credential], "the longest first");
        assert_eq!(due(&db, true, 60).await, [one.credential]);
        assert!(due(&db, true, 59).await.is_empty());
    }

    async fn of_the_interrupted_the_newest_is_first(db: TestDb) {
        two_connected_teams(&db).await;
        for (team, started) in [(1, 5), (2, 9)] {
            assert!(lease(&db, refresh(team, 9), None, LONG, started).await);
            assert!(fail(&db, refresh(team, 9), Some(started), 20).await);
        }
        assert_eq!(due(&db, true, 20).await, [refresh(2, 0).credential, refresh(1, 0).credential]);
    }

    async fn a_dead_holders_refresh_is_due_at_once(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(lease(&db, refresh(1, 9), None, LONG, 5).await);
        assert!(due(&db, true, 5).await.is_empty());
        assert_eq!(write(&db, async |tx| tx.forget_leases().await).await, 1);
        assert_eq!(due(&db, true, 5).await, [refresh(1, 9).credential]);
        assert_eq!(stored(&db, 1).await.schedule.started_at, Some(at(5)), "the intent stays");
    }

    async fn what_waits_for_a_failure_that_has_passed_is_woken(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(lease(&db, refresh(1, 9), None, LONG, 5).await);
        assert!(fail(&db, refresh(1, 9), Some(5), 900).await);
        assert_eq!(write(&db, async |tx| tx.wake_failing_refreshes(JIRA, at(20)).await).await, 1);
        assert_eq!(due(&db, false, 20).await, [refresh(1, 9).credential]);
        let probe = read(&db, async |tx| tx.find_probe(JIRA, None).await).await;
        assert_eq!(probe.map(|it| it.credential), Some(refresh(1, 9).credential));
        let two = refresh(2, 0).credential;
        let probe = read(&db, async |tx| tx.find_probe(JIRA, Some(two)).await).await;
        assert_eq!(probe.map(|it| it.credential), Some(two));
    }

    async fn use_is_noted_and_draws_the_refresh_ahead(db: TestDb) {
        two_connected_teams(&db).await;
        let margin = SignedDuration::from_mins(20);
        let of = |team| refresh(team, 0);
        let used = async |team, credential, when| write(&db, async |tx| {
            tx.set_used(team_id(team), credential, at(when), margin).await
        }).await;
        assert!(!used(2, of(1).credential, 30).await, "another team");
        assert!(used(1, of(1).credential, 30).await);
        assert!(!used(1, of(1).credential, 20).await, "never back");
        let noted = stored(&db, 1).await;
        assert_eq!((noted.last_used_at, noted.schedule.next_at), (Some(at(30)), Some(at(40))));
    }

    async fn what_cannot_be_made_is_put_off_on_its_generation(db: TestDb) {
        two_connected_teams(&db).await;
        let of = refresh(1, 0);
        let put_off = async |team, generation, until| write(&db, async |tx| {
            tx.postpone_refresh(team_id(team), of.credential, Generation(generation), at(until)).await
        }).await;
        assert!(!put_off(2, 1, 90).await, "another team");
        assert!(!put_off(1, 2, 90).await, "another pair");
        assert!(put_off(1, 1, 90).await);
        assert_eq!(stored(&db, 1).await.schedule.next_at, Some(at(90)));
        assert!(!put_off(1, 1, 80).await, "never nearer");
        write(&db, async |tx| tx.hint_refresh_ended(of.credential).await).await;
    }
}
