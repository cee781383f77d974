//! Sending what is in the outbox: why an attempt failed, and when the next one is due. Pure.

use jiff::SignedDuration;

use crate::outbox::{Channel, SendOutcome};

/// Why an attempt to send came to nothing: our words, never the other side's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendTrouble {
    /// No mail server is set.
    NoMailServer,
    /// The account is gone.
    AccountGone,
    /// The person is no admin of the team any more.
    NotAdmin,
    /// There is no address that mail could go to.
    NoAddress,
    /// It is over: what the notice says is not so any more.
    Over,
    /// It says that something works again of which the recipient was never told that it did not.
    NotTold,
    /// No receiver of webhooks is set.
    NoReceiver,
    /// The receiver is switched off.
    ReceiverDisabled,
    /// The receiver says that it is gone for good (410).
    Gone,
    /// The receiver's address is inside a network, where that is forbidden.
    PrivateAddress,
    /// The name is unknown, or no way leads there.
    Unreachable,
    /// Nothing listens there.
    Refused,
    /// No answer came in time.
    TimedOut,
    /// No encrypted connection came about.
    Tls,
    /// The connection died, or the other side does not speak as it should.
    Broken,
    /// The mail server refuses our user or password.
    Credentials,
    /// The mail server does not take it now.
    TryLater,
    /// The mail server refuses it for good.
    MailRefused,
    /// The receiver sends us elsewhere, which is not followed.
    Redirected,
    /// The receiver answers that the request is wrong (4xx).
    RefusedByReceiver,
    /// The receiver fails (5xx).
    ReceiverFails,
    /// What was kept cannot be read by this version.
    Unreadable,
}

impl SendTrouble {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::NoMailServer,
        Self::AccountGone,
        Self::NotAdmin,
        Self::NoAddress,
        Self::Over,
        Self::NotTold,
        Self::NoReceiver,
        Self::ReceiverDisabled,
        Self::Gone,
        Self::PrivateAddress,
        Self::Unreachable,
        Self::Refused,
        Self::TimedOut,
        Self::Tls,
        Self::Broken,
        Self::Credentials,
        Self::TryLater,
        Self::MailRefused,
        Self::Redirected,
        Self::RefusedByReceiver,
        Self::ReceiverFails,
        Self::Unreadable,
    ];

    /// The word that is kept and told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoMailServer => "no_mail_server",
            Self::AccountGone => "account_gone",
            Self::NotAdmin => "not_admin",
            Self::NoAddress => "no_address",
            Self::Over => "over",
            Self::NotTold => "not_told",
            Self::NoReceiver => "no_receiver",
            Self::ReceiverDisabled => "receiver_disabled",
            Self::Gone => "gone",
            Self::PrivateAddress => "private_address",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::Tls => "tls",
            Self::Broken => "broken",
            Self::Credentials => "credentials",
            Self::TryLater => "try_later",
            Self::MailRefused => "mail_refused",
            Self::Redirected => "redirected",
            Self::RefusedByReceiver => "refused_by_receiver",
            Self::ReceiverFails => "receiver_fails",
            Self::Unreadable => "unreadable",
        }
    }

    /// How sending ends with it; none where trying again may help.
    pub const fn ending(self) -> Option<SendOutcome> {
        match self {
            Self::AccountGone | Self::NotAdmin | Self::NoAddress | Self::Over | Self::NotTold => {
                Some(SendOutcome::Dropped)
            }
            Self::NoMailServer
            | Self::NoReceiver
            | Self::ReceiverDisabled
            | Self::Gone
            | Self::MailRefused => Some(SendOutcome::GivenUp),
            Self::PrivateAddress
            | Self::Unreachable
            | Self::Refused
            | Self::TimedOut
            | Self::Tls
            | Self::Broken
            | Self::Credentials
            | Self::TryLater
            | Self::Redirected
            | Self::RefusedByReceiver
            | Self::ReceiverFails
            | Self::Unreadable => None,
        }
    }

    /// Whether it is the receiver of webhooks that failed, not something of ours.
    pub const fn is_receivers(self) -> bool {
        matches!(
            self,
            Self::Gone
                | Self::PrivateAddress
                | Self::Unreachable
                | Self::Refused
                | Self::TimedOut
                | Self::Tls
                | Self::Broken
                | Self::Redirected
                | Self::RefusedByReceiver
                | Self::ReceiverFails
        )
    }
}

/// A receiver of webhooks that failed for this long, without one success, is not tried any more.
pub const RECEIVER_PATIENCE: SignedDuration = SignedDuration::from_hours(5 * 24);

/// What was given up in this time before a receiver is switched on again is sent after all.
pub const RESEND_SINCE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// A receiver may ask for no more patience than this.
const LONGEST_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Between attempts to send a mail; then once an hour.
const MAIL: [SignedDuration; 4] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
];
const MAIL_THEN: SignedDuration = SignedDuration::from_hours(1);
/// Two days of attempts. They are counted: a clock that jumps ends nothing too early.
const MAIL_ATTEMPTS: u32 = 51;

/// Between attempts to send a webhook; about three days.
const WEBHOOK: [SignedDuration; 9] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];

/// How long to wait after so many attempts that failed, the other side having asked for `asked`, if
/// anything; none where it was tried often enough. `drawn` at random.
pub fn wait_after(
    channel: Channel,
    attempts: u32,
    asked: Option<SignedDuration>,
    drawn: u16,
) -> Option<SignedDuration> {
    let nth = usize::try_from(attempts.saturating_sub(1)).ok()?;
    let usual = match channel {
        Channel::Mail if attempts >= MAIL_ATTEMPTS => return None,
        Channel::Mail => MAIL.get(nth).copied().unwrap_or(MAIL_THEN),
        Channel::Webhook => *WEBHOOK.get(nth)?,
    };
    let asked = asked.unwrap_or_default().min(LONGEST_RETRY_AFTER);
    // Up to a tenth longer, so that what failed together is not tried together.
    let jitter = usual
        .saturating_mul(i32::from(drawn))
        .checked_div(i32::from(u16::MAX).saturating_mul(10))
        .unwrap_or_default();
    Some(usual.max(asked).saturating_add(jitter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(channel: Channel) -> Vec<SignedDuration> {
        (1..)
            .map_while(|attempts| wait_after(channel, attempts, None, 0))
            .collect()
    }

    fn total(waits: &[SignedDuration]) -> SignedDuration {
        waits
            .iter()
            .fold(SignedDuration::ZERO, |all, it| all.saturating_add(*it))
    }

    #[test]
    fn mail_is_tried_for_two_days() {
        let waits = waits(Channel::Mail);
        let mins: Vec<_> = waits.iter().map(SignedDuration::as_mins).collect();
        assert!(mins.starts_with(&[1, 5, 15, 60, 60, 60]));
        assert_eq!(total(&waits).as_hours(), 47);
    }

    #[test]
    fn webhooks_are_tried_ten_times_in_about_three_days() {
        let waits = waits(Channel::Webhook);
        assert_eq!(waits.len(), 9);
        assert_eq!(waits.first().map(SignedDuration::as_secs), Some(5));
        assert_eq!(total(&waits).as_hours(), 75);
        assert!(total(&waits) < RECEIVER_PATIENCE);
    }

    #[test]
    fn what_the_other_side_asks_for_counts_within_bounds() {
        let wait = |asked| {
            wait_after(
                Channel::Webhook,
                2,
                Some(SignedDuration::from_secs(asked)),
                0,
            )
        };
        let secs = |asked| wait(asked).map(|it| it.as_secs());
        assert_eq!(secs(-5), Some(300));
        assert_eq!(secs(0), Some(300));
        assert_eq!(secs(1_000), Some(1_000));
        assert_eq!(secs(i64::MAX), Some(24 * 3_600));
    }

    #[test]
    fn what_failed_together_is_spread_by_a_tenth() {
        let wait = |drawn| wait_after(Channel::Mail, 4, None, drawn).map(|it| it.as_secs());
        assert_eq!((wait(0), wait(u16::MAX)), (Some(3_600), Some(3_960)));
    }

    #[test]
    fn each_trouble_has_a_word_of_its_own() {
        for (nth, it) in SendTrouble::ALL.into_iter().enumerate() {
            let twins = SendTrouble::ALL
                .iter()
                .skip(nth)
                .filter(|other| other.as_str() == it.as_str());
            assert_eq!(twins.count(), 1, "{it:?}");
        }
    }
}
