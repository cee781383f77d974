//! What is erased by its age.

use domain::{
    attempt::{AttemptOutcome, GRANT_LIFE},
    session::{ABSOLUTE_LIFE, IDLE_LIFE},
};
use jiff::SignedDuration;
use testkit::db_tests;

use crate::rows::{
    at, attempt, attempt_id, grant, read, session, team_id, token_hash, two_teams, write,
};

const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

db_tests! {
    async fn grants_are_erased_at_their_time_in_all_teams_and_the_attempt_stays(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            for (n, team, granted) in [(1, 1, 1), (2, 2, 1), (3, 1, 2)] {
                tx.add_attempt(&attempt(n, team, 0)).await?;
                assert!(tx.claim_attempt(team_id(team), attempt_id(n), at(granted)).await?);
                assert!(tx.set_attempt_grant(team_id(team), attempt_id(n), &grant(granted), at(granted)).await?);
                assert!(tx.set_attempt_outcome(team_id(team), attempt_id(n), AttemptOutcome::ChooseSite, at(granted)).await?);
            }
            Ok(())
        }).await;
        let end = at(1) + GRANT_LIFE;
        assert_eq!(write(&db, async |tx| tx.erase_expired_grants(end - MILLISECOND).await).await, 0);
        assert_eq!(write(&db, async |tx| tx.erase_expired_grants(end).await).await, 2);
        assert_eq!(write(&db, async |tx| tx.erase_expired_grants(end).await).await, 0, "once");
        for (n, team, is_kept) in [(1, 1, false), (2, 2, false), (3, 1, true)] {
            let left = read(&db, async |tx| tx.find_attempt(team_id(team), attempt_id(n)).await).await.unwrap();
            assert_eq!(left.grant.is_some(), is_kept, "attempt {n}");
            let outcome = if is_kept { AttemptOutcome::ChooseSite } else { AttemptOutcome::Discarded };
            assert_eq!(left.outcome, Some(outcome));
        }
    }

    async fn sessions_that_are_over_are_removed_and_no_others(db: TestDb) {
        two_teams(&db).await;
        let now = at(0) + ABSOLUTE_LIFE;
        // The age, the idleness, and what is a moment short of either.
        let all = [(now, now), (now + MILLISECOND, now - IDLE_LIFE), (now + MILLISECOND, now - IDLE_LIFE + MILLISECOND)];
        for (n, (ends_at, last_seen_at)) in (1_u8..).zip(all) {
            let mut session = session(n.into(), 1);
            (session.ends_at, session.last_seen_at) = (ends_at, last_seen_at);
            write(&db, async |tx| tx.add_session(&session, &token_hash(n)).await).await;
        }
        let mut over = 0;
        for n in [1, 2, 3] {
            let session = db.store.find_visitor(&token_hash(n), None).await.unwrap().unwrap().session;
            over += u64::from(session.is_over(now));
        }
        assert_eq!(write(&db, async |tx| tx.remove_over_sessions(now).await).await, over, "the same rule as in `domain`");
        let mut left = Vec::new();
        for n in [1, 2, 3] {
            left.push(db.store.find_visitor(&token_hash(n), None).await.unwrap().is_some());
        }
        assert_eq!(left, [false, false, true]);
    }
}
