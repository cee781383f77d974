//! A mail of the outbox: to whom it goes is looked up when it is sent.

use domain::{
    ids::{TeamId, UserId},
    outbox::{Occasion, OutboxEntry, Recipient},
    sending::SendTrouble,
    team::Role,
    text::EmailAddress,
};
use lettre::Message;
use store::{ToldBefore, Tx};

use super::ReceiverOff;
use crate::{
    Error, Services,
    mail::{MailError, Mailer, NoticeMail, Subject},
    notices::payload::Payload,
};

/// A mail that is ready to go.
pub(super) struct ReadyMail<'a> {
    mailer: &'a Mailer,
    message: Message,
}

impl ReadyMail<'_> {
    pub(super) async fn send(self) -> Result<(), SendTrouble> {
        self.mailer.send(self.message).await.map_err(trouble)
    }
}

const fn trouble(err: MailError) -> SendTrouble {
    match err {
        MailError::Refused => SendTrouble::Refused,
        MailError::Unreachable => SendTrouble::Unreachable,
        MailError::TimedOut => SendTrouble::TimedOut,
        MailError::Tls => SendTrouble::Tls,
        MailError::Credentials => SendTrouble::Credentials,
        MailError::Answer(500..) => SendTrouble::MailRefused,
        MailError::Answer(_) => SendTrouble::TryLater,
        MailError::Unexpected => SendTrouble::Broken,
    }
}

/// Finds the address, looks whether it is still to be told, and writes the mail: the same words in every
/// attempt.
pub(super) async fn prepare<'a>(
    services: &'a Services,
    entry: &OutboxEntry,
) -> Result<Result<ReadyMail<'a>, SendTrouble>, Error> {
    let mut tx = services.store.read().await?;
    let told = tx.find_told_before(entry).await?;
    let to = match address(services, &mut tx, entry).await? {
        Ok(to) => to,
        Err(trouble) => return Ok(Err(trouble)),
    };
    drop(tx);
    if let Some(trouble) = is_needless(entry, told) {
        return Ok(Err(trouble));
    }
    let Some(mailer) = &services.mailer else {
        return Ok(Err(SendTrouble::NoMailServer));
    };
    let Some(subject) = subject(entry) else {
        return Ok(Err(SendTrouble::Unreadable));
    };
    let mail = NoticeMail {
        id: entry.id,
        answers: told.opening,
        written_at: entry.created_at,
        subject,
    };
    let message = mailer.notice(&to, &mail);
    Ok(message
        .map(|message| ReadyMail { mailer, message })
        .ok_or(SendTrouble::NoAddress))
}

fn subject(entry: &OutboxEntry) -> Option<Subject> {
    if entry.occasion == Occasion::ReceiverDisabled {
        let off: ReceiverOff = serde_json::from_str(&entry.payload).ok()?;
        return Some(Subject::ReceiverOff {
            is_gone: off.is_gone,
            failing_since: off.failing_since,
        });
    }
    let Payload::V1(notice) = Payload::parse(&entry.payload).ok()?;
    Some(Subject::Notice {
        notice,
        occasion: entry.occasion,
        is_operators: entry.recipient == Recipient::Operator,
    })
}

/// What is over is not told to who was not told of it; nor that it is over.
const fn is_needless(entry: &OutboxEntry, told: ToldBefore) -> Option<SendTrouble> {
    match entry.occasion {
        Occasion::Opened | Occasion::Reminder if told.is_over => Some(SendTrouble::Over),
        Occasion::WorksAgain if entry.incident.is_some() && !told.was_told => {
            Some(SendTrouble::NotTold)
        }
        Occasion::Opened
        | Occasion::Reminder
        | Occasion::WorksAgain
        | Occasion::StateChanged
        | Occasion::ProviderChanged
        | Occasion::ReceiverDisabled => None,
    }
}

async fn address(
    services: &Services,
    tx: &mut Tx,
    entry: &OutboxEntry,
) -> Result<Result<EmailAddress, SendTrouble>, Error> {
    match entry.recipient {
        Recipient::Operator => {
            let address = services.notices.settings.operator_email.clone();
            Ok(address.ok_or(SendTrouble::NoAddress))
        }
        Recipient::Admin(Some(user)) => of_admin(tx, entry.team, user).await,
        // What is kept of an account ends with it.
        Recipient::Admin(None) => Ok(Err(SendTrouble::AccountGone)),
        Recipient::Receiver => Ok(Err(SendTrouble::NoAddress)),
    }
}

async fn of_admin(
    tx: &mut Tx,
    team: Option<TeamId>,
    user: UserId,
) -> Result<Result<EmailAddress, SendTrouble>, Error> {
    let Some(team) = team else {
        return Ok(Err(SendTrouble::NotAdmin));
    };
    match tx.find_membership(team, user).await? {
        Some((_, Role::Admin)) => {}
        Some((_, Role::Member)) | None => return Ok(Err(SendTrouble::NotAdmin)),
    }
    let admins = tx.list_admins(team).await?;
    let found = admins.into_iter().find(|it| it.id == user);
    Ok(found.map(|it| it.email).ok_or(SendTrouble::NotAdmin))
}
