//! A process for tests that kill it while it sends: the product's workers, with the length of the claim and
//! the step to stop at as arguments. Never shipped.
//!
//! It prints `reached STEP` and stands still there. When its standard input ends, so does the process: it
//! does not outlive the test.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program of tests, which talks to them and may fail loudly"
)]

use std::sync::Arc;

use atlassian::Later;
use domain::ids::OutboxId;
use jiff::SignedDuration;
use service::{
    Policy, Services,
    mail::{MailServer, Mailer},
    sending::{SendStep, SendSteps, Sender},
    start::recover_leases,
    webhook::Webhooks,
    worker,
};
use store::Store;
use testkit::{app::ORIGIN, env::RealEnv, hooks::receiver, smtp::MAIL_FROM};
use tokio_util::sync::CancellationToken;
use vault::KeyRing;

/// Stands still at one step.
#[derive(Debug)]
struct Held(Option<SendStep>);

impl SendSteps for Held {
    fn reached(&self, step: SendStep, _: OutboxId) -> Later<'_, ()> {
        Box::pin(async move {
            if self.0 == Some(step) {
                println!("reached {}", step.as_str());
                std::future::pending::<()>().await;
            }
        })
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    std::thread::spawn(|| {
        for _line in std::io::stdin().lines().map_while(Result::ok) {}
        std::process::exit(0);
    });
    let base: url::Url = ORIGIN.parse().unwrap();
    let hold = variable("HOLD");
    let hold = SendStep::ALL.into_iter().find(|it| it.as_str() == hold);
    let claim = SignedDuration::from_millis(variable("CLAIM_MILLIS").parse().unwrap());
    let mail = MailServer::parse(&variable("SMTP_URL").into(), MAIL_FROM).unwrap();
    let hooks = receiver(
        &variable("WEBHOOK_URL"),
        service::webhook::WebhookRules::default(),
    );
    let services = Services::new(
        Store::open(&variable("DATABASE_URL")).await.unwrap(),
        KeyRing::parse(&variable("ENCRYPTION_KEYS").into()).unwrap(),
        None,
        Arc::new(RealEnv),
        Policy::default(),
    );
    let services = services
        .with_mailer(Some(Mailer::new(mail, base.clone())))
        .with_webhooks(Some(Webhooks::new(hooks, base)))
        .with_sender(Sender::new(claim, Arc::new(Held(hold))));
    recover_leases(&services).await.unwrap();
    println!("sending");
    let working = tokio::spawn(worker::run(Arc::new(services), CancellationToken::new()));
    working.await.unwrap();
}
