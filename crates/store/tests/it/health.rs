//! What the page of a connection shows, each part of one team only.

use domain::{
    audit::{AuditAction, AuditEvent},
    credential::{Generation, RefreshOutcome},
    ids::{AuditEventId, CredentialId, RefreshEventId, UserId},
    incident::IncidentKind,
    outbox::{Channel, Occasion, SendOutcome},
    rate_budget::{Budget, Left, Limit},
    refresh_event::{RefreshCause, RefreshEvent},
    usage::Answer,
};
use store::{Happened, TimelineEntry, TimelineFilter, TimelinePlace};
use testkit::{db::TestDb, db_tests};
use uuid::Uuid;

use crate::{
    api_keys::add,
    incidents::{add_incidents, incident_id},
    outbox::entry,
    rate_budgets,
    rows::{
        JIRA, at, credential, integration, read, team_id, two_connected_teams, user, user_id, write,
    },
};

fn credential_id(n: u128) -> CredentialId {
    CredentialId::from_uuid(Uuid::from_u128(n))
}

fn event(n: u128, team: u128, minutes: i64, outcome: RefreshOutcome) -> RefreshEvent {
    RefreshEvent {
        id: RefreshEventId::from_uuid(Uuid::from_u128(n)),
        team: team_id(team),
        credential: credential_id(team),
        generation: Generation(1),
        cause: RefreshCause::Schedule,
        outcome,
        http_status: (outcome != RefreshOutcome::Ok).then_some(503),
        duration_ms: 20,
        at: at(minutes),
    }
}

fn change(
    n: u128,
    team: u128,
    minutes: i64,
    action: AuditAction,
    actor: Option<UserId>,
) -> AuditEvent {
    AuditEvent {
        id: AuditEventId::from_uuid(Uuid::from_u128(n)),
        at: at(minutes),
        team: Some(team_id(team)),
        actor,
        action,
        subject: None,
        detail: None,
    }
}

/// Refreshes 1 to 4, of which the third fails, and changes 11 to 15, of which the last is none of the
/// connection's; of another team one of each.
async fn history(db: &TestDb) {
    two_connected_teams(db).await;
    write(db, async |tx| {
        for n in 1..=4_u8 {
            let outcome = if n == 3 {
                RefreshOutcome::Ambiguous
            } else {
                RefreshOutcome::Ok
            };
            tx.add_refresh_event(&event(n.into(), 1, i64::from(n) * 10, outcome))
                .await?;
        }
        tx.add_refresh_event(&event(9, 2, 10, RefreshOutcome::Ok))
            .await?;
        for changed in [
            change(11, 1, 5, AuditAction::Connected, Some(user_id(1))),
            // In the same moment as a refresh.
            change(12, 1, 20, AuditAction::SiteLost, None),
            change(13, 1, 25, AuditAction::Reconnected, Some(user_id(77))),
            change(14, 2, 25, AuditAction::Connected, Some(user_id(2))),
            change(15, 1, 26, AuditAction::ApiKeyCreated, Some(user_id(1))),
        ] {
            tx.add_audit_event(&changed).await?;
        }
        Ok(())
    })
    .await;
}

/// The receiver whose hash is all ones failed for too long.
async fn disable_receiver(db: &TestDb) {
    let hex = "01".repeat(32);
    let hash = match db.store {
        store::Store::Sqlite { .. } => format!("X'{hex}'"),
        store::Store::Postgres(_) => format!("'\\x{hex}'"),
    };
    let disabled_at = at(5).as_millisecond();
    db.raw(&format!(
        "INSERT INTO webhook_receivers (url_hash, disabled_at, created_at, updated_at) \
         VALUES ({hash}, {disabled_at}, 0, 0)"
    ))
    .await
    .unwrap();
}

async fn timeline(
    db: &TestDb,
    filter: TimelineFilter,
    before: Option<TimelinePlace>,
    limit: i64,
) -> Vec<TimelineEntry> {
    read(db, async |tx| {
        tx.list_timeline(team_id(1), credential_id(1), filter, before, limit)
            .await
    })
    .await
}

fn ids(entries: &[TimelineEntry]) -> Vec<u128> {
    entries.iter().map(|it| it.place.id.as_u128()).collect()
}

db_tests! {
    async fn what_surrounds_a_page_is_the_persons_and_the_teams(db: TestDb) {
        two_connected_teams(&db).await;
        write(&db, async |tx| {
            tx.set_jira_integration(&integration(1, "acme"), at(0)).await?;
            tx.add_membership(team_id(2), user_id(1), domain::team::Role::Member, at(0)).await?;
            Ok(())
        }).await;
        let around = read(&db, async |tx| tx.find_surroundings(user_id(1), team_id(1), JIRA, at(0)).await).await;
        let teams: Vec<_> = around.teams.iter().map(|(team, role)| (team.id, *role)).collect();
        assert_eq!(teams, [(team_id(1), domain::team::Role::Admin), (team_id(2), domain::team::Role::Member)]);
        assert_eq!(around.admins, [user(1).name]);
        assert_eq!(around.connection.credential, Some(credential(1)));
        assert_eq!(around.connection.integration, Some(integration(1, "acme")));
        assert_eq!(around.connection.connected_by, Some(user(1).name));
        // Of the other one: its own admins and connection.
        let around = read(&db, async |tx| tx.find_surroundings(user_id(1), team_id(2), JIRA, at(0)).await).await;
        assert_eq!((around.teams.len(), around.admins), (2, vec![user(2).name]));
        assert_eq!(around.connection.credential.map(|it| it.id), Some(credential_id(2)));
        // Of a team that the person is not in: nothing.
        let around = read(&db, async |tx| tx.find_surroundings(user_id(2), team_id(1), JIRA, at(0)).await).await;
        assert_eq!((around.teams.len(), around.admins.len()), (1, 0));
        assert!(around.connection.credential.is_none());
    }

    async fn the_attempt_beside_is_read_on_top(db: TestDb) {
        two_connected_teams(&db).await;
        write(&db, async |tx| tx.add_attempt(&crate::rows::attempt(1, 1, 0)).await).await;
        let both = read(&db, async |tx| {
            let around = tx.find_surroundings(user_id(1), team_id(1), JIRA, at(0)).await?;
            tx.find_attempts_beside(team_id(1), JIRA, at(1), around.connection).await
        }).await;
        let whole = read(&db, async |tx| tx.find_connection_overview(team_id(1), JIRA, at(1)).await).await;
        assert_eq!(format!("{both:?}"), format!("{whole:?}"), "both ways to it say the same");
        assert!(both.attempt.is_some());
    }

    async fn a_timeline_tells_refreshes_and_changes_in_their_order(db: TestDb) {
        history(&db).await;
        let all = timeline(&db, TimelineFilter::All, None, 50).await;
        assert_eq!(ids(&all), [4, 3, 13, 12, 2, 1, 11]);
        let failures = timeline(&db, TimelineFilter::Failures, None, 50).await;
        assert_eq!(ids(&failures), [3, 12]);
        let changes = timeline(&db, TimelineFilter::Changes, None, 50).await;
        assert_eq!(ids(&changes), [13, 12, 11]);
        let Happened::Refresh { cause, outcome, http_status, duration_ms } = all[1].what else { panic!("{:?}", all[1]) };
        assert_eq!((cause, outcome, http_status, duration_ms), (RefreshCause::Schedule, RefreshOutcome::Ambiguous, Some(503), 20));
        let told: Vec<_> = changes.into_iter().map(|it| match it.what {
            Happened::Change { by, is_by_person, .. } => (by, is_by_person),
            Happened::Refresh { .. } => panic!("a refresh is no change"),
        }).collect();
        assert_eq!(told, [(None, true), (None, false), (Some(user(1).name), true)]);
    }

    async fn a_timeline_is_read_part_by_part_without_loss_or_repeat(db: TestDb) {
        history(&db).await;
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let part = timeline(&db, TimelineFilter::All, before, 2).await;
            let Some(last) = part.last() else { break };
            before = Some(last.place);
            seen.extend(ids(&part));
        }
        assert_eq!(seen, [4, 3, 13, 12, 2, 1, 11]);
    }

    async fn what_is_counted_is_the_teams_own_and_of_its_days(db: TestDb) {
        history(&db).await;
        let day = at(0).as_second() / 86_400;
        db.raw("INSERT INTO daily_usage (team_id, day_at, call, answer, count, created_at, updated_at) \
                SELECT id, 1797552000000, 'token', 'served', 5000000000, 0, 0 FROM teams").await.unwrap();
        db.raw("INSERT INTO daily_usage (team_id, day_at, call, answer, count, created_at, updated_at) \
                SELECT id, 1797552000000, 'proxy', 'served', 2, 0, 0 FROM teams WHERE slug = 'team-1'").await.unwrap();
        assert_eq!(day * 86_400_000, 1_797_552_000_000);
        assert!(add(&db, 1, 1, "billing").await && add(&db, 2, 2, "search").await);
        db.raw("INSERT INTO key_usage (team_id, key_id, minute_at, call, method, path_template, http_status, answer, count, created_at, updated_at) \
                SELECT team_id, id, 1797552060000, 'token', 'POST', '', 200, 'served', 7, 0, 0 FROM api_keys").await.unwrap();
        db.raw("INSERT INTO key_usage (team_id, key_id, minute_at, call, method, path_template, http_status, answer, count, created_at, updated_at) \
                SELECT team_id, id, 1797552060000, 'proxy', 'GET', '', 429, 'callers_fault', 2, 0, 0 FROM api_keys").await.unwrap();
        // Of yesterday.
        db.raw("INSERT INTO key_usage (team_id, key_id, minute_at, call, method, path_template, http_status, answer, count, created_at, updated_at) \
                SELECT team_id, id, 1797551940000, 'token', 'POST', '', 200, 'served', 99, 0, 0 FROM api_keys").await.unwrap();
        let mut counts = read(&db, async |tx| {
            tx.find_health_counts(team_id(1), Some(credential_id(1)), at(0), at(0), at(0)).await
        }).await;
        counts.refreshes.sort_by_key(|it| it.2);
        assert_eq!(counts.refreshes, [(day, RefreshOutcome::Ambiguous, 1), (day, RefreshOutcome::Ok, 3)]);
        assert_eq!(counts.calls, [(day, Answer::Served, 5_000_000_002)]);
        let services: Vec<_> = counts.services.iter().map(|it| (it.name.as_str(), it.calls_today, it.limited_today, it.last_used_at)).collect();
        assert_eq!(services, [("billing", 9, 2, None)]);
        // Later in the month nothing of it is left, and without a credential there are no refreshes.
        let counts = read(&db, async |tx| {
            tx.find_health_counts(team_id(1), None, at(60 * 24), at(60 * 24), at(60 * 24)).await
        }).await;
        assert_eq!((counts.refreshes.len(), counts.calls.len(), counts.services.len()), (0, 0, 1));
        assert_eq!(counts.services[0].calls_today, 0);
    }

    async fn an_hour_that_is_used_up_is_told_to_those_whom_it_concerns(db: TestDb) {
        two_connected_teams(&db).await;
        write(&db, async |tx| tx.set_jira_integration(&integration(2, "other"), at(0)).await).await;
        let told = async |team: u128, now| {
            let credential = Some(credential_id(team));
            read(&db, async |tx| tx.find_health_counts(team_id(team), credential, at(0), at(0), now).await).await.used_up_until
        };
        let hour = |limit, site| rate_budgets::of(site, limit, "");
        let refused = |until| Budget { refused_until: Some(at(until)), ..Budget::default() };
        let burst = rate_budgets::of(Some("cloud-acme"), Limit::Burst, "GET x");
        rate_budgets::set(&db, &burst, refused(60)).await;
        assert_eq!(told(1, at(0)).await, None);
        let left = |points| Budget { left: Some(Left { points, until: at(30) }), ..Budget::default() };
        rate_budgets::set(&db, &hour(Limit::SiteHour, Some("cloud-acme")), left(1)).await;
        assert_eq!(told(1, at(0)).await, None, "there is some left");
        rate_budgets::set(&db, &hour(Limit::SiteHour, Some("cloud-acme")), left(0)).await;
        assert_eq!((told(1, at(0)).await, told(2, at(0)).await), (Some(at(30)), None));
        rate_budgets::set(&db, &hour(Limit::AppHour, None), refused(20)).await;
        assert_eq!((told(1, at(0)).await, told(2, at(0)).await), (Some(at(30)), Some(at(20))));
        assert_eq!((told(1, at(20)).await, told(2, at(20)).await, told(1, at(30)).await), (Some(at(30)), None, None));
    }

    async fn the_last_incidents_come_with_what_was_sent_of_them(db: TestDb) {
        two_connected_teams(&db).await;
        add_incidents(&db).await;
        write(&db, async |tx| {
            tx.add_outbox_entry(&entry(1, 1)).await?;
            tx.add_outbox_entry(&entry(2, 2)).await
        }).await;
        let found = read(&db, async |tx| tx.find_sent_notices(team_id(1), credential_id(1), None).await).await;
        let found = found.incidents;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id, found[0].kind, found[0].opened_at, found[0].closed), (incident_id(1), IncidentKind::ReconnectNeeded, at(0), None));
        let first = found[0].notices.first().unwrap();
        assert_eq!((first.channel, first.occasion, first.attempts, first.ended), (Channel::Mail, Occasion::Opened, 0, None));
        assert!(first.is_for_admin);
        assert_eq!(first.to, Some(user(1).name));
        db.raw("UPDATE outbox SET due_at = NULL, outcome = 'given_up', ended_at = 7, attempts = 3, last_error = 'refused'").await.unwrap();
        let found = read(&db, async |tx| tx.find_sent_notices(team_id(1), credential_id(1), None).await).await;
        let first = found.incidents[0].notices.first().unwrap();
        assert_eq!((first.attempts, first.ended.map(|it| it.1), first.last_error.as_deref()), (3, Some(SendOutcome::GivenUp), Some("refused")));
        let of_another = read(&db, async |tx| tx.find_sent_notices(team_id(2), credential_id(1), None).await).await;
        assert!(of_another.incidents.is_empty());
    }
    async fn a_receiver_that_is_not_tried_any_more_is_told_by_its_own_hash(db: TestDb) {
        two_connected_teams(&db).await;
        let (ours, other) = ([1_u8; 32], [2_u8; 32]);
        let told = async |hash: Option<[u8; 32]>| {
            read(&db, async |tx| {
                tx.find_sent_notices(team_id(1), credential_id(1), hash.as_ref().map(<[u8; 32]>::as_slice)).await
            }).await.receiver_disabled_at
        };
        assert_eq!(told(Some(ours)).await, None);
        disable_receiver(&db).await;
        assert_eq!((told(Some(ours)).await, told(Some(other)).await, told(None).await), (Some(at(5)), None, None));
    }
}
