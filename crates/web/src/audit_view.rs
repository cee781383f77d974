//! The audit log in words: of each kind of row what happened, to what, by whom, and what more is known. Codes
//! are ours; what other parties sent is not in the log.

use domain::{
    audit::{AuditAction, AuditGroup},
    text::CloudId,
    usage::{Call, Method},
};
use service::audit_log::{Change, UsageCall};
use uuid::Uuid;

/// The word that the log has where the operator did it on the command line.
const OPERATOR: &str = "operator";

/// What happened.
pub(crate) const fn what(action: AuditAction) -> &'static str {
    match action {
        AuditAction::UserSignedUp => "Account made",
        AuditAction::TeamCreated => "Team made",
        AuditAction::UserRenamed => "Account renamed",
        AuditAction::PasswordChanged => "Password changed",
        AuditAction::PasswordResetLinkMade => "Link for a new password made",
        AuditAction::PasswordReset => "New password set through a link",
        AuditAction::SignedOutEverywhere => "Signed out everywhere",
        AuditAction::UserDeleted => "Account deleted",
        AuditAction::SetupLinkMade => "Link for the first account made",
        AuditAction::SetupLinkUsed => "First account made",
        AuditAction::TeamRenamed => "Team renamed",
        AuditAction::TeamDeleted => "Team deleted",
        AuditAction::InvitationMade => "Invitation made",
        AuditAction::InvitationRevoked => "Invitation taken back",
        AuditAction::InvitationAccepted => "Joined by invitation",
        AuditAction::RoleChanged => "Role changed",
        AuditAction::MemberRemoved => "Taken out of the team",
        AuditAction::MemberLeft => "Left the team",
        AuditAction::ApiKeyCreated => "Key made",
        AuditAction::ApiKeyRotated => "Key made that replaces another",
        AuditAction::ApiKeyRevoked => "Key revoked",
        AuditAction::ConnectBegun => "Went to Atlassian",
        AuditAction::CallbackRefused => "Way back from Atlassian refused",
        AuditAction::Connected => "Connected",
        AuditAction::Reconnected => "Reconnected",
        AuditAction::SiteChanged => "Site changed",
        AuditAction::SiteLost => "Site lost",
        AuditAction::SiteFound => "Site found",
        AuditAction::AttemptEnded => "Sign-in ended without a connection",
        AuditAction::AttemptDiscarded => "Sign-ins under way discarded",
        AuditAction::Disconnected => "Disconnected",
        AuditAction::GrantDied => "Grant ended",
        AuditAction::CiphertextRefused => "Stored secret did not open",
        AuditAction::KeysRotated => "Stored secrets sealed anew",
        AuditAction::KeyRetired => "Encryption key retired",
        AuditAction::StoreAdopted => "Database adopted by this server",
    }
}

/// What a group of actions is called.
pub(crate) const fn group(group: AuditGroup) -> &'static str {
    match group {
        AuditGroup::Connection => "Connection",
        AuditGroup::Keys => "Keys",
        AuditGroup::People => "People and roles",
        AuditGroup::Team => "Team",
        AuditGroup::Refused => "Refused callbacks, unreadable secrets",
        AuditGroup::Accounts => "Accounts",
        AuditGroup::Server => "Server",
    }
}

/// Who did it. Without an account the end of its id tells former members apart.
pub(crate) fn who(change: &Change) -> String {
    let event = &change.event;
    let is_callback = event.action == AuditAction::CallbackRefused;
    match (&change.actor, event.actor) {
        (Some(name), _) => name.to_string(),
        (None, Some(id)) if is_callback => {
            format!("somebody outside the team ({})", short(id.uuid()))
        }
        (None, Some(id)) => former_member(id.uuid()),
        (None, None) if is_callback => "somebody not signed in".to_owned(),
        (None, None) if has_word(change, OPERATOR) => "the operator".to_owned(),
        (None, None) => "this server".to_owned(),
    }
}

/// To what it was done.
pub(crate) fn subject(change: &Change) -> String {
    let id = change.event.subject.unwrap_or_default();
    match change.event.action {
        AuditAction::RoleChanged | AuditAction::MemberRemoved | AuditAction::MemberLeft => change
            .person
            .as_ref()
            .map_or_else(|| former_member(id), ToString::to_string),
        AuditAction::InvitationMade
        | AuditAction::InvitationRevoked
        | AuditAction::InvitationAccepted => format!("invitation {}", short(id)),
        action => match action.group() {
            AuditGroup::Keys => change.key.as_ref().map_or_else(
                || format!("a key that is gone ({})", short(id)),
                ToString::to_string,
            ),
            AuditGroup::Connection => "Jira".to_owned(),
            AuditGroup::Refused if action == AuditAction::CallbackRefused => "Jira".to_owned(),
            AuditGroup::Refused => "a stored secret".to_owned(),
            AuditGroup::Team | AuditGroup::People => "the team".to_owned(),
            AuditGroup::Accounts => "an account".to_owned(),
            AuditGroup::Server => "the server".to_owned(),
        },
    }
}

/// What more is known; empty where nothing is.
pub(crate) fn detail(change: &Change) -> String {
    let Some(text) = change.event.detail.as_deref() else {
        return match change.event.action {
            AuditAction::Disconnected => "the tokens were erased".to_owned(),
            _ => String::new(),
        };
    };
    match change.event.action {
        AuditAction::ApiKeyCreated => rights(text).to_owned(),
        AuditAction::ApiKeyRotated => Uuid::try_parse(text).map_or_else(
            |_| String::new(),
            |old| format!("in the place of {}", short(old)),
        ),
        AuditAction::ApiKeyRevoked => "it had expired, and made room for another".to_owned(),
        AuditAction::InvitationMade | AuditAction::InvitationAccepted => {
            format!("as {}", in_words(text))
        }
        AuditAction::RoleChanged => format!("now {}", in_words(text)),
        AuditAction::Connected
        | AuditAction::Reconnected
        | AuditAction::SiteLost
        | AuditAction::SiteFound => site(text).unwrap_or_default(),
        AuditAction::SiteChanged => {
            let sites = text.split_once(' ');
            let sites = sites.and_then(|(old, new)| Some((site(old)?, site(new)?)));
            sites.map_or_else(String::new, |(old, new)| format!("from {old} to {new}"))
        }
        AuditAction::CiphertextRefused => {
            let (table, column) = text.split_once('.').unwrap_or((text, "a column"));
            format!("{} of {}", in_words(column), in_words(table))
        }
        AuditAction::GrantDied => match text {
            "grant_revoked" => "Atlassian refused it".to_owned(),
            "grant_idle_expired" => "it was not used for too long".to_owned(),
            "grant_consent_ended" => "the consent was too old".to_owned(),
            "refresh_interrupted" => "a refresh was interrupted, and its answer is lost".to_owned(),
            other => in_words(other),
        },
        AuditAction::AttemptEnded => match text {
            "denied" => "Cancel was pressed at Atlassian".to_owned(),
            "refused" => "Atlassian came back with an error".to_owned(),
            "code_refused" => "Atlassian did not take its own code".to_owned(),
            "exchange_failed" | "atlassian_down" => "Atlassian did not answer".to_owned(),
            "client_misconfigured" => {
                "Atlassian refused this server’s client id or secret".to_owned()
            }
            "no_refresh_token" => "Atlassian sent no refresh token".to_owned(),
            "no_site" => "the account has no Jira site".to_owned(),
            other => in_words(other),
        },
        _ if text == OPERATOR => String::new(),
        _ => in_words(text),
    }
}

/// What a service called.
pub(crate) fn call(of: &UsageCall) -> String {
    let words = call_kind(of.call);
    match of.path_template.as_str() {
        "" => words.to_owned(),
        path => format!("{words}: {} {path}", method(of.method)),
    }
}

/// What a call is called.
pub(crate) const fn call_kind(call: Call) -> &'static str {
    match call {
        Call::Status => "State of the connection",
        Call::Token => "Token",
        Call::Rejected => "Token reported as refused",
        Call::Proxy => "Jira, through the proxy",
    }
}

const fn method(method: Method) -> &'static str {
    match method {
        Method::Other => "another method,",
        known => known.as_str(),
    }
}

/// What a new key may do, by the word at the end.
fn rights(text: &str) -> &'static str {
    match text.rsplit(' ').next() {
        Some("everything") => "it may do everything",
        Some("read_everything") => "it may read everything",
        Some("read_issues") => "it may read issues",
        Some("chosen") => "it may do what was chosen",
        _ => "",
    }
}

/// A word of ours as it is kept, `STATE_EXPIRED`, as people read it.
fn in_words(code: &str) -> String {
    code.to_lowercase().replace('_', " ")
}

/// A site by its id, which is all that the log has of it.
fn site(text: &str) -> Option<String> {
    let id = CloudId::parse(text).ok()?;
    Some(format!("site {id}"))
}

fn has_word(change: &Change, word: &str) -> bool {
    let detail = change.event.detail.as_deref().unwrap_or_default();
    detail.split(' ').next() == Some(word)
}

pub(crate) fn former_member(id: Uuid) -> String {
    format!("a former member ({})", short(id))
}

/// The end of an id: its beginning is the time, and alike in all of a day.
pub(crate) fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    let end = text.get(text.len().saturating_sub(8)..).unwrap_or_default();
    end.to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::{
        attempt::AttemptOutcome,
        audit::AuditEvent,
        credential::RevocationReason,
        ids::{AuditEventId, UserId},
        text::PersonName,
    };
    use jiff::Timestamp;

    use super::*;

    fn change(action: AuditAction, detail: Option<&str>) -> Change {
        Change {
            event: AuditEvent {
                id: AuditEventId::from_uuid(Uuid::from_u128(1)),
                at: Timestamp::UNIX_EPOCH,
                team: None,
                actor: Some(UserId::from_uuid(Uuid::from_u128(0x1a2b_3c4d))),
                action,
                subject: Some(Uuid::from_u128(0x9f)),
                detail: detail.map(str::to_owned),
            },
            actor: None,
            person: None,
            key: None,
        }
    }

    #[test]
    fn every_action_has_words_that_are_no_code() {
        let mut told = BTreeSet::new();
        for action in AuditAction::ALL {
            let what = what(action);
            assert!(what.starts_with(char::is_uppercase), "{action:?}: {what}");
            assert!(!what.contains('_'), "{action:?}: {what}");
            assert!(told.insert(what), "{what}: of two actions");
            let subject = subject(&change(action, None));
            assert!(!subject.is_empty() && !subject.contains('_'), "{subject}");
        }
    }

    #[test]
    fn every_end_is_told_in_words_that_are_no_code() {
        let reasons = RevocationReason::ALL.map(|it| (AuditAction::GrantDied, it.as_str()));
        // Those that wait for a person are no end.
        let ends = AttemptOutcome::ALL.into_iter().filter(|it| {
            !matches!(
                it,
                AttemptOutcome::ChooseSite | AttemptOutcome::ChooseAccount
            )
        });
        let ends = ends.map(|it| (AuditAction::AttemptEnded, it.as_str()));
        for (action, code) in reasons.into_iter().chain(ends) {
            let told = detail(&change(action, Some(code)));
            let is_code = code.contains('_') && told == code.replace('_', " ");
            assert!(!told.is_empty() && !is_code, "{code}: {told}");
        }
        // What has no words yet is told all the same.
        let other = change(AuditAction::CallbackRefused, Some("STATE_EXPIRED"));
        assert_eq!(detail(&other), "state expired");
    }

    #[test]
    fn who_is_gone_is_told_by_the_end_of_the_id() {
        let mut told = change(AuditAction::RoleChanged, Some("admin"));
        assert_eq!(who(&told), "a former member (1a2b3c4d)");
        assert_eq!(subject(&told), "a former member (0000009f)");
        assert_eq!(detail(&told), "now admin");
        told.actor = Some(PersonName::parse("Ada").unwrap());
        assert_eq!(who(&told), "Ada");
        told.actor = None;
        told.event.actor = None;
        assert_eq!(who(&told), "this server");
        told.event.detail = Some("operator".to_owned());
        assert_eq!(who(&told), "the operator");
    }

    #[test]
    fn a_refused_callback_names_nobody_whom_the_team_does_not_know() {
        let mut told = change(AuditAction::CallbackRefused, Some("STATE_EXPIRED"));
        assert_eq!(who(&told), "somebody outside the team (1a2b3c4d)");
        assert_eq!(detail(&told), "state expired");
        told.event.actor = None;
        assert_eq!(who(&told), "somebody not signed in");
    }

    #[test]
    fn a_site_is_an_id_or_nothing() {
        let of = |detail| self::detail(&change(AuditAction::SiteChanged, Some(detail)));
        assert_eq!(of("aa-1 bb-2"), "from site aa-1 to site bb-2");
        assert_eq!(of("<script> x"), "");
        assert_eq!(of("aa-1"), "");
    }
}
