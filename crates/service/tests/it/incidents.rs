//! Who is told of what, and how often: on the whole installation, with a clock that stands still.

use atlassian_sim::{Endpoint, Fault};
use domain::{
    incident::{IncidentEnding, IncidentKind},
    outbox::{Channel, Occasion, Recipient, SendOutcome},
    state::ConnectionState,
    team::Role,
};
use jiff::SignedDuration;
use store::Store;
use testkit::{
    db::TestDb,
    db_tests,
    world::{CLIENT_SECRET, SignedInAdmin, World},
};

mod operators;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A team connected just now, of which its services know.
async fn connected(db: TestDb) -> (World, SignedInAdmin) {
    let world = World::new(db).await.telling_everybody();
    let ada = world.admin("Ada", "Acme").await;
    world.connect(&ada, "Sam One").await.unwrap();
    world.look().await;
    world.env.advance(MINUTE);
    (world, ada)
}

/// Atlassian ends the grant, and we learn of it.
async fn grant_ends(world: &World) {
    world.env.advance(HOUR);
    world.sim.revoke_grants_of("Sam One");
    assert_eq!(world.refresh_due().await.failed, 1);
}

/// Time passes, and the workers run each `step`.
async fn run(world: &World, how_long: SignedDuration, step: SignedDuration) {
    let end = world.now() + how_long;
    while world.now() < end {
        world.env.advance(step);
        world.refresh_due().await;
        world.look().await;
    }
}

/// The site is found to be lost, or to be there, as the daily question writes it.
async fn site_is(world: &World, ada: &SignedInAdmin, is_there: bool) {
    let (credential, integration) = world.stored(ada).await;
    let (team, now) = (ada.team().id, world.now());
    let found = is_there.then_some(&integration.site);
    let mut tx = world.services.store.write().await.unwrap();
    let cloud_id = &integration.site.cloud_id;
    assert!(
        tx.set_site_checked(team, cloud_id, found, now)
            .await
            .unwrap()
    );
    tx.watch_connection(team, credential.id, now).await.unwrap();
    tx.commit().await.unwrap();
}

db_tests! {
    async fn a_grant_that_ends_is_told_once_and_its_mending_once(db: TestDb) {
        let (world, ada) = connected(db).await;
        let bo = world.join(&ada, "Bo", Role::Admin).await;
        world.join(&ada, "Cy", Role::Member).await;
        let team = Some(ada.team().id);
        assert_eq!(world.webhooks(team).await, ["connected"]);
        grant_ends(&world).await;
        let done = world.look().await;
        assert_eq!((done.opened, done.written), (1, 3));
        let told = world.told(team).await;
        let opened: Vec<_> = told.iter().filter(|it| it.entry.occasion == Occasion::Opened).collect();
        let mut admins: Vec<_> = opened.iter().map(|it| it.entry.recipient).collect();
        admins.sort_by_key(|it| format!("{it:?}"));
        let mut expected = [
            Recipient::Admin(Some(ada.person.user().id)),
            Recipient::Admin(Some(bo.person.user().id)),
            Recipient::Receiver,
        ];
        expected.sort_by_key(|it| format!("{it:?}"));
        assert_eq!(admins, expected);
        let notice = &opened[0].notice;
        let connection = notice.connection.as_ref().unwrap();
        assert_eq!(notice.reason.as_deref(), Some("grant_revoked"));
        assert_eq!(notice.since, world.now());
        assert_eq!(connection.state.0, ConnectionState::ReconnectNeeded);
        assert_eq!(connection.previous_state.unwrap().0, ConnectionState::Connected);
        assert_eq!(connection.path, "/a/acme/integrations/jira/");
        assert_eq!(connection.team.name, "Acme");
        assert!(connection.site.is_some());

        // Whatever fails meanwhile.
        for _ in 0..100 {
            world.token(&ada).await.unwrap_err();
        }
        run(&world, HOUR, MINUTE * 5).await;
        assert_eq!(world.told(team).await.len(), told.len());

        world.connect(&ada, "Sam One").await.unwrap();
        let done = world.look().await;
        assert_eq!((done.closed, done.written), (1, 3));
        assert_eq!(world.mails(team, Occasion::WorksAgain).await, 2);
        assert_eq!(world.webhooks(team).await, ["connected", "reconnect_needed", "connected"]);
        let incidents = world.incidents(team).await;
        assert_eq!(incidents.len(), 1);
        assert_eq!(incidents[0].closed, Some((world.now(), IncidentEnding::Works)));
        // The rest of the day.
        run(&world, HOUR * 24, HOUR / 2).await;
        assert_eq!(world.told(team).await.len(), told.len() + 3);
    }

    async fn ten_thousand_failing_calls_are_one_notice(db: TestDb) {
        let (world, ada) = connected(db).await;
        let team = Some(ada.team().id);
        grant_ends(&world).await;
        // PostgreSQL takes its time, beside all the other tests.
        let rounds = if matches!(world.db.store, Store::Sqlite { .. }) { 1_000 } else { 100 };
        for round in 0..rounds {
            let calls: Vec<_> = (0..10)
                .map(|_| {
                    let (world, ada) = (world.clone(), ada.clone());
                    tokio::spawn(async move { world.token(&ada).await })
                })
                .collect();
            for call in calls {
                call.await.unwrap().unwrap_err();
            }
            if round % 50 == 0 {
                world.look().await;
            }
        }
        world.look().await;
        assert_eq!(world.mails(team, Occasion::Opened).await, 1);
        assert_eq!(world.webhooks(team).await, ["connected", "reconnect_needed"]);
    }

    async fn people_are_reminded_eight_times_at_most(db: TestDb) {
        let (world, ada) = connected(db).await;
        let team = Some(ada.team().id);
        grant_ends(&world).await;
        world.look().await;
        let begun = world.now();
        run(&world, HOUR * 24 * 60, HOUR * 6).await;
        let told = world.told(team).await;
        let reminders = told.iter().filter(|it| it.entry.occasion == Occasion::Reminder);
        let days: Vec<_> = reminders
            .map(|it| (it.notice.at.duration_since(begun).as_hours() / 24, it.notice.incident.as_ref().unwrap().reminder))
            .collect();
        assert_eq!(days, [(1, 1), (3, 2), (7, 3), (14, 4), (21, 5), (28, 6), (35, 7), (42, 8)]);
        // Services were told once.
        assert_eq!(world.webhooks(team).await.len(), 2);
    }

    async fn a_clock_that_jumps_sends_one_reminder_and_loses_none(db: TestDb) {
        let (world, ada) = connected(db).await;
        let team = Some(ada.team().id);
        grant_ends(&world).await;
        world.look().await;
        world.env.jump(HOUR * 24 * 10);
        for _ in 0..5 {
            world.look().await;
        }
        assert_eq!(world.mails(team, Occasion::Reminder).await, 1);
        world.env.jump(-HOUR * 24 * 10);
        run(&world, HOUR * 24 * 60, HOUR * 6).await;
        assert_eq!(world.mails(team, Occasion::Reminder).await, 8);
        assert_eq!(world.mails(team, Occasion::Opened).await, 1);
    }

    async fn who_is_an_admin_then_is_told(db: TestDb) {
        let (world, ada) = connected(db).await;
        let team = Some(ada.team().id);
        let bo = world.join(&ada, "Bo", Role::Admin).await;
        grant_ends(&world).await;
        world.look().await;
        world.remove_from_team(&bo).await;
        let cy = world.join(&ada, "Cy", Role::Admin).await;
        run(&world, HOUR * 25, HOUR).await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.look().await;
        let told = world.told(team).await;
        let to = |admin: &SignedInAdmin| -> Vec<Occasion> {
            let recipient = Recipient::Admin(Some(admin.person.user().id));
            let own = told.iter().filter(|it| it.entry.recipient == recipient);
            own.map(|it| it.entry.occasion).collect()
        };
        let (opened, reminder, works) = (Occasion::Opened, Occasion::Reminder, Occasion::WorksAgain);
        assert_eq!(to(&ada), [opened, reminder, works]);
        assert_eq!(to(&bo), [opened]);
        assert_eq!(to(&cy), [reminder, works]);
    }

    // A whole day of it is played without a database, in `domain`.
    async fn what_flaps_every_minute_for_hours_is_told_once(db: TestDb) {
        let (world, ada) = connected(db).await;
        let team = Some(ada.team().id);
        for minute in 0..4 * 60 {
            site_is(&world, &ada, minute % 2 == 1).await;
            world.look().await;
            world.env.advance(MINUTE);
        }
        assert_eq!(world.mails(team, Occasion::Opened).await, 1);
        assert_eq!(world.webhooks(team).await, ["connected", "site_lost"]);
        assert_eq!(world.told(team).await.len(), 3);
        assert_eq!(world.incidents(team).await.len(), 1);
        // It holds at last: one "works again", five minutes later.
        for _ in 0..10 {
            world.look().await;
            world.env.advance(MINUTE);
        }
        assert_eq!(world.mails(team, Occasion::WorksAgain).await, 1);
        assert_eq!(world.webhooks(team).await, ["connected", "site_lost", "connected"]);
    }

    async fn another_need_is_told_within_the_same_incident(db: TestDb) {
        let (world, ada) = connected(db).await;
        let team = Some(ada.team().id);
        site_is(&world, &ada, false).await;
        world.look().await;
        grant_ends(&world).await;
        world.look().await;
        assert_eq!(world.webhooks(team).await, ["connected", "site_lost", "reconnect_needed"]);
        assert_eq!(world.mails(team, Occasion::Opened).await, 2);
        let incidents = world.incidents(team).await;
        assert_eq!(incidents.len(), 1);
        assert_eq!(incidents[0].kind, IncidentKind::ReconnectNeeded);
        world.env.advance(MINUTE);
        world.connect(&ada, "Sam One").await.unwrap();
        world.look().await;
        assert_eq!(world.mails(team, Occasion::WorksAgain).await, 1);
    }

    async fn a_disconnect_ends_it_and_what_was_not_sent_yet_is_dropped(db: TestDb) {
        let (world, ada) = connected(db).await;
        let team = Some(ada.team().id);
        grant_ends(&world).await;
        world.look().await;
        world.env.advance(MINUTE);
        world.disconnect(&ada).await;
        let done = world.look().await;
        assert_eq!((done.closed, done.written), (1, 1));
        assert_eq!(world.webhooks(team).await, ["connected", "reconnect_needed", "disconnected"]);
        assert_eq!(world.mails(team, Occasion::WorksAgain).await, 0);
        for told in world.told(team).await {
            let dropped = told.entry.channel == Channel::Mail;
            let ended = told.entry.ended.map(|(_, outcome)| outcome);
            assert_eq!(ended, dropped.then_some(SendOutcome::Dropped));
        }
        let (_, ending) = world.incidents(team).await[0].closed.unwrap();
        assert_eq!(ending, IncidentEnding::Disconnected);
    }

    async fn a_consent_that_ends_soon_is_told_thirty_days_ahead(db: TestDb) {
        let (world, ada) = connected(db).await;
        let team = Some(ada.team().id);
        let begun = world.now();
        run(&world, HOUR * 24 * 330, HOUR * 24 * 10).await;
        run(&world, HOUR * 24 * 6, HOUR * 6).await;
        let told = world.told(team).await;
        let opened = told.iter().find(|it| it.entry.occasion == Occasion::Opened).unwrap();
        assert_eq!(opened.notice.at.duration_since(begun).as_hours() / 24, 335);
        let kind = opened.notice.incident.as_ref().unwrap().kind.0;
        assert_eq!(kind, IncidentKind::RenewSoon);
        assert_eq!(world.mails(team, Occasion::Opened).await, 1);
        world.connect(&ada, "Sam One").await.unwrap();
        world.look().await;
        assert_eq!(world.webhooks(team).await, ["connected", "renew_soon", "connected"]);
    }

    async fn trouble_of_one_connection_is_told_to_services_once_it_lasts(db: TestDb) {
        let (world, ada) = connected(db).await;
        let team = Some(ada.team().id);
        // Another connection works, so the provider does; it is due later.
        world.env.advance(MINUTE * 20);
        let other = world.another_team(&ada, "Other").await;
        world.connect(&other, "Sam One").await.unwrap();
        world.env.advance(MINUTE * 36);
        world.sim.fault_always(Endpoint::Token, Fault::Status(418));
        world.refresh_due().await;
        world.look().await;
        assert_eq!(world.webhooks(team).await, ["connected"]);
        run(&world, MINUTE * 4, MINUTE).await;
        // The token ends in the hour after it was made.
        assert_eq!(world.webhooks(team).await, ["connected", "degraded", "waiting"]);
        world.sim.clear_faults();
        run(&world, MINUTE * 10, MINUTE).await;
        assert_eq!(world.webhooks(team).await, ["connected", "degraded", "waiting", "connected"]);
        assert_eq!(world.mails(team, Occasion::Opened).await, 0);
        assert_eq!(world.incidents(team).await, []);
    }

    async fn of_many_processes_one_tells(db: TestDb) {
        let world = World::new(db).await.telling_everybody();
        let ada = world.admin("Ada", "Acme").await;
        let mut teams = vec![ada.clone()];
        for number in 1..12 {
            teams.push(world.another_team(&ada, &format!("Team {number}")).await);
        }
        for admin in &teams {
            world.connect(admin, "Sam One").await.unwrap();
        }
        world.look().await;
        world.env.advance(HOUR);
        world.sim.revoke_grants_of("Sam One");
        world.refresh_due().await;
        tokio::join!(world.look(), world.look(), world.look(), world.look());
        world.look().await;
        for admin in &teams {
            let team = Some(admin.team().id);
            assert_eq!(world.incidents(team).await.len(), 1);
            assert_eq!(world.mails(team, Occasion::Opened).await, 1);
            assert_eq!(world.webhooks(team).await, ["connected", "reconnect_needed"]);
        }
    }

    async fn who_is_removed_in_the_midst_of_it_takes_it_along(db: TestDb) {
        let (world, ada) = connected(db).await;
        grant_ends(&world).await;
        world.look().await;
        let team = ada.team().id;
        let mut tx = world.services.store.write().await.unwrap();
        assert!(tx.remove_team(team).await.unwrap());
        tx.commit().await.unwrap();
        run(&world, HOUR * 50, HOUR * 5).await;
        assert_eq!(world.incidents(Some(team)).await, []);
        assert!(world.told(Some(team)).await.is_empty());
    }

    async fn without_a_receiver_no_webhooks_are_written_and_mails_are(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        world.look().await;
        grant_ends(&world).await;
        assert_eq!(world.look().await.written, 1);
        let told = world.told(Some(ada.team().id)).await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].entry.channel, Channel::Mail);
    }

    async fn what_an_older_version_made_is_no_news_but_who_is_needed_is_told(db: TestDb) {
        let (world, ada) = connected(db).await;
        let raw = "UPDATE connection_watches SET due_at = 0, told_state = NULL, told_at = NULL";
        world.db.raw(raw).await.unwrap();
        world.look().await;
        assert_eq!(world.webhooks(Some(ada.team().id)).await, ["connected"], "as before");
        grant_ends(&world).await;
        world.db.raw(raw).await.unwrap();
        world.look().await;
        assert_eq!(world.mails(Some(ada.team().id), Occasion::Opened).await, 1);
    }
}
