//! Webhooks: what comes, and receivers in trouble.

use std::time::{Duration, Instant};

use domain::{
    incident::IncidentKind,
    outbox::{Channel, SendOutcome},
};
use jiff::SignedDuration;
use service::{sending::Sender, webhook::WebhookRules};
use testkit::{
    app::ORIGIN,
    db_tests,
    hooks::{self, HookManner, HookSink, Odd, OddServer},
    logs,
    notices::{OPERATOR, Ways},
    smtp::{Manner, SmtpSink},
};

use super::{SOON, by_webhook, only, round, world};

/// For a receiver that answers, on a busy machine.
const LONG: Duration = Duration::from_secs(30);

db_tests! {
    async fn a_webhook_is_signed_and_the_same_bytes_in_every_attempt(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = HookSink::start(HookManner::Answers(500)).await;
        let process = by_webhook(&world, sink.receiver());
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        let entry = world.tell_receiver(&admin, &incident).await;
        round(&process, Channel::Webhook).await;
        assert_eq!(only(&world, &admin).await, (None, "receiver_fails".to_owned(), 1));
        world.env.advance(SignedDuration::from_secs(6));
        sink.set_manner(HookManner::Takes);
        round(&process, Channel::Webhook).await;
        round(&process, Channel::Webhook).await;
        let hooks = sink.hooks();
        assert_eq!(hooks.len(), 2);
        for hook in &hooks {
            assert_eq!(hook.call, "POST /hook");
            assert_eq!(hook.id(), format!("msg_{}", entry.id.uuid().simple()));
            assert_eq!(hook.header("content-type"), "application/json");
            assert!(hook.header("user-agent").starts_with("tformance/"));
            assert!(hook.header("webhook-signature").starts_with("v1,"));
        }
        assert_eq!(hooks[0].body, hooks[1].body);
        let at = |n: usize| hooks[n].header("webhook-timestamp").parse::<i64>().unwrap();
        assert_eq!(at(1) - at(0), 6);
        assert_ne!(hooks[0].header("webhook-signature"), hooks[1].header("webhook-signature"));
        let body: serde_json::Value = serde_json::from_str(&hooks[0].body).unwrap();
        assert_eq!(body["type"], "connection.state_changed");
        assert_eq!(body["data"]["connection"]["url"], format!("{ORIGIN}/a/acme/integrations/jira/"));
        assert_eq!(only(&world, &admin).await, (Some(SendOutcome::Sent), String::new(), 2));
    }

    async fn receivers_that_misbehave_cost_an_attempt_and_nothing_else(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = HookSink::start(HookManner::Takes).await;
        let (hangs_up, nonsense) = (OddServer::start(Odd::HangsUp).await, OddServer::start(Odd::Nonsense).await);
        let at = |url: &str| hooks::receiver(url, WebhookRules::default());
        let plain = WebhookRules { allow_plain_http: true, ..WebhookRules::default() };
        for (receiver, manner, trouble) in [
            (sink.receiver(), HookManner::Redirects, "redirected"),
            (sink.receiver(), HookManner::Answers(404), "refused_by_receiver"),
            (sink.receiver(), HookManner::Hangs, "timed_out"),
            (at(&hangs_up.url()), HookManner::Takes, "broken"),
            (at(&nonsense.url()), HookManner::Takes, "broken"),
            (at("http://127.0.0.1:1/"), HookManner::Takes, "refused"),
            (at("https://127.0.0.1:1/"), HookManner::Takes, "refused"),
            (at(&sink.url().replace("http:", "https:")), HookManner::Takes, "tls"),
            (hooks::receiver("http://receiver.invalid/", plain), HookManner::Takes, "unreachable"),
        ] {
            sink.set_manner(manner);
            let patience = if manner == HookManner::Hangs { SOON } else { LONG };
            let process = by_webhook(&world, receiver.with_patience(patience).unwrap());
            world.db.raw("DELETE FROM outbox").await.unwrap();
            world.db.raw("DELETE FROM incidents").await.unwrap();
            let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
            world.tell_receiver(&admin, &incident).await;
            round(&process, Channel::Webhook).await;
            assert_eq!(only(&world, &admin).await, (None, trouble.to_owned(), 1), "{trouble}");
        }
        assert!(sink.hooks().iter().all(|it| it.call == "POST /hook"), "nothing was followed");
        assert!(!logs::written().contains("words of the receiver"));
    }

    async fn an_answer_without_an_end_is_not_read_to_its_end(db: TestDb) {
        let (world, admin) = world(db).await;
        let endless = OddServer::start(Odd::Endless).await;
        let process = by_webhook(&world, hooks::receiver(&endless.url(), WebhookRules::default()));
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_receiver(&admin, &incident).await;
        let begun = Instant::now();
        round(&process, Channel::Webhook).await;
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(only(&world, &admin).await, (Some(SendOutcome::Sent), String::new(), 1));
    }

    async fn a_private_address_is_refused_where_that_is_forbidden_whatever_its_name(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = HookSink::start(HookManner::Takes).await;
        let url = format!("http://localhost:{}/hook", sink.port());
        let strict = WebhookRules { forbid_private: true, ..WebhookRules::default() };
        let process = by_webhook(&world, hooks::receiver(&url, strict));
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_receiver(&admin, &incident).await;
        round(&process, Channel::Webhook).await;
        assert_eq!(only(&world, &admin).await, (None, "private_address".to_owned(), 1));
        assert!(sink.hooks().is_empty());
        // The same name where it is not forbidden.
        world.env.advance(SignedDuration::from_secs(6));
        let process = by_webhook(&world, hooks::receiver(&url, WebhookRules::default()));
        round(&process, Channel::Webhook).await;
        assert_eq!(sink.hooks().len(), 1);
    }

    async fn a_receiver_that_asks_for_patience_gets_it(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = HookSink::start(HookManner::AsksToWait(429, 600)).await;
        let process = by_webhook(&world, sink.receiver());
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        world.tell_receiver(&admin, &incident).await;
        // Without being asked, the second attempt comes after five seconds.
        for (minutes, hooks) in [(0, 1), (9, 1), (2, 2)] {
            world.env.advance(SignedDuration::from_mins(minutes));
            round(&process, Channel::Webhook).await;
            assert_eq!(sink.hooks().len(), hooks);
        }
    }

    async fn a_receiver_that_is_gone_is_switched_off_and_the_operator_told_once(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = HookSink::start(HookManner::Answers(410)).await;
        let mails = SmtpSink::start(Manner::Takes).await;
        let process = world.sending_by(Ways {
            mail: Some(mails.server()),
            receiver: Some(sink.receiver()),
            sender: Sender::default(),
        });
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        for _ in 0..3 {
            world.env.advance(SignedDuration::from_secs(1));
            world.tell_receiver(&admin, &incident).await;
            round(&process, Channel::Webhook).await;
        }
        assert_eq!(sink.hooks().len(), 1);
        let why: Vec<_> = world.outcomes(Some(&admin)).await.into_iter().filter_map(|it| it.1).collect();
        assert_eq!(why, ["gone", "receiver_disabled", "receiver_disabled"]);
        round(&process, Channel::Mail).await;
        let told = mails.mails();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].to, [OPERATOR]);
        assert_eq!(told[0].header("Subject"), Some("Tformance has switched webhooks off"));
        assert!(told[0].text.contains("tformance admin enable-webhook"));
        assert!(logs::written().contains("the receiver of webhooks is switched off"));
        // Another address starts afresh.
        let other = HookSink::start(HookManner::Takes).await;
        let process = by_webhook(&world, other.receiver());
        world.tell_receiver(&admin, &incident).await;
        round(&process, Channel::Webhook).await;
        assert_eq!(other.hooks().len(), 1);
    }

    async fn a_receiver_that_fails_for_five_days_is_switched_off_and_on_again_by_the_operator(db: TestDb) {
        let (world, admin) = world(db).await;
        let sink = HookSink::start(HookManner::Answers(503)).await;
        let process = by_webhook(&world, sink.receiver());
        let incident = world.open_incident(&admin, IncidentKind::ReconnectNeeded).await;
        let day = SignedDuration::from_hours(24);
        let mut days = 0;
        while world.outcomes(None).await.is_empty() {
            world.tell_receiver(&admin, &incident).await;
            round(&process, Channel::Webhook).await;
            world.env.advance(day);
            days += 1;
            assert!(days < 20);
        }
        assert_eq!(days, 6);
        let before = sink.hooks().len();
        sink.set_manner(HookManner::Takes);
        while round(&process, Channel::Webhook).await.due > 0 {}
        assert_eq!(sink.hooks().len(), before);
        let receiver = sink.receiver();
        let enabled = service::receiver::enable(&process.services, &receiver).await.unwrap();
        assert!(enabled.was_off && enabled.resent > 0, "{enabled:?}");
        while round(&process, Channel::Webhook).await.due > 0 {}
        let after = u64::try_from(sink.hooks().len() - before).unwrap();
        assert_eq!(after, enabled.resent);
        let again = service::receiver::enable(&process.services, &receiver).await.unwrap();
        assert!(!again.was_off);
    }
}
