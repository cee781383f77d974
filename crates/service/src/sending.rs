//! Sends what is in the outbox: mails and webhooks.
//!
//! A process claims entries that are due, sends them, and records what came of it. A crash in between makes
//! the claim lapse: then the entry is sent again, with the same `Message-ID` or `webhook-id`. Without a
//! crash it is sent once: what this process has in hand it does not take again, whatever its clock says, and
//! a result that the store does not take is kept and recorded later. No transaction is open while anything
//! is sent. The rounds are made by [`crate::worker::send_notices`].

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use atlassian::Later;
use domain::{
    env::{Env, random},
    ids::OutboxId,
    outbox::{Channel, OutboxEntry},
};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::{Error, Services, webhook::NotTaken};

mod event;
mod mail;
mod recording;

use recording::record;
pub(crate) use recording::{ReceiverOff, record_left_over};

/// A point between which and the next a process may die.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendStep {
    /// The claim is committed; nothing was sent.
    Claimed,
    /// The other side took it; nothing was recorded.
    Taken,
    /// The record of that is written and not committed.
    BeforeCommit,
    /// It is committed.
    Recorded,
}

impl SendStep {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [
        Self::Claimed,
        Self::Taken,
        Self::BeforeCommit,
        Self::Recorded,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Taken => "taken",
            Self::BeforeCommit => "before_commit",
            Self::Recorded => "recorded",
        }
    }
}

/// Is told each step, and may hold the sending there.
pub trait SendSteps: fmt::Debug + Send + Sync {
    /// Sending `entry` has come to `step`, and goes on when this is done.
    fn reached(&self, step: SendStep, entry: OutboxId) -> Later<'_, ()>;
}

/// The product's: goes on at once.
#[derive(Clone, Copy, Debug)]
struct NoSteps;

impl SendSteps for NoSteps {
    fn reached(&self, _: SendStep, _: OutboxId) -> Later<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Longer than sending takes with everything: so long nobody else takes what was claimed.
const CLAIM: SignedDuration = SignedDuration::from_mins(1);

/// A process's part of the sending.
#[derive(Debug)]
pub struct Sender {
    claim: SignedDuration,
    steps: Arc<dyn SendSteps>,
    owner: OnceLock<Uuid>,
    in_hand: Mutex<HashSet<OutboxId>>,
    unrecorded: Mutex<Vec<Attended>>,
    /// Whether the mail server refused our user last: said once, not for each mail.
    is_refused: AtomicBool,
}

impl Default for Sender {
    fn default() -> Self {
        Self::new(CLAIM, Arc::new(NoSteps))
    }
}

/// What came of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Attended {
    entry: OutboxEntry,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The other side took it.
    Taken,
    /// It did not, or there was nothing to send.
    Not(NotTaken),
    /// The claim was too old when it was ready: nothing was sent.
    Late,
}

impl Sender {
    /// With another length of claims, and somebody who is told each step.
    pub fn new(claim: SignedDuration, steps: Arc<dyn SendSteps>) -> Self {
        Self {
            claim,
            steps,
            owner: OnceLock::new(),
            in_hand: Mutex::default(),
            unrecorded: Mutex::default(),
            is_refused: AtomicBool::new(false),
        }
    }

    /// Tells how far a notice has come that the other side took: one that it did not take begins anew.
    async fn reached(&self, step: SendStep, attended: &Attended) {
        if attended.verdict == Verdict::Taken {
            self.steps.reached(step, attended.entry.id).await;
        }
    }

    /// Whose claims those of this process are.
    fn owner(&self, env: &dyn Env) -> Uuid {
        *self.owner.get_or_init(|| Uuid::from_bytes(random(env)))
    }

    fn hands(&self) -> MutexGuard<'_, HashSet<OutboxId>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn results(&self) -> MutexGuard<'_, Vec<Attended>> {
        self.unrecorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a claim is young enough to send by: a process that was stopped in between must not send
    /// what another one has taken over.
    fn is_fresh(&self, claimed_at: Duration, env: &dyn Env) -> bool {
        let age = env.elapsed().saturating_sub(claimed_at);
        SignedDuration::try_from(age).is_ok_and(|age| age.saturating_mul(2) < self.claim)
    }
}

/// Takes the entries of a channel that are due, at most `most`; none of them twice at a time.
pub(crate) async fn claim(
    services: &Services,
    channel: Channel,
    most: i64,
) -> Result<Vec<OutboxEntry>, Error> {
    let sender = &services.sender;
    let owner = sender.owner(services.env.as_ref());
    let now = services.env.now();
    // Mostly there is nothing: no lock is taken each second for that.
    let mut tx = services.store.read().await?;
    if !tx.is_any_entry_due(channel, now).await? {
        return Ok(Vec::new());
    }
    drop(tx);
    let mut tx = services.store.write().await?;
    let mut entries = tx
        .claim_due_entries(channel, owner, sender.claim, most, now)
        .await?;
    tx.commit().await?;
    // A clock that jumped makes what is in hand look abandoned.
    entries.retain(|it| sender.hands().insert(it.id));
    Ok(entries)
}

/// Sends an entry that this process took, and records what came of it.
///
/// # Errors
///
/// If the database fails; what was sent is recorded later then.
pub(crate) async fn attend(
    services: &Services,
    entry: OutboxEntry,
    claimed_at: Duration,
) -> Result<Verdict, Error> {
    let sender = &services.sender;
    sender.steps.reached(SendStep::Claimed, entry.id).await;
    let verdict = match send(services, &entry, claimed_at).await {
        Ok(verdict) => verdict,
        Err(err) => {
            // Nothing was sent: it is taken again when the claim has lapsed.
            sender.hands().remove(&entry.id);
            return Err(err);
        }
    };
    let attended = Attended { entry, verdict };
    sender.reached(SendStep::Taken, &attended).await;
    match record(services, &attended).await {
        Ok(()) => {
            sender.hands().remove(&attended.entry.id);
            Ok(verdict)
        }
        Err(err) => {
            sender.results().push(attended);
            Err(err)
        }
    }
}

async fn send(
    services: &Services,
    entry: &OutboxEntry,
    claimed_at: Duration,
) -> Result<Verdict, Error> {
    let ready = match entry.channel {
        Channel::Mail => mail::prepare(services, entry).await?.map(Ready::Mail),
        Channel::Webhook => event::prepare(services, entry).await?.map(Ready::Event),
    };
    let ready = match ready {
        Ok(ready) => ready,
        Err(trouble) => return Ok(Verdict::Not(NotTaken::of(trouble))),
    };
    if !services.sender.is_fresh(claimed_at, services.env.as_ref()) {
        return Ok(Verdict::Late);
    }
    let sent = match ready {
        Ready::Mail(mail) => mail.send().await.map_err(NotTaken::of),
        Ready::Event(event) => event.send(services.env.now()).await,
    };
    Ok(sent.map_or_else(Verdict::Not, |()| Verdict::Taken))
}

enum Ready<'a> {
    Mail(mail::ReadyMail<'a>),
    Event(event::ReadyEvent<'a>),
}

/// What a mail server's refusal of our user is told by, once until it takes us again.
fn tell_of_credentials(services: &Services, is_refused: bool) {
    let was_refused = services
        .sender
        .is_refused
        .swap(is_refused, Ordering::SeqCst);
    if is_refused && !was_refused {
        tracing::error!(
            "the mail server refuses the user or the password of SMTP_URL; mails wait until it takes them: \
             `tformance doctor` names the cure"
        );
    }
}
