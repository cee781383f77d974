//! What is removed by its age, and what stays whatever its age.

use domain::{
    attempt::GRANT_LIFE,
    incident::IncidentEnding,
    retention::Kept,
    session::{ABSOLUTE_LIFE, IDLE_LIFE},
    usage::{Answer, Call, DailyUsage, day_of},
};
use jiff::{SignedDuration, Timestamp};
use testkit::{db::TestDb, db_tests};

use crate::{
    api_keys, audit, incidents, invitations, links, outbox, refresh_events,
    rows::{
        at, attempt, attempt_id, grant, read, session, team_id, token_hash, two_connected_teams,
        two_teams, write,
    },
    usage,
};

const DAY: i64 = 24 * 60;
const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

/// As [`at`], and as old by the clock of the database, which guards the audit log.
fn long_ago(minutes: i64) -> Timestamp {
    at(minutes - 1_000 * DAY)
}

async fn remove(db: &TestDb, kept: Kept, before: Timestamp, most: i64) -> u64 {
    write(db, async |tx| tx.remove_old(kept, before, most).await).await
}

/// Of three rows of the days 0, 1 and 2 those of a time and before go, the oldest first.
async fn goes_by_age(db: &TestDb, kept: Kept, end_of: impl Fn(i64) -> Timestamp) {
    let rows = async || db.rows(kept.as_str()).await.len();
    assert_eq!(rows().await, 3, "{kept:?}");
    assert_eq!(
        remove(db, kept, end_of(0) - MILLISECOND, 9).await,
        0,
        "{kept:?}"
    );
    assert_eq!(
        remove(db, kept, end_of(1), 1).await,
        1,
        "{kept:?}: at most as many"
    );
    assert_eq!(
        remove(db, kept, end_of(0), 9).await,
        0,
        "{kept:?}: the oldest went first"
    );
    assert_eq!(remove(db, kept, end_of(1), 9).await, 1, "{kept:?}");
    assert_eq!(
        remove(db, kept, end_of(2) - MILLISECOND, 9).await,
        0,
        "{kept:?}"
    );
    assert_eq!(rows().await, 1, "{kept:?}");
}

db_tests! {
    async fn what_is_old_enough_is_removed_the_oldest_first(db: TestDb) {
        two_connected_teams(&db).await;
        assert!(api_keys::add(&db, 1, 1, "billing").await);
        write(&db, async |tx| {
            for n in 0..3_u8 {
                let day = i64::from(n) * DAY;
                let id = u128::from(n) + 1;
                let mut event = refresh_events::event(n + 1, domain::refresh_event::RefreshCause::Caller);
                event.at = at(day);
                tx.add_refresh_event(&event).await?;
                let mut event = audit::event(id, Some(team_id(1)));
                event.at = long_ago(day);
                tx.add_audit_event(&event).await?;
                tx.add_attempt(&attempt(id, 1, day)).await?;
                tx.add_password_reset(links::reset_id(id), crate::rows::user_id(1), &token_hash(n), at(day), at(0)).await?;
                tx.add_key_usage(&[usage::usage(1, 1, day, usage::call(Call::Token, Answer::Served), 1)], at(day)).await?;
                let daily = DailyUsage { team: team_id(1), day_at: day_of(at(day)), call: Call::Token, answer: Answer::Served, count: 1 };
                tx.add_daily_usage(&[daily], at(day)).await?;
            }
            Ok(())
        }).await;
        let day = |n: i64| at(n * DAY);
        goes_by_age(&db, Kept::AuditEvents, |n| long_ago(n * DAY)).await;
        for kept in [Kept::RefreshEvents, Kept::ConnectAttempts, Kept::PasswordResets, Kept::KeyUsage] {
            goes_by_age(&db, kept, day).await;
        }
        goes_by_age(&db, Kept::DailyUsage, |n| day_of(day(n))).await;
    }

    async fn invitations_go_by_their_end(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            tx.add_invitation(team_id(1), &invitations::invitation(1, 1), &token_hash(1)).await?;
            tx.add_invitation(team_id(2), &invitations::invitation(2, 2), &token_hash(2)).await
        }).await;
        let end = invitations::invitation(1, 1).expires_at;
        assert_eq!(remove(&db, Kept::Invitations, end - MILLISECOND, 1).await, 0);
        assert_eq!(remove(&db, Kept::Invitations, end, 1).await, 1, "at most as many");
        assert_eq!(remove(&db, Kept::Invitations, end, 1).await, 1);
        assert_eq!(remove(&db, Kept::Invitations, end, 1).await, 0);
    }

    async fn sessions_go_once_they_are_over_and_no_others(db: TestDb) {
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
        assert_eq!(remove(&db, Kept::Sessions, now, 9).await, over, "the same rule as in `domain`");
        let mut left = Vec::new();
        for n in [1, 2, 3] {
            left.push(db.store.find_visitor(&token_hash(n), None).await.unwrap().is_some());
        }
        assert_eq!(left, [false, false, true]);
    }

    async fn a_grant_that_waits_keeps_its_trip(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            tx.add_attempt(&attempt(1, 1, 0)).await?;
            assert!(tx.claim_attempt(team_id(1), attempt_id(1), at(1)).await?);
            assert!(tx.set_attempt_grant(team_id(1), attempt_id(1), &grant(1), at(1)).await?);
            Ok(())
        }).await;
        let later = at(1) + GRANT_LIFE;
        assert_eq!(remove(&db, Kept::ConnectAttempts, later, 9).await, 0);
        write(&db, async |tx| tx.erase_expired_grants(later).await).await;
        assert_eq!(remove(&db, Kept::ConnectAttempts, later, 9).await, 1);
    }

    async fn what_is_open_or_unsent_is_never_removed(db: TestDb) {
        two_connected_teams(&db).await;
        incidents::add_incidents(&db).await;
        let late = at(900 * DAY);
        // One sent and one to be sent of the first team's incident, one sent of the second's.
        write(&db, async |tx| {
            for (n, team) in [(1, 1), (2, 1), (3, 2)] {
                assert!(tx.add_outbox_entry(&outbox::entry(n, team)).await?);
            }
            Ok(())
        }).await;
        db.raw("UPDATE outbox SET due_at = NULL, outcome = 'sent', ended_at = 1 WHERE same_as <> 'notice 2'").await.unwrap();
        assert_eq!(remove(&db, Kept::Incidents, late, 9).await, 0, "all are open");
        assert_eq!(remove(&db, Kept::Outbox, late, 9).await, 0, "what was sent of an open incident is what keeps it from being sent again");
        let close = async |team| {
            let open = read(&db, async |tx| tx.list_incidents(Some(team_id(team)), 9).await).await;
            let mut closed = open.into_iter().next().unwrap();
            closed.closed = Some((at(5), IncidentEnding::Works));
            closed.due_at = None;
            assert!(write(&db, async |tx| tx.set_incident(&closed, at(5)).await).await);
        };
        close(1).await;
        assert_eq!(remove(&db, Kept::Incidents, late, 9).await, 0, "something of it is not sent");
        assert_eq!(remove(&db, Kept::Outbox, late, 9).await, 1);
        assert_eq!(remove(&db, Kept::Outbox, Timestamp::UNIX_EPOCH, 9).await, 0);
        close(2).await;
        assert_eq!(remove(&db, Kept::Outbox, late, 9).await, 1);
        assert_eq!(remove(&db, Kept::Incidents, at(5) - MILLISECOND, 9).await, 0);
        assert_eq!(remove(&db, Kept::Incidents, at(5), 9).await, 1);
        assert_eq!(db.rows("outbox").await.len(), 1, "the one that is not sent");
    }
}
