//! Records what came of sending an entry, and what it says of the receiver of webhooks.

use domain::{
    env::random,
    ids::OutboxId,
    outbox::{Channel, Occasion, OutboxEntry, Recipient, SendOutcome},
    sending::{RECEIVER_PATIENCE, SendTrouble, wait_after},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::Tx;

use super::{Attended, SendStep, Verdict, tell_of_credentials};
use crate::{Error, Services, webhook::NotTaken};

/// What the operator is told of a receiver that was switched off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReceiverOff {
    version: String,
    /// Whether it said that it is gone for good.
    pub(crate) is_gone: bool,
    /// Since when it failed.
    pub(crate) failing_since: Timestamp,
}

/// Records results that the store did not take when they came.
///
/// # Errors
///
/// If it does not take them now; they are kept.
pub(crate) async fn record_left_over(services: &Services) -> Result<(), Error> {
    let sender = &services.sender;
    loop {
        let Some(next) = sender.results().pop() else {
            return Ok(());
        };
        if let Err(err) = record(services, &next).await {
            sender.results().push(next);
            return Err(err);
        }
        sender.hands().remove(&next.entry.id);
    }
}

/// Records one result.
pub(super) async fn record(services: &Services, attended: &Attended) -> Result<(), Error> {
    let Attended { entry, verdict } = attended;
    let env = services.env.as_ref();
    let (owner, now) = (services.sender.owner(env), env.now());
    let mut tx = services.store.write().await?;
    let mut is_off = false;
    let told = match verdict {
        Verdict::Taken => {
            tx.set_entry_sent(entry.id, now).await?;
            if let Some(hash) = receiver_of(services, entry) {
                tx.set_receiver_works(&hash, now).await?;
            }
            Told::Sent
        }
        Verdict::Late => {
            tx.release_entry(entry.id, owner, now).await?;
            Told::Nothing
        }
        Verdict::Not(not) => {
            if not.trouble.is_receivers() {
                is_off = judge_receiver(services, &mut tx, entry, not.trouble, now).await?;
            }
            match next(services, entry, not) {
                Ok(next_at) => {
                    tx.set_entry_failed(entry.id, owner, not.trouble, next_at, now)
                        .await?;
                    Told::Again(not.trouble)
                }
                Err(outcome) => {
                    tx.set_entry_ended(entry.id, owner, outcome, not.trouble, now)
                        .await?;
                    Told::Ended(outcome, not.trouble)
                }
            }
        }
    };
    let sender = &services.sender;
    sender.reached(SendStep::BeforeCommit, attended).await;
    tx.commit().await?;
    sender.reached(SendStep::Recorded, attended).await;
    tell(services, entry, told);
    if is_off {
        tracing::error!(
            "the receiver of webhooks is switched off: it failed for too long, or says that it is gone; mend it, \
             then `tformance admin enable-webhook`"
        );
    }
    Ok(())
}

/// When it is tried again, or how it ends.
fn next(
    services: &Services,
    entry: &OutboxEntry,
    not: &NotTaken,
) -> Result<Timestamp, SendOutcome> {
    if let Some(outcome) = not.trouble.ending() {
        return Err(outcome);
    }
    let env = services.env.as_ref();
    let drawn = u16::from_be_bytes(random(env));
    wait_after(entry.channel, entry.attempts, not.asked_to_wait, drawn)
        .map(|wait| env.now() + wait)
        .ok_or(SendOutcome::GivenUp)
}

fn receiver_of(services: &Services, entry: &OutboxEntry) -> Option<[u8; 32]> {
    if entry.channel != Channel::Webhook {
        return None;
    }
    services
        .webhooks
        .as_ref()
        .map(|it| it.receiver().url_hash())
}

/// Notes that the receiver failed; switches it off where that has lasted, and says whether it did.
async fn judge_receiver(
    services: &Services,
    tx: &mut Tx,
    entry: &OutboxEntry,
    trouble: SendTrouble,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(hash) = receiver_of(services, entry) else {
        return Ok(false);
    };
    let health = tx.set_receiver_fails(&hash, now).await?;
    let failing_since = health.failing_since.unwrap_or(now);
    let is_gone = trouble == SendTrouble::Gone;
    if !is_gone && now.duration_since(failing_since) < RECEIVER_PATIENCE {
        return Ok(false);
    }
    let reason = if is_gone { "gone" } else { "failing" };
    if !tx.disable_receiver(&hash, reason, now).await? {
        return Ok(false);
    }
    if services.notices.settings.operator_email.is_some() {
        let told = ReceiverOff {
            version: "1".to_owned(),
            is_gone,
            failing_since,
        };
        let payload = serde_json::to_string(&told).map_err(anyhow::Error::new)?;
        tx.add_outbox_entry(&for_operator(services, payload, now))
            .await?;
    }
    Ok(true)
}

fn for_operator(services: &Services, payload: String, now: Timestamp) -> OutboxEntry {
    let id = OutboxId::new(services.env.as_ref());
    OutboxEntry {
        id,
        team: None,
        incident: None,
        channel: Channel::Mail,
        recipient: Recipient::Operator,
        occasion: Occasion::ReceiverDisabled,
        // Written in the statement's transaction that switches it off, which one process alone does.
        same_as: format!("receiver_disabled:{id}"),
        payload,
        due_at: Some(now),
        attempts: 0,
        ended: None,
        last_error: None,
        created_at: now,
    }
}

/// What an attempt came to, for whoever watches.
#[derive(Clone, Copy)]
enum Told {
    Sent,
    Again(SendTrouble),
    Ended(SendOutcome, SendTrouble),
    Nothing,
}

fn tell(services: &Services, entry: &OutboxEntry, told: Told) {
    let (channel, occasion) = (entry.channel.as_str(), entry.occasion.as_str());
    let id = entry.id;
    if entry.channel == Channel::Mail {
        match told {
            Told::Sent => tell_of_credentials(services, false),
            Told::Again(SendTrouble::Credentials) => tell_of_credentials(services, true),
            // The server was not asked, or said nothing of our user.
            Told::Again(_) | Told::Ended(..) | Told::Nothing => {}
        }
    }
    let outcome = match told {
        Told::Nothing => return,
        Told::Sent => {
            tracing::info!(outbox.id = %id, channel, occasion, "a notice was sent");
            "sent"
        }
        Told::Again(trouble) => {
            tracing::info!(
                outbox.id = %id, channel, occasion, trouble = trouble.as_str(), attempt = entry.attempts,
                "a notice was not taken; it is tried again"
            );
            "failed"
        }
        Told::Ended(SendOutcome::Dropped, trouble) => {
            tracing::info!(
                outbox.id = %id, channel, occasion, trouble = trouble.as_str(),
                "a notice is not needed any more"
            );
            "dropped"
        }
        Told::Ended(_, trouble) => {
            tracing::warn!(
                outbox.id = %id, channel, occasion, trouble = trouble.as_str(),
                "a notice was not sent, and is given up"
            );
            "given_up"
        }
    };
    services.metrics.attended(entry.channel, outcome);
}
