//! The audit log.

use domain::{
    audit::{AuditAction, AuditEvent},
    ids::{AuditEventId, TeamId},
};
use testkit::db_tests;
use uuid::Uuid;

use crate::rows::{at, read, team_id, user_id, write};

pub(crate) fn event(n: u128, team: Option<TeamId>) -> AuditEvent {
    AuditEvent {
        id: AuditEventId::from_uuid(Uuid::from_u128(n)),
        at: at(0),
        team,
        actor: Some(user_id(7)),
        action: AuditAction::CallbackRefused,
        subject: Some(Uuid::from_u128(8)),
        detail: Some("STATE_EXPIRED".to_owned()),
    }
}

db_tests! {
    async fn a_team_sees_its_own_rows_newest_first(db: TestDb) {
        let (one, two) = (Some(team_id(1)), Some(team_id(2)));
        let mut late = event(2, one);
        late.at = at(1);
        let (early, other, nobodys) = (event(3, one), event(4, two), event(5, None));
        for it in [&late, &early, &other, &nobodys] {
            write(&db, async |tx| tx.add_audit_event(it).await).await;
        }
        let list = async |team, limit| read(&db, async |tx| tx.list_audit_events(team_id(team), limit).await).await;
        assert_eq!(list(1, 10).await, [late.clone(), early]);
        assert_eq!(list(1, 1).await, [late]);
        assert_eq!(list(2, 10).await, [other]);
        assert_eq!(list(3, 10).await, []);
        let left = read(&db, async |tx| tx.list_audit_events_without_team(10).await).await;
        assert_eq!(left, [nobodys]);
        assert_eq!(read(&db, async |tx| tx.list_audit_events_without_team(0).await).await, []);
    }

    async fn every_action_is_read_back_as_it_was_written(db: TestDb) {
        for (n, action) in AuditAction::ALL.into_iter().enumerate() {
            let mut event = event(u128::try_from(n).unwrap(), Some(team_id(1)));
            (event.action, event.actor, event.subject, event.detail) = (action, None, None, None);
            write(&db, async |tx| tx.add_audit_event(&event).await).await;
        }
        let mut listed = read(&db, async |tx| tx.list_audit_events(team_id(1), 100).await).await;
        listed.reverse();
        let actions: Vec<_> = listed.iter().map(|it| it.action).collect();
        assert_eq!(actions, AuditAction::ALL);
        assert!(listed.iter().all(|it| it.actor.is_none() && it.subject.is_none() && it.detail.is_none()));
    }

    async fn the_log_outlives_the_team_and_the_person(db: TestDb) {
        crate::rows::two_teams(&db).await;
        let mut event = event(1, Some(team_id(1)));
        event.actor = Some(user_id(1));
        write(&db, async |tx| tx.add_audit_event(&event).await).await;
        db.raw("DELETE FROM teams").await.unwrap();
        db.raw("DELETE FROM users").await.unwrap();
        assert_eq!(read(&db, async |tx| tx.list_audit_events(team_id(1), 10).await).await, [event]);
    }
}
