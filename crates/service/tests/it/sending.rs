//! Sending what is in the outbox, against servers that behave and ones that do not.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use domain::{
    incident::IncidentKind,
    outbox::{Channel, Occasion, SendOutcome},
};
use jiff::SignedDuration;
use service::{
    sending::Sender,
    webhook::WebhookReceiver,
    worker::send_notices::{Done, run_once},
};
use testkit::{
    db::TestDb,
    db_tests,
    hooks::{HookManner, HookSink},
    notices::Ways,
    smtp::{Manner, SmtpSink},
    world::{SignedInAdmin, World},
};

mod by_mail;
mod by_webhook;

/// For a server that never answers.
const SOON: Duration = Duration::from_millis(300);

async fn world(db: TestDb) -> (World, SignedInAdmin) {
    let world = World::new(db).await;
    let admin = world.admin("Ada", "Acme").await;
    (world, admin)
}

fn by_mail(world: &World, sink: &SmtpSink) -> World {
    world.sending_by(Ways {
        mail: Some(sink.server()),
        ..Ways::default()
    })
}

fn by_webhook(world: &World, receiver: WebhookReceiver) -> World {
    world.sending_by(Ways {
        receiver: Some(receiver),
        ..Ways::default()
    })
}

async fn round(world: &World, channel: Channel) -> Done {
    run_once(&world.services, channel).await.unwrap()
}

/// How the only entry of the team stands: how it ended, why it failed last, how often it was tried.
async fn only(world: &World, admin: &SignedInAdmin) -> (Option<SendOutcome>, String, u32) {
    let mut all = world.outcomes(Some(admin)).await;
    assert_eq!(all.len(), 1, "{all:?}");
    let (outcome, trouble, attempts) = all.remove(0);
    (outcome, trouble.unwrap_or_default(), attempts)
}

db_tests! {
    async fn a_slow_receiver_holds_up_no_mail(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = HookSink::start(HookManner::Hangs).await;
        let mails = SmtpSink::start(Manner::Takes).await;
        let process = world.sending_by(Ways {
            mail: Some(mails.server()),
            receiver: Some(sink.receiver()),
            sender: Sender::default(),
        });
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_receiver(&admin, &incident).await;
        let slow = tokio::spawn({
            let services = Arc::clone(&process.services);
            async move { run_once(&services, Channel::Webhook).await }
        });
        sink.until(1).await;
        world.tell_admin(&admin, &incident, Occasion::Opened).await;
        round(&process, Channel::Mail).await;
        assert_eq!(mails.mails().len(), 1);
        slow.abort();
    }

    async fn a_clock_that_jumps_a_day_doubles_nothing_that_is_in_hand(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = HookSink::start(HookManner::Hangs).await;
        let process = by_webhook(&world, sink.receiver());
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_receiver(&admin, &incident).await;
        let slow = tokio::spawn({
            let services = Arc::clone(&process.services);
            async move { run_once(&services, Channel::Webhook).await }
        });
        sink.until(1).await;
        // For the database the claim is over, as after a jump of its clock.
        world.db.raw("UPDATE outbox SET claimed_until = 0").await.unwrap();
        world.env.jump(SignedDuration::from_hours(24));
        assert_eq!(round(&process, Channel::Webhook).await, Done::default());
        assert_eq!(sink.hooks().len(), 1);
        slow.abort();
    }

    async fn a_clock_that_jumps_loses_nothing(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::TryLater).await;
        let process = by_mail(&world, &sink);
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_admin(&admin, &incident, Occasion::Opened).await;
        for hours in [24, -24, 24 * 30] {
            round(&process, Channel::Mail).await;
            world.env.jump(SignedDuration::from_hours(hours));
        }
        sink.set_manner(Manner::Takes);
        round(&process, Channel::Mail).await;
        assert_eq!(sink.mails().len(), 1);
    }

    async fn what_the_store_does_not_take_is_recorded_later_and_not_sent_again(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = HookSink::start(HookManner::Takes).await;
        let process = by_webhook(&world, sink.receiver());
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_receiver(&admin, &incident).await;
        // Sent, and then there is nowhere to note it.
        world.db.raw("ALTER TABLE webhook_receivers RENAME TO away").await.unwrap();
        world.db.raw("CREATE TABLE webhook_receivers AS SELECT * FROM away").await.unwrap();
        assert!(run_once(&process.services, Channel::Webhook).await.is_err());
        world.db.raw("UPDATE outbox SET claimed_until = 0").await.unwrap();
        assert!(run_once(&process.services, Channel::Webhook).await.is_err());
        world.db.raw("DROP TABLE webhook_receivers").await.unwrap();
        world.db.raw("ALTER TABLE away RENAME TO webhook_receivers").await.unwrap();
        round(&process, Channel::Webhook).await;
        assert_eq!(sink.hooks().len(), 1);
        assert_eq!(only(&world, &admin).await.0, Some(SendOutcome::Sent));
    }

    async fn what_a_later_version_wrote_waits_for_it(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = SmtpSink::start(Manner::Takes).await;
        let process = by_mail(&world, &sink);
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_admin(&admin, &incident, Occasion::Opened).await;
        world.db.raw(r#"UPDATE outbox SET payload = '{"version":"9"}'"#).await.unwrap();
        round(&process, Channel::Mail).await;
        assert_eq!(only(&world, &admin).await, (None, "unreadable".to_owned(), 1));
    }

    async fn many_are_sent_by_rounds_each_once(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = HookSink::start(HookManner::Takes).await;
        let one = by_webhook(&world, sink.receiver());
        let two = by_webhook(&world, sink.receiver());
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        for _ in 0..40 {
            world.tell_receiver(&admin, &incident).await;
        }
        let all = async |world: &World| while round(world, Channel::Webhook).await.is_full() {};
        tokio::join!(all(&one), all(&two));
        let hooks = sink.hooks();
        let ids: BTreeSet<_> = hooks.iter().map(|it| it.id().to_owned()).collect();
        assert_eq!((hooks.len(), ids.len()), (40, 40));
    }
}
