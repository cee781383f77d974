//! Sending what is in the outbox: claims, and what came of them.

use domain::{
    ids::OutboxId,
    outbox::{Channel, Occasion, OutboxEntry, Recipient, SendOutcome},
    sending::SendTrouble,
};
use jiff::{SignedDuration, Timestamp};
use store::{ToldBefore, Waiting};
use testkit::{db::TestDb, db_tests};
use uuid::Uuid;

use crate::{
    incidents::{add_incidents, incident_id},
    outbox::entry,
    rows::{at, read, team_id, two_connected_teams, user_id, write},
};

const LONG: SignedDuration = SignedDuration::from_mins(1);
/// A claim that lapses at once.
const OVER: SignedDuration = SignedDuration::ZERO;

fn owner(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn webhook(n: u128, team: u128) -> OutboxEntry {
    OutboxEntry {
        channel: Channel::Webhook,
        recipient: Recipient::Receiver,
        ..entry(n, team)
    }
}

async fn with(db: &TestDb, entries: &[OutboxEntry]) {
    two_connected_teams(db).await;
    add_incidents(db).await;
    write(db, async |tx| {
        for entry in entries {
            assert!(tx.add_outbox_entry(entry).await?);
        }
        Ok(())
    })
    .await;
}

async fn claim(
    db: &TestDb,
    who: u128,
    channel: Channel,
    length: SignedDuration,
    now: Timestamp,
) -> Vec<OutboxId> {
    let claimed = write(db, async |tx| {
        tx.claim_due_entries(channel, owner(who), length, 2, now)
            .await
    })
    .await;
    let mut ids: Vec<_> = claimed.into_iter().map(|it| it.id).collect();
    ids.sort_by_key(|it| it.uuid());
    ids
}

async fn only(db: &TestDb, team: u128) -> OutboxEntry {
    let mut all = read(db, async |tx| {
        tx.list_outbox_entries(Some(team_id(team)), 10).await
    })
    .await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn ids(numbers: &[u128]) -> Vec<OutboxId> {
    let of = |n: &u128| OutboxId::from_uuid(Uuid::from_u128(*n));
    numbers.iter().map(of).collect()
}

db_tests! {
    async fn what_is_due_is_claimed_once_by_channel_and_the_longest_due_first(db: TestDb) {
        let later = |n, minutes| OutboxEntry { due_at: Some(at(minutes)), ..entry(n, 1) };
        with(&db, &[later(1, 3), later(2, 1), later(3, 2), later(4, 9), webhook(5, 2)]).await;
        assert_eq!(claim(&db, 1, Channel::Mail, LONG, at(0)).await, []);
        assert_eq!(claim(&db, 1, Channel::Mail, LONG, at(5)).await, ids(&[2, 3]));
        assert_eq!(claim(&db, 2, Channel::Mail, LONG, at(5)).await, ids(&[1]));
        assert_eq!(claim(&db, 2, Channel::Mail, LONG, at(5)).await, []);
        assert_eq!(claim(&db, 1, Channel::Webhook, LONG, at(5)).await, ids(&[5]));
    }

    async fn what_is_due_is_seen_before_it_is_claimed_by_channel(db: TestDb) {
        with(&db, &[entry(1, 1), OutboxEntry { due_at: Some(at(5)), ..webhook(2, 1) }]).await;
        for (channel, now, is_due) in [
            (Channel::Mail, at(-1), false),
            (Channel::Mail, at(0), true),
            (Channel::Webhook, at(4), false),
            (Channel::Webhook, at(5), true),
        ] {
            let found = read(&db, async |tx| tx.is_any_entry_due(channel, now).await).await;
            assert_eq!(found, is_due, "{channel:?} {now}");
        }
    }

    async fn a_claim_that_lapsed_is_taken_over_and_each_counts_as_an_attempt(db: TestDb) {
        with(&db, &[entry(1, 1)]).await;
        assert_eq!(claim(&db, 1, Channel::Mail, OVER, at(0)).await, ids(&[1]));
        assert_eq!(claim(&db, 2, Channel::Mail, LONG, at(0)).await, ids(&[1]));
        assert_eq!(only(&db, 1).await.attempts, 2);
        // The first one's failure does not count any more; what it sent does.
        let id = ids(&[1])[0];
        let failed = write(&db, async |tx| {
            tx.set_entry_failed(id, owner(1), SendTrouble::TimedOut, at(9), at(1)).await
        });
        assert!(!failed.await);
        let ended = write(&db, async |tx| {
            let outcome = SendOutcome::GivenUp;
            tx.set_entry_ended(id, owner(1), outcome, SendTrouble::Gone, at(1)).await
        });
        assert!(!ended.await);
        assert!(!write(&db, async |tx| tx.release_entry(id, owner(1), at(1)).await).await);
        assert!(write(&db, async |tx| tx.set_entry_sent(id, at(1)).await).await);
        assert!(!write(&db, async |tx| tx.set_entry_sent(id, at(2)).await).await);
        let sent = only(&db, 1).await;
        assert_eq!((sent.ended, sent.due_at), (Some((at(1), SendOutcome::Sent)), None));
        assert_eq!(claim(&db, 3, Channel::Mail, OVER, at(9)).await, []);
    }

    async fn what_failed_is_due_again_and_what_was_released_does_not_count(db: TestDb) {
        with(&db, &[entry(1, 1)]).await;
        let id = ids(&[1])[0];
        claim(&db, 1, Channel::Mail, LONG, at(0)).await;
        assert!(write(&db, async |tx| tx.release_entry(id, owner(1), at(0)).await).await);
        assert_eq!(only(&db, 1).await.attempts, 0);
        claim(&db, 1, Channel::Mail, LONG, at(0)).await;
        assert!(write(&db, async |tx| {
            tx.set_entry_failed(id, owner(1), SendTrouble::TimedOut, at(9), at(1)).await
        }).await);
        let failed = only(&db, 1).await;
        assert_eq!((failed.attempts, failed.due_at), (1, Some(at(9))));
        assert_eq!(failed.last_error.as_deref(), Some("timed_out"));
        assert_eq!(claim(&db, 1, Channel::Mail, LONG, at(8)).await, []);
        assert_eq!(claim(&db, 1, Channel::Mail, LONG, at(9)).await, ids(&[1]));
        assert!(write(&db, async |tx| {
            let outcome = SendOutcome::Dropped;
            tx.set_entry_ended(id, owner(1), outcome, SendTrouble::NotAdmin, at(9)).await
        }).await);
        let ended = only(&db, 1).await;
        assert_eq!((ended.due_at, ended.ended), (None, Some((at(9), SendOutcome::Dropped))));
        assert_eq!(ended.last_error.as_deref(), Some("not_admin"));
    }

    async fn claims_of_a_dead_process_are_forgotten(db: TestDb) {
        with(&db, &[entry(1, 1)]).await;
        claim(&db, 1, Channel::Mail, LONG, at(0)).await;
        assert_eq!(write(&db, async |tx| tx.forget_claims().await).await, 1);
        assert_eq!(claim(&db, 2, Channel::Mail, LONG, at(0)).await, ids(&[1]));
    }

    async fn what_somebody_was_told_of_an_incident_is_known(db: TestDb) {
        let reminder = OutboxEntry { occasion: Occasion::Reminder, ..entry(2, 1) };
        let of_another = OutboxEntry { recipient: Recipient::Admin(Some(user_id(2))), ..entry(3, 1) };
        let of_team_2 = OutboxEntry { team: Some(team_id(2)), ..entry(4, 1) };
        let of_none = OutboxEntry { incident: None, ..entry(5, 1) };
        with(&db, &[entry(1, 1), reminder.clone(), webhook(6, 1)]).await;
        let told = async |entry: &OutboxEntry| {
            read(&db, async |tx| tx.find_told_before(entry).await).await
        };
        let opening = Some(ids(&[1])[0]);
        let untold = ToldBefore { opening, was_told: false, is_over: false };
        assert_eq!(told(&reminder).await, untold);
        assert_eq!(told(&entry(1, 1)).await, ToldBefore { opening: None, ..untold });
        write(&db, async |tx| tx.set_entry_sent(ids(&[1])[0], at(1)).await).await;
        assert_eq!(told(&reminder).await, ToldBefore { was_told: true, ..untold });
        assert_eq!(told(&entry(1, 1)).await, ToldBefore { opening: None, ..untold });
        for other in [&of_another, &of_team_2, &of_none] {
            assert_eq!(told(other).await, ToldBefore::default(), "{other:?}");
        }
        let over = format!("UPDATE incidents SET closed_at = 1, ending = 'works', due_at = NULL WHERE reminders = {}", 0);
        db.raw(&over).await.unwrap();
        assert!(told(&reminder).await.is_over);
        assert_eq!(reminder.incident, Some(incident_id(1)));
    }

    async fn what_was_given_up_of_late_is_sent_after_all(db: TestDb) {
        with(&db, &[webhook(1, 1), webhook(2, 1), entry(3, 2)]).await;
        let end = async |n: usize, channel, now| {
            claim(&db, 1, channel, LONG, at(0)).await;
            write(&db, async |tx| {
                let id = ids(&[1, 2, 3])[n];
                let outcome = SendOutcome::GivenUp;
                tx.set_entry_ended(id, owner(1), outcome, SendTrouble::ReceiverDisabled, now).await
            }).await
        };
        assert!(end(0, Channel::Webhook, at(1)).await && end(1, Channel::Webhook, at(5)).await);
        assert!(end(2, Channel::Mail, at(5)).await);
        assert_eq!(write(&db, async |tx| tx.resend_webhooks(at(5), at(7)).await).await, 1);
        assert_eq!(claim(&db, 2, Channel::Webhook, LONG, at(7)).await, ids(&[2]));
        assert_eq!(claim(&db, 2, Channel::Mail, LONG, at(7)).await, []);
    }

    async fn what_waits_is_counted_by_channel(db: TestDb) {
        with(&db, &[entry(2, 1), entry(3, 2), webhook(4, 1), webhook(5, 1)]).await;
        write(&db, async |tx| tx.set_entry_sent(ids(&[4])[0], at(5)).await).await;
        let mut waiting = read(&db, async |tx| tx.list_waiting().await).await;
        waiting.sort_by_key(|it| it.channel.as_str());
        let mail = Waiting { channel: Channel::Mail, count: 2, oldest: at(2) };
        let webhook = Waiting { channel: Channel::Webhook, count: 1, oldest: at(5) };
        assert_eq!(waiting, [mail, webhook]);
    }
}
