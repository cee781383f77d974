//! Trips to Atlassian: claimed once, finished once, seen by their team only.

use domain::{
    attempt::{AttemptOutcome, ConnectAttempt, GRANT_LIFE, Purpose, TRIP_LIFE},
    ids::{AttemptId, TeamId},
    text::CloudId,
};
use jiff::{SignedDuration, Timestamp};
use store::Store;
use testkit::{db::TestDb, db_tests};
use tokio::task::JoinSet;

use crate::rows::{
    JIRA, at, attempt, attempt_id, grant, read, session, session_id, team_id, token_hash,
    two_teams, user, user_id, write,
};

const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

async fn begin(db: &TestDb, attempts: &[ConnectAttempt]) {
    for it in attempts {
        write(db, async |tx| tx.add_attempt(it).await).await;
    }
}

async fn claim(db: &TestDb, team: u128, n: u128, now: Timestamp) -> bool {
    write(db, async |tx| {
        tx.claim_attempt(team_id(team), attempt_id(n), now).await
    })
    .await
}

/// Claims an attempt and keeps a grant on it.
async fn grant_to(db: &TestDb, team: u128, n: u128, granted: i64) {
    assert!(claim(db, team, n, at(granted)).await);
    let (team, n) = (team_id(team), attempt_id(n));
    let kept = write(db, async |tx| {
        tx.set_attempt_grant(team, n, &grant(granted), at(granted))
            .await
    });
    assert!(kept.await);
}

async fn find(db: &TestDb, team: u128, n: u128) -> Option<ConnectAttempt> {
    read(db, async |tx| {
        tx.find_attempt(team_id(team), attempt_id(n)).await
    })
    .await
}

/// How many of eight that try at once are told `true`.
async fn winners<F>(store: &Store, work: fn(Store, TeamId, AttemptId) -> F) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        callers.spawn(work(store.clone(), team_id(1), attempt_id(1)));
    }
    let told = callers.join_all().await;
    told.into_iter().filter(|it| *it).count()
}

db_tests! {
    async fn an_attempt_is_read_as_it_was_written_by_its_team_only(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_session(&session(1, 1), &token_hash(1)).await).await;
        let mut one = attempt(1, 1, 0);
        (one.session, one.purpose) = (Some(session_id(1)), Purpose::Reconnect);
        let two = attempt(2, 2, 0);
        begin(&db, &[one.clone(), two.clone()]).await;
        assert_eq!(find(&db, 1, 1).await, Some(one.clone()));
        assert_eq!(find(&db, 2, 1).await, None);
        assert_eq!(find(&db, 1, 2).await, None);
        assert_eq!(read(&db, async |tx| tx.list_attempts(team_id(1)).await).await, [one]);
        assert_eq!(read(&db, async |tx| tx.list_attempts(team_id(2)).await).await, [two]);
        assert_eq!(read(&db, async |tx| tx.list_attempts(team_id(3)).await).await, []);
    }

    async fn attempts_are_listed_newest_first(db: TestDb) {
        two_teams(&db).await;
        begin(&db, &[attempt(1, 1, 5), attempt(2, 1, 0), attempt(3, 1, 5)]).await;
        let listed = read(&db, async |tx| tx.list_attempts(team_id(1)).await).await;
        let ids: Vec<_> = listed.iter().map(|it| it.id).collect();
        assert_eq!(ids, [attempt_id(3), attempt_id(1), attempt_id(2)]);
    }

    async fn an_attempt_is_claimed_once_in_time_and_by_its_team(db: TestDb) {
        two_teams(&db).await;
        begin(&db, &[attempt(1, 1, 0), attempt(2, 1, 0)]).await;
        assert!(!claim(&db, 2, 1, at(1)).await, "another team's");
        assert!(claim(&db, 1, 1, at(1)).await);
        assert!(!claim(&db, 1, 1, at(2)).await, "claimed before");
        assert_eq!(find(&db, 1, 1).await.unwrap().finished_at, Some(at(1)));

        assert!(!claim(&db, 1, 2, at(0) + TRIP_LIFE).await, "too old");
        assert!(claim(&db, 1, 2, at(0) + TRIP_LIFE - MILLISECOND).await);
    }

    async fn of_many_callbacks_at_once_one_claims(db: TestDb) {
        two_teams(&db).await;
        begin(&db, &[attempt(1, 1, 0)]).await;
        let winners = winners(&db.store, |store, team, id| async move {
            let mut tx = store.write().await.unwrap();
            let claimed = tx.claim_attempt(team, id, at(1)).await.unwrap();
            tx.commit().await.unwrap();
            claimed
        });
        assert_eq!(winners.await, 1);
    }

    async fn of_many_completions_at_once_one_has_the_grant(db: TestDb) {
        two_teams(&db).await;
        begin(&db, &[attempt(1, 1, 0)]).await;
        grant_to(&db, 1, 1, 1).await;
        let winners = winners(&db.store, |store, team, id| async move {
            let mut tx = store.write().await.unwrap();
            let finished = tx.finish_attempt_grant(team, id, AttemptOutcome::Connected, at(2)).await.unwrap();
            tx.commit().await.unwrap();
            finished
        });
        assert_eq!(winners.await, 1);
        let left = find(&db, 1, 1).await.unwrap();
        assert_eq!((left.grant, left.outcome), (None, Some(AttemptOutcome::Connected)));
    }

    async fn a_grant_is_kept_on_a_claimed_attempt_of_the_team_only(db: TestDb) {
        two_teams(&db).await;
        begin(&db, &[attempt(1, 1, 0)]).await;
        let keep = async |team| write(&db, async |tx| tx.set_attempt_grant(team_id(team), attempt_id(1), &grant(1), at(1)).await).await;
        assert!(!keep(1).await, "not claimed");
        assert!(claim(&db, 1, 1, at(1)).await);
        assert!(!keep(2).await, "another team's");
        assert_eq!(find(&db, 1, 1).await.unwrap().grant, None);
        assert!(keep(1).await);
        assert_eq!(find(&db, 1, 1).await.unwrap().grant, Some(grant(1)));
    }

    async fn an_outcome_is_written_once_unless_a_grant_goes_on(db: TestDb) {
        two_teams(&db).await;
        begin(&db, &[attempt(1, 1, 0), attempt(2, 1, 0)]).await;
        let set = async |team, n, outcome| write(&db, async |tx| tx.set_attempt_outcome(team_id(team), attempt_id(n), outcome, at(2)).await).await;
        assert!(!set(1, 1, AttemptOutcome::Denied).await, "not claimed");
        assert!(claim(&db, 1, 1, at(1)).await);
        assert!(!set(2, 1, AttemptOutcome::Denied).await, "another team's");
        assert!(set(1, 1, AttemptOutcome::Denied).await);
        assert!(!set(1, 1, AttemptOutcome::Refused).await, "it has ended");
        assert_eq!(find(&db, 1, 1).await.unwrap().outcome, Some(AttemptOutcome::Denied));

        grant_to(&db, 1, 2, 1).await;
        assert!(set(1, 2, AttemptOutcome::AtlassianDown).await);
        assert!(set(1, 2, AttemptOutcome::ChooseSite).await, "tried again");
        assert_eq!(find(&db, 1, 2).await.unwrap().outcome, Some(AttemptOutcome::ChooseSite));
    }

    async fn every_outcome_is_read_back_as_it_was_written(db: TestDb) {
        two_teams(&db).await;
        for (n, outcome) in (1..).zip(AttemptOutcome::ALL) {
            begin(&db, &[attempt(n, 1, 0)]).await;
            assert!(claim(&db, 1, n, at(1)).await);
            assert!(write(&db, async |tx| tx.set_attempt_outcome(team_id(1), attempt_id(n), outcome, at(1)).await).await);
            assert_eq!(find(&db, 1, n).await.unwrap().outcome, Some(outcome));
        }
    }

    async fn finishing_erases_the_grant_and_another_team_cannot(db: TestDb) {
        two_teams(&db).await;
        begin(&db, &[attempt(1, 1, 0), attempt(2, 1, 0)]).await;
        let finish = async |team, n| write(&db, async |tx| tx.finish_attempt_grant(team_id(team), attempt_id(n), AttemptOutcome::NoSite, at(2)).await).await;
        assert!(!finish(1, 2).await, "it holds no grant");
        grant_to(&db, 1, 1, 1).await;
        assert!(!finish(2, 1).await, "another team's");
        assert!(find(&db, 1, 1).await.unwrap().grant.is_some());
        assert!(finish(1, 1).await);
        let left = find(&db, 1, 1).await.unwrap();
        assert_eq!((left.grant, left.outcome), (None, Some(AttemptOutcome::NoSite)));
    }

    async fn the_open_attempt_is_the_newest_of_the_team_that_can_go_on(db: TestDb) {
        two_teams(&db).await;
        begin(&db, &[attempt(1, 1, 0), attempt(2, 1, 2), attempt(3, 2, 3)]).await;
        let open = async |team, now| read(&db, async |tx| tx.find_open_attempt(team_id(team), JIRA, now).await).await;
        let id = |found: Option<ConnectAttempt>| found.map(|it| it.id);
        assert_eq!(id(open(1, at(3)).await), Some(attempt_id(2)));
        assert_eq!(id(open(2, at(3)).await), Some(attempt_id(3)));
        assert_eq!(id(open(3, at(3)).await), None);

        // The newest ended: the older one counts, and with a grant for longer than its trip.
        assert!(claim(&db, 1, 2, at(3)).await);
        assert_eq!(id(open(1, at(4)).await), Some(attempt_id(1)));
        grant_to(&db, 1, 1, 5).await;
        let end = at(5) + GRANT_LIFE;
        for now in [at(5), at(0) + TRIP_LIFE, end - MILLISECOND, end, end + MILLISECOND] {
            let found = open(1, now).await;
            assert_eq!(found.is_some(), find(&db, 1, 1).await.unwrap().is_open(now), "the same rule as in `domain`, {now}");
        }
    }

    async fn the_attempt_with_a_grant_is_that_of_the_same_person(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| tx.add_user(&user(3), "hash").await).await;
        let mut colleagues = attempt(3, 1, 2);
        colleagues.user = user_id(3);
        begin(&db, &[attempt(1, 1, 0), attempt(2, 1, 1), colleagues, attempt(4, 1, 3)]).await;
        for n in [1, 2, 3] {
            grant_to(&db, 1, n, 4).await;
        }
        let with_grant = async |team, user, now| {
            let found = read(&db, async |tx| tx.find_attempt_with_grant(team_id(team), JIRA, user_id(user), now).await).await;
            found.map(|it| it.id)
        };
        assert_eq!(with_grant(1, 1, at(5)).await, Some(attempt_id(2)), "the newest; the fourth has none");
        assert_eq!(with_grant(1, 3, at(5)).await, Some(attempt_id(3)));
        assert_eq!(with_grant(2, 1, at(5)).await, None, "another team");
        assert_eq!(with_grant(1, 1, at(4) + GRANT_LIFE).await, None, "too old");
    }

    async fn discarding_ends_what_can_go_on_in_that_team_and_nothing_else(db: TestDb) {
        two_teams(&db).await;
        begin(&db, &[attempt(1, 1, 5), attempt(2, 1, 5), attempt(3, 1, 0), attempt(4, 1, 5), attempt(5, 2, 5)]).await;
        grant_to(&db, 1, 2, 6).await;
        assert!(claim(&db, 1, 4, at(6)).await);
        assert!(write(&db, async |tx| tx.set_attempt_outcome(team_id(1), attempt_id(4), AttemptOutcome::Denied, at(6)).await).await);
        let now = at(0) + TRIP_LIFE;
        let close = async || write(&db, async |tx| tx.close_open_attempts(team_id(1), JIRA, now).await).await;
        assert_eq!(close().await, 2);
        assert_eq!(close().await, 0, "once");
        assert_eq!(read(&db, async |tx| tx.find_open_attempt(team_id(1), JIRA, now).await).await, None);
        assert!(!claim(&db, 1, 1, now).await, "a callback comes too late");
        let ended = async |team, n| { let it = find(&db, team, n).await.unwrap(); (it.outcome, it.finished_at, it.grant) };
        assert_eq!(ended(1, 1).await, (Some(AttemptOutcome::Discarded), Some(now), None));
        assert_eq!(ended(1, 2).await, (Some(AttemptOutcome::Discarded), Some(at(6)), None), "the time of its callback stays");
        assert_eq!(ended(1, 3).await, (None, None, None), "it was over");
        assert_eq!(ended(1, 4).await, (Some(AttemptOutcome::Denied), Some(at(6)), None));
        assert_eq!(ended(2, 5).await, (None, None, None), "another team's goes on");
    }

    async fn an_attempt_that_is_discarded_during_its_exchange_keeps_no_grant(db: TestDb) {
        two_teams(&db).await;
        begin(&db, &[attempt(1, 1, 0)]).await;
        assert!(claim(&db, 1, 1, at(1)).await);
        assert_eq!(write(&db, async |tx| tx.close_open_attempts(team_id(1), JIRA, at(2)).await).await, 1);
        let kept = write(&db, async |tx| tx.set_attempt_grant(team_id(1), attempt_id(1), &grant(3), at(3)).await).await;
        assert!(!kept);
        assert_eq!(find(&db, 1, 1).await.unwrap().outcome, Some(AttemptOutcome::Discarded));
    }

    async fn the_account_is_asked_about_while_there_is_a_grant_of_the_team(db: TestDb) {
        two_teams(&db).await;
        begin(&db, &[attempt(1, 1, 0)]).await;
        let site = CloudId::parse("1324a887-45db-4bf4-9e99-ef0ff456d421").unwrap();
        let ask = async |team| write(&db, async |tx| tx.set_account_question(team_id(team), attempt_id(1), &site, at(2)).await).await;
        assert!(!ask(1).await, "no grant");
        grant_to(&db, 1, 1, 1).await;
        assert!(!ask(2).await, "another team's");
        assert!(ask(1).await);
        let found = find(&db, 1, 1).await.unwrap();
        assert_eq!((found.outcome, found.chosen_site), (Some(AttemptOutcome::ChooseAccount), Some(site)));
    }

    async fn the_newest_attempt_of_a_person_is_found_however_it_ended(db: TestDb) {
        two_teams(&db).await;
        let newest = async |team: u128, user: u128| {
            read(&db, async |tx| tx.find_newest_attempt(team_id(team), JIRA, user_id(user)).await).await.map(|it| it.id)
        };
        assert_eq!(newest(1, 1).await, None);
        begin(&db, &[attempt(1, 1, 0), attempt(2, 1, 5), attempt(3, 2, 9)]).await;
        assert!(claim(&db, 1, 2, at(6)).await);
        assert_eq!(newest(1, 1).await, Some(attempt_id(2)));
        assert_eq!(newest(1, 2).await, None, "another person's");
    }
}
