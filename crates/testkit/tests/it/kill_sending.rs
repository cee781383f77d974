//! A process is killed at a step of sending a notice, and another one goes on: nothing is lost, and what
//! comes twice comes with the same id.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Instant,
};

use domain::{
    incident::{Incident, IncidentKind},
    outbox::{Channel, Occasion, SendOutcome},
};
use service::sending::SendStep;
use testkit::{
    db::TestDb,
    db_tests,
    hooks::{HookManner, HookSink},
    output::{self, Kind},
    smtp::{Manner, SmtpSink},
    world::{SignedInAdmin, World, WorldOptions},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

use crate::{proof::key_of_the_tests, refresher::LONGEST};

/// So soon a dead process's claims are taken over here.
const CLAIM_MILLIS: &str = "1000";

/// A running child; it is killed when the test drops it.
struct Running {
    child: Child,
    lines: UnboundedReceiver<String>,
}

impl Running {
    async fn reached(&mut self, step: SendStep) {
        let wanted = format!("reached {}", step.as_str());
        loop {
            match timeout(LONGEST, self.lines.recv()).await {
                Ok(Some(line)) if line == wanted => return,
                Ok(Some(_)) => {}
                other => panic!("a child did not come to {step:?}: {other:?}"),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

struct Proof {
    world: World,
    admin: SignedInAdmin,
    incident: Incident,
    mails: SmtpSink,
    hooks: HookSink,
}

impl Proof {
    async fn new(db: TestDb) -> Self {
        let options = WorldOptions {
            is_real_time: true,
            ..WorldOptions::default()
        };
        let world = World::with_options(db, options).await;
        let admin = world.admin("Ada", "Acme").await;
        let incident = world
            .open_incident(&admin, IncidentKind::ReconnectNeeded)
            .await;
        Self {
            world,
            admin,
            incident,
            mails: SmtpSink::start(Manner::Takes).await,
            hooks: HookSink::start(HookManner::Takes).await,
        }
    }

    fn start(&self, hold: Option<SendStep>) -> Running {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sender"))
            .env_clear()
            .env("DATABASE_URL", &*self.world.db.url)
            .env("ENCRYPTION_KEYS", key_of_the_tests())
            .env("SMTP_URL", self.mails.url())
            .env("WEBHOOK_URL", self.hooks.url())
            .env("CLAIM_MILLIS", CLAIM_MILLIS)
            .env("HOLD", hold.map_or("", SendStep::as_str))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                // Logs are searched for secrets when the whole run is over.
                output::add(Kind::Seen, ".process.log", format!("{line}\n").as_bytes());
            }
        });
        let (sender, lines) = unbounded_channel();
        let said = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Running { child, lines }
    }

    async fn write(&self, channel: Channel) {
        match channel {
            Channel::Mail => {
                self.world
                    .tell_admin(&self.admin, &self.incident, Occasion::Opened)
                    .await;
            }
            Channel::Webhook => {
                self.world.tell_receiver(&self.admin, &self.incident).await;
            }
        }
    }

    /// What arrived so far, by id.
    fn arrived(&self, channel: Channel) -> Vec<String> {
        match channel {
            Channel::Mail => {
                let mails = self.mails.mails();
                let ids = mails.iter().filter_map(|it| it.header("Message-ID"));
                ids.map(str::to_owned).collect()
            }
            Channel::Webhook => {
                let hooks = self.hooks.hooks();
                hooks.iter().map(|it| it.id().to_owned()).collect()
            }
        }
    }

    async fn until_all_is_sent(&self) {
        let begun = Instant::now();
        loop {
            let told = self.world.outcomes(Some(&self.admin)).await;
            if told.iter().all(|it| it.0 == Some(SendOutcome::Sent)) {
                return;
            }
            assert!(begun.elapsed() < LONGEST, "not sent: {told:?}");
            tokio::task::yield_now().await;
        }
    }
}

/// Kills one at each step. The other side sees the notice so often, before the kill and in the end.
async fn kill_at_each_step(db: TestDb, channel: Channel) {
    let proof = Proof::new(db).await;
    for (step, before, after) in [
        (SendStep::Claimed, 0, 1),
        (SendStep::Taken, 1, 2),
        (SendStep::BeforeCommit, 1, 2),
        (SendStep::Recorded, 1, 1),
    ] {
        let known = proof.arrived(channel).len();
        proof.write(channel).await;
        let mut child = proof.start(Some(step));
        child.reached(step).await;
        drop(child);
        assert_eq!(proof.arrived(channel).len() - known, before, "{step:?}");
        let another = proof.start(None);
        proof.until_all_is_sent().await;
        drop(another);
        let mut ids = proof.arrived(channel).split_off(known);
        assert_eq!(ids.len(), after, "{step:?}");
        ids.dedup();
        assert_eq!(ids.len(), 1, "{step:?}: a repeat has the same id");
    }
    let mut ids = proof.arrived(channel);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4, "none was lost");
}

db_tests! {
    async fn killed_at_any_step_of_sending_no_mail_is_lost_and_a_repeat_has_its_id(db: TestDb) {
        kill_at_each_step(db, Channel::Mail).await;
    }

    async fn killed_at_any_step_of_sending_no_webhook_is_lost_and_a_repeat_has_its_id(db: TestDb) {
        kill_at_each_step(db, Channel::Webhook).await;
    }
}
