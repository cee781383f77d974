//! What is to be sent.

use domain::{
    ids::OutboxId,
    outbox::{Channel, Occasion, OutboxEntry, Recipient, SendOutcome},
};
use jiff::Timestamp;
use testkit::db_tests;
use uuid::Uuid;

use crate::{
    incidents::{add_incidents, incident_id},
    rows::{at, read, team_id, two_connected_teams, user_id, write},
};

/// A mail for the admin of a team, which tells that its incident opened.
pub(crate) fn entry(n: u128, team: u128) -> OutboxEntry {
    OutboxEntry {
        id: OutboxId::from_uuid(Uuid::from_u128(n)),
        team: Some(team_id(team)),
        incident: Some(incident_id(team)),
        channel: Channel::Mail,
        recipient: Recipient::Admin(Some(user_id(team))),
        occasion: Occasion::Opened,
        same_as: format!("notice {n}"),
        payload: "{}".to_owned(),
        due_at: Some(at(0)),
        attempts: 0,
        ended: None,
        last_error: None,
        created_at: at(i64::try_from(n).unwrap()),
    }
}

db_tests! {
    async fn the_same_notice_is_written_once(db: TestDb) {
        two_connected_teams(&db).await;
        add_incidents(&db).await;
        let first = entry(1, 1);
        let again = OutboxEntry { same_as: first.same_as.clone(), ..entry(2, 1) };
        let of_operator = OutboxEntry {
            team: None,
            incident: None,
            channel: Channel::Webhook,
            recipient: Recipient::Receiver,
            ..entry(3, 1)
        };
        write(&db, async |tx| {
            assert!(tx.add_outbox_entry(&first).await?);
            assert!(!tx.add_outbox_entry(&again).await?);
            assert!(tx.add_outbox_entry(&of_operator).await?);
            Ok(())
        })
        .await;
        let list = async |team| read(&db, async |tx| tx.list_outbox_entries(team, 10).await).await;
        assert_eq!(list(Some(team_id(1))).await, [first]);
        assert_eq!(list(Some(team_id(2))).await, []);
        assert_eq!(list(None).await, [of_operator]);
    }

    async fn what_is_over_before_it_was_tried_is_dropped(db: TestDb) {
        two_connected_teams(&db).await;
        add_incidents(&db).await;
        let webhook = OutboxEntry {
            channel: Channel::Webhook,
            recipient: Recipient::Receiver,
            ..entry(2, 1)
        };
        let works = OutboxEntry { occasion: Occasion::WorksAgain, ..entry(3, 1) };
        write(&db, async |tx| {
            for new in [&entry(1, 1), &webhook, &works, &entry(4, 2)] {
                assert!(tx.add_outbox_entry(new).await?);
            }
            // Of another team, nothing.
            assert_eq!(tx.drop_untried_mails(Some(team_id(2)), incident_id(1), at(9)).await?, 0);
            assert_eq!(tx.drop_untried_mails(Some(team_id(1)), incident_id(1), at(9)).await?, 1);
            Ok(())
        })
        .await;
        let ended = async |team| -> Vec<Option<(Timestamp, SendOutcome)>> {
            let all = read(&db, async |tx| tx.list_outbox_entries(Some(team_id(team)), 10).await).await;
            all.into_iter().map(|it| it.ended).collect()
        };
        assert_eq!(ended(1).await, [None, None, Some((at(9), SendOutcome::Dropped))]);
        assert_eq!(ended(2).await, [None]);
    }
}
