//! The audit log as people read it: page by page, of one team only; and what the schema does not let happen.

use domain::{
    audit::{AuditAction, AuditEvent, AuditGroup},
    ids::{ApiKeyId, AuditEventId, TeamId},
    retention::Kept,
    text::{PersonName, ServiceName},
};
use jiff::{SignedDuration, Timestamp};
use store::{AuditFilter, AuditLogEntry, AuditPlace, Direction, DoneBy, StoreError};
use testkit::{db::TestDb, db_tests};
use uuid::Uuid;

use crate::{
    api_keys, audit,
    rows::{at, read, team_id, two_teams, user, user_id, write},
};

const ALL: AuditFilter = AuditFilter {
    from: None,
    to: None,
    group: None,
    by: DoneBy::Anybody,
    key: None,
};

fn change(n: u128, minutes: i64, action: AuditAction) -> AuditEvent {
    AuditEvent {
        id: AuditEventId::from_uuid(Uuid::from_u128(n)),
        at: at(minutes),
        team: Some(team_id(1)),
        actor: Some(user_id(1)),
        action,
        subject: None,
        detail: None,
    }
}

async fn add(db: &TestDb, events: &[AuditEvent]) {
    write(db, async |tx| {
        for event in events {
            tx.add_audit_event(event).await?;
        }
        Ok(())
    })
    .await;
}

async fn list(
    db: &TestDb,
    team: TeamId,
    filter: AuditFilter,
    direction: Direction,
    after: Option<AuditPlace>,
    limit: i64,
) -> Vec<AuditLogEntry> {
    read(db, async |tx| {
        tx.list_audit_log(team, &filter, direction, after, limit)
            .await
    })
    .await
}

/// The numbers of the rows that a filter leaves, the newest first.
async fn numbers(db: &TestDb, filter: AuditFilter) -> Vec<u128> {
    let found = list(db, team_id(1), filter, Direction::Backwards, None, 99).await;
    found
        .iter()
        .map(|it| it.event.id.uuid().as_u128())
        .collect()
}

/// The clock of the database: the one that guards the log.
async fn clock(db: &TestDb) -> Timestamp {
    read(db, async |tx| tx.find_clock().await).await
}

const GUARDED: SignedDuration = SignedDuration::from_hours(30 * 24);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

db_tests! {
    async fn a_row_is_never_changed_and_not_removed_in_its_first_30_days(db: TestDb) {
        let now = clock(&db).await;
        let mut rows = [1, 2, 3].map(|n| change(n, 0, AuditAction::Connected));
        rows[0].at = now - GUARDED - MINUTE;
        rows[1].at = now - GUARDED + MINUTE;
        // A clock of ours that is ahead.
        rows[2].at = now + GUARDED;
        add(&db, &rows).await;
        let before = db.rows("audit_events").await;
        for (sql, why) in [
            ("UPDATE audit_events SET detail = 'x'", "a row is never changed"),
            ("UPDATE audit_events SET created_at = 1, updated_at = 1", "a row is never changed"),
            ("DELETE FROM audit_events", "a row of the last 30 days is not removed"),
        ] {
            let err = db.raw(sql).await.unwrap_err();
            let told = format!("{err:?}");
            assert!(told.contains(&format!("audit_events: {why}")), "{sql}: {told}");
            assert_eq!(db.rows("audit_events").await, before, "{sql}");
        }
        // What is old enough can go, alone.
        db.raw(&format!("DELETE FROM audit_events WHERE created_at < {}", (now - GUARDED).as_millisecond())).await.unwrap();
        assert_eq!(numbers(&db, ALL).await, [3, 2]);
    }

    async fn no_other_way_leads_around_it(db: TestDb) {
        add(&db, &[change(1, 0, AuditAction::Connected)]).await;
        let before = db.rows("audit_events").await;
        let (sqlite, postgres) = (
            "REPLACE INTO audit_events SELECT id, NULL, NULL, 'connected', NULL, NULL, 1, 1 FROM audit_events",
            "TRUNCATE audit_events",
        );
        let sql = match db.store { store::Store::Sqlite { .. } => sqlite, store::Store::Postgres(_) => postgres };
        let told = format!("{:?}", db.raw(sql).await.unwrap_err());
        assert!(told.contains("audit_events: "), "{told}");
        // A row is added once.
        let again = async {
            let mut tx = db.store.write().await?;
            tx.add_audit_event(&change(1, 1, AuditAction::Disconnected)).await
        };
        assert!(matches!(again.await, Err(StoreError::Duplicate | StoreError::Database(_))));
        assert_eq!(db.rows("audit_events").await, before);
    }

    async fn a_clock_of_ours_that_is_ahead_removes_what_the_database_lets_go(db: TestDb) {
        let now = clock(&db).await;
        let mut rows = [1, 2].map(|n| change(n, 0, AuditAction::Connected));
        rows[0].at = now - GUARDED - MINUTE;
        rows[1].at = now - GUARDED + MINUTE;
        add(&db, &rows).await;
        let years_ahead = now + SignedDuration::from_hours(24 * 9_999);
        let removed = write(&db, async |tx| tx.remove_old(Kept::AuditEvents, years_ahead, 9).await).await;
        assert_eq!(removed, 1, "refused as a whole, or not held back");
        assert_eq!(numbers(&db, ALL).await, [2]);
    }

    async fn the_log_is_read_page_by_page_in_both_directions(db: TestDb) {
        // Three of one millisecond, and one on either side.
        let rows = [(1, 0), (2, 1), (3, 1), (4, 1), (5, 2)];
        let rows = rows.map(|(n, minute)| change(n, minute, AuditAction::Connected));
        add(&db, &rows).await;
        add(&db, &[audit::event(9, Some(team_id(2))), audit::event(8, None)]).await;
        let place = |n: usize| Some(AuditPlace { at: rows[n - 1].at, id: rows[n - 1].id.uuid() });
        let page = async |direction, after| {
            let found = list(&db, team_id(1), ALL, direction, after, 2).await;
            found.iter().map(|it| it.event.id.uuid().as_u128()).collect::<Vec<_>>()
        };
        let (back, forth) = (Direction::Backwards, Direction::Forwards);
        assert_eq!(page(back, None).await, [5, 4]);
        assert_eq!(page(back, place(4)).await, [3, 2]);
        // What comes meanwhile moves nothing.
        add(&db, &[change(6, 3, AuditAction::Disconnected)]).await;
        assert_eq!(page(back, place(2)).await, [1]);
        assert_eq!(page(back, place(1)).await, []);
        assert_eq!(page(forth, place(1)).await, [2, 3]);
        assert_eq!(page(forth, place(4)).await, [5, 6]);
        let others = list(&db, team_id(2), ALL, back, None, 9).await;
        assert_eq!(others.iter().map(|it| it.event.id.uuid().as_u128()).collect::<Vec<_>>(), [9]);
        assert_eq!(list(&db, team_id(3), ALL, back, None, 9).await, []);
    }

    async fn each_filter_leaves_what_it_says(db: TestDb) {
        let key = ApiKeyId::from_uuid(Uuid::from_u128(77));
        let mut rows = [
            change(1, 0, AuditAction::ApiKeyCreated),
            change(2, 1, AuditAction::SiteLost),
            change(3, 2, AuditAction::RoleChanged),
            change(4, 3, AuditAction::CallbackRefused),
            change(5, 4, AuditAction::TeamRenamed),
        ];
        rows[0].subject = Some(key.uuid());
        rows[1].actor = None;
        rows[2].actor = Some(user_id(2));
        add(&db, &rows).await;
        let of = |group| AuditFilter { group: Some(group), ..ALL };
        for (n, group) in [(1, AuditGroup::Keys), (2, AuditGroup::Connection), (3, AuditGroup::People), (4, AuditGroup::Refused), (5, AuditGroup::Team)] {
            assert_eq!(numbers(&db, of(group)).await, [n], "{group:?}");
        }
        assert_eq!(numbers(&db, of(AuditGroup::Server)).await, []);
        assert_eq!(numbers(&db, AuditFilter { by: DoneBy::Person(user_id(2)), ..ALL }).await, [3]);
        assert_eq!(numbers(&db, AuditFilter { by: DoneBy::Nobody, ..ALL }).await, [2]);
        assert_eq!(numbers(&db, AuditFilter { key: Some(key), ..ALL }).await, [1]);
        let days = AuditFilter { from: Some(at(1)), to: Some(at(3)), ..ALL };
        assert_eq!(numbers(&db, days).await, [3, 2], "from its first moment, before its last");
        assert_eq!(numbers(&db, AuditFilter { group: Some(AuditGroup::Keys), ..days }).await, []);
        // A place outside of the days widens nothing.
        let outside = Some(AuditPlace { at: at(9), id: Uuid::nil() });
        let found = list(&db, team_id(1), days, Direction::Backwards, outside, 9).await;
        assert_eq!(found.len(), 2);
        let before = Some(AuditPlace { at: at(-9), id: Uuid::nil() });
        let found = list(&db, team_id(1), days, Direction::Forwards, before, 9).await;
        assert_eq!(found.len(), 2);
    }

    async fn names_are_those_of_now_and_of_people_whom_the_team_knows(db: TestDb) {
        two_teams(&db).await;
        assert!(api_keys::add(&db, 1, 1, "billing").await && api_keys::add(&db, 2, 2, "theirs").await);
        let mut made = change(1, 1, AuditAction::ApiKeyCreated);
        made.subject = Some(Uuid::from_u128(1));
        // Of another team: such a subject is never written, and would not be told.
        let mut theirs = change(2, 2, AuditAction::ApiKeyRevoked);
        theirs.subject = Some(Uuid::from_u128(2));
        let mut role = change(3, 3, AuditAction::RoleChanged);
        role.subject = Some(user_id(2).uuid());
        // Somebody of another team, in whose browser a link of this team was opened.
        let mut refused = change(4, 4, AuditAction::CallbackRefused);
        refused.actor = Some(user_id(2));
        let own = change(5, 5, AuditAction::CallbackRefused);
        let mut gone = change(6, 6, AuditAction::Disconnected);
        gone.actor = Some(user_id(9));
        add(&db, &[made, theirs, role, refused, own, gone]).await;
        let found = list(&db, team_id(1), ALL, Direction::Forwards, None, 9).await;
        let ada = Some(PersonName::parse("Person 1").unwrap());
        let actors: Vec<_> = found.iter().map(|it| it.actor.clone()).collect();
        assert_eq!(actors, [ada.clone(), ada.clone(), ada.clone(), None, ada, None]);
        let keys: Vec<_> = found.iter().map(|it| it.key.clone()).collect();
        assert_eq!(keys[..2], [Some(ServiceName::parse("billing").unwrap()), None]);
        assert!(keys[2..].iter().all(Option::is_none));
        assert_eq!(found[2].person, Some(PersonName::parse("Person 2").unwrap()));
        assert!(found.iter().filter(|it| it.person.is_some()).count() == 1);
    }

    async fn people_can_be_chosen_who_are_in_the_team_or_changed_something(db: TestDb) {
        two_teams(&db).await;
        write(&db, async |tx| {
            for n in 3..=5 {
                tx.add_user(&user(n), "hash").await?;
            }
            Ok(())
        })
        .await;
        let by = |n, minutes, actor: Option<u128>, action| AuditEvent { actor: actor.map(user_id), ..change(n, minutes, action) };
        let (changed, refused) = (AuditAction::Connected, AuditAction::CallbackRefused);
        add(&db, &[
            by(1, 1, Some(4), changed),
            by(2, 2, Some(3), refused),
            by(3, 3, Some(3), changed),
            by(4, 4, None, changed),
            by(5, 5, Some(9), changed),
            by(6, 6, Some(2), refused),
            by(7, 7, Some(4), changed),
            AuditEvent { team: Some(team_id(2)), ..by(8, 8, Some(5), changed) },
        ])
        .await;
        let people = async |limit| {
            let found = read(&db, async |tx| tx.find_audit_choices(team_id(1), limit).await).await;
            let people = found.people.into_iter();
            people.map(|it| (it.id.uuid().as_u128(), it.name.is_some(), it.is_member)).collect::<Vec<_>>()
        };
        let all = [(1, true, true), (3, true, false), (4, true, false), (9, false, false)];
        assert_eq!(people(99).await, all);
        assert_eq!(people(2).await, all[..2]);
    }

    async fn what_can_be_chosen_is_of_the_team(db: TestDb) {
        two_teams(&db).await;
        for (n, team, name) in [(1, 1, "search"), (2, 1, "billing"), (3, 2, "theirs"), (4, 1, "old")] {
            assert!(api_keys::add(&db, n, team, name).await);
        }
        let old = ApiKeyId::from_uuid(Uuid::from_u128(4));
        write(&db, async |tx| tx.revoke_api_key(team_id(1), old, at(5)).await).await;
        let found = read(&db, async |tx| tx.find_audit_choices(team_id(1), 99).await).await;
        let people: Vec<_> = found.people.iter().map(|it| it.name.as_ref().unwrap().as_str()).collect();
        assert_eq!(people, ["Person 1"]);
        let keys: Vec<_> = found.keys.iter().map(|it| (it.name.as_str(), it.created_at, it.revoked_at)).collect();
        assert_eq!(keys, [("billing", at(0), None), ("search", at(0), None), ("old", at(0), Some(at(5)))]);
        let few = read(&db, async |tx| tx.find_audit_choices(team_id(1), 1).await).await;
        assert_eq!((few.people.len(), few.keys.len()), (1, 1));
        let none = read(&db, async |tx| tx.find_audit_choices(team_id(3), 9).await).await;
        assert_eq!(none, store::AuditChoices::default());
    }
}
