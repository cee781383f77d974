//! Invitations to a team: one address, one role, one use, seven days.

use jiff::{SignedDuration, Timestamp};

use crate::{
    ids::{InvitationId, TeamId, UserId},
    team::Role,
    text::EmailAddress,
};

/// How long an invitation can be accepted.
pub const INVITATION_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long a link that sets a new password is good.
pub const PASSWORD_RESET_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// How an invitation ended before its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationOutcome {
    /// Somebody joined with it.
    Accepted,
    /// An admin took it back.
    Revoked,
    /// An admin invited the same address again; the newer link counts.
    Replaced,
}

impl InvitationOutcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Revoked, Self::Replaced];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
        }
    }
}

/// An invitation. Its token is in the link; we keep the hash of it only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// To which team.
    pub team: TeamId,
    /// For whom: nobody else can accept it.
    pub email: EmailAddress,
    /// As what.
    pub role: Role,
    /// By whom; none if the account is gone.
    pub invited_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its time is over.
    pub expires_at: Timestamp,
    /// How it ended.
    pub outcome: Option<InvitationOutcome>,
}

/// Why an invitation cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationEnd {
    /// It was accepted.
    Used,
    /// It was taken back.
    Revoked,
    /// A newer one for the same address counts.
    Replaced,
    /// Its time is over.
    Expired,
    /// Who invited is no admin of the team any more, so that the invitation has nobody's word.
    InviterLeft,
}

impl Invitation {
    /// Why it cannot be accepted at `now`; none if it can. `inviter_is_admin`: whether who invited
    /// is an admin of the team at this time.
    pub fn end(&self, now: Timestamp, inviter_is_admin: bool) -> Option<InvitationEnd> {
        match self.outcome {
            Some(InvitationOutcome::Accepted) => Some(InvitationEnd::Used),
            Some(InvitationOutcome::Revoked) => Some(InvitationEnd::Revoked),
            Some(InvitationOutcome::Replaced) => Some(InvitationEnd::Replaced),
            None if self.expires_at <= now => Some(InvitationEnd::Expired),
            None if !inviter_is_admin => Some(InvitationEnd::InviterLeft),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_good_once_for_seven_days_and_while_who_invited_may_invite() {
        let start = Timestamp::UNIX_EPOCH;
        let open = Invitation {
            id: InvitationId::from_uuid(uuid::Uuid::nil()),
            team: TeamId::from_uuid(uuid::Uuid::nil()),
            email: EmailAddress::parse("ada@example.com").unwrap(),
            role: Role::Member,
            invited_by: None,
            created_at: start,
            expires_at: start + INVITATION_LIFE,
            outcome: None,
        };
        let second = SignedDuration::from_secs(1);
        let last = start + INVITATION_LIFE - second;
        assert_eq!(open.end(last, true), None);
        assert_eq!(open.end(last + second, true), Some(InvitationEnd::Expired));
        assert_eq!(open.end(last, false), Some(InvitationEnd::InviterLeft));
        let accepted = Invitation {
            outcome: Some(InvitationOutcome::Accepted),
            ..open
        };
        assert_eq!(accepted.end(start, true), Some(InvitationEnd::Used));
    }
}
