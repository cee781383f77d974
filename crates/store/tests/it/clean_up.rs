//! What is erased at its own time.

use domain::attempt::{AttemptOutcome, GRANT_LIFE};
use jiff::SignedDuration;
use testkit::db_tests;

use crate::rows::{at, attempt, attempt_id, grant, read, team_id, two_teams, write};

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
}
