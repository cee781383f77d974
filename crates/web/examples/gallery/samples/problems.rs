//! Every coded page, in the words that the product has for it.

use domain::{
    ids::TeamId,
    invitation::InvitationEnd,
    jira::Site,
    team::Team,
    text::{CloudId, EmailAddress, PersonName, ServiceName, SiteName, SiteUrl, Slug, TeamName},
};
use jiff::{SignedDuration, Timestamp};
use service::{
    connect::{ConnectError, Reason, Refusal},
    invitations::InvitationError,
    members::ChangeError,
    password_reset::ResetError,
    setup::SetupError,
    throttle::Throttled,
};

use super::{
    super::{problem::Problem, view::Shell},
    Sample, inside, moment, outside, sample,
};

// Samples are constants, and a test reads each.
fn known<T, E: std::fmt::Debug>(it: Result<T, E>) -> T {
    it.unwrap_or_else(|err| unreachable!("{err:?}"))
}

fn platform() -> Team {
    let name = known(TeamName::parse("Platform"));
    Team {
        id: known("019ab1c2-0000-7000-8000-000000000002".parse::<TeamId>()),
        slug: Slug::from_name(&name, 1),
        name,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

fn admins() -> Vec<PersonName> {
    ["Ada Lovelace", "Grace Hopper"]
        .map(|it| known(PersonName::parse(it)))
        .to_vec()
}

fn acme() -> Site {
    let url = known(SiteUrl::parse("https://acme.atlassian.net"));
    Site {
        cloud_id: known(CloudId::parse("cloud-acme")),
        name: SiteName::from_provider("Acme", &url),
        url,
        avatar_url: None,
    }
}

fn of(name: &'static str, shell: Shell, problem: &Problem) -> Sample {
    let reference = "019ab1c2-5d1e-7000-8000-000000000001".to_owned();
    let at = moment("24 Nov 2026, 10:40 UTC", "just now");
    sample(name, &problem.view(shell, reference, at))
}

/// Refusals of a trip to Atlassian.
pub(super) fn connect() -> Vec<Sample> {
    let refused = |name, reason| {
        let refusal = Refusal {
            reason,
            team: Some(platform()),
            attempt: "019ab1c2-0000-7000-8000-000000000001".parse().ok(),
        };
        let err = ConnectError::Refused(Box::new(refusal));
        of(name, inside(), &err.into())
    };
    vec![
        refused("problem-denied", Reason::Denied),
        refused("problem-state-expired", Reason::StateExpired),
        refused("problem-state-unknown", Reason::StateUnknown),
        refused("problem-reconnect-first", Reason::ReconnectFirst),
        refused("problem-no-answer", Reason::NoAnswer),
        refused("problem-no-refresh-token", Reason::NoRefreshToken),
        refused("problem-client-misconfigured", Reason::ClientMisconfigured),
        refused("problem-not-set-up", Reason::NotSetUp),
        refused("problem-atlassian-down", Reason::AtlassianDown),
        refused("problem-exchange-failed", Reason::ExchangeFailed),
        refused("problem-refused-by-atlassian", Reason::RefusedByAtlassian),
        refused("problem-site-refused", Reason::SiteRefused { site: acme() }),
        refused("problem-code-refused", Reason::CodeRefused),
        refused("problem-bad-request", Reason::BadRequest),
        refused("problem-not-admin", Reason::NotAdmin { admins: admins() }),
        refused("problem-no-site", Reason::NoSite),
        refused("problem-site-not-offered", Reason::SiteNotOffered),
        refused("problem-choice-expired", Reason::ChoiceExpired),
        refused("problem-interrupted", Reason::Interrupted),
    ]
}

/// Keys that are not replaced.
pub(super) fn keys() -> Vec<Sample> {
    let name = known(ServiceName::parse("billing"));
    vec![
        of(
            "problem-two-keys",
            inside(),
            &Problem::two_keys(&name, &platform()),
        ),
        of(
            "problem-too-many-keys",
            inside(),
            &Problem::too_many_keys(&platform()),
        ),
    ]
}

/// Links that do not work, roles, too many failures.
pub(super) fn people() -> Vec<Sample> {
    let address = |it| known(EmailAddress::parse(it));
    let other = InvitationError::OtherAddress {
        invited: address("linus@example.com"),
        signed_in: address("ada@example.com"),
    };
    let already = InvitationError::AlreadyMember(platform());
    let ended = |name, end| of(name, outside(), &InvitationError::Ended(end).into());
    let reset = |name, err: ResetError| of(name, outside(), &err.into());
    let setup = |name, err: SetupError| of(name, outside(), &err.into());
    let change = |name, err| {
        of(
            name,
            inside(),
            &Problem::of_change(err, &platform(), &admins()),
        )
    };
    let throttled = Throttled {
        retry_after: SignedDuration::from_mins(12),
    };
    vec![
        of("problem-throttled", outside(), &throttled.into()),
        of(
            "problem-invitation-unknown",
            outside(),
            &InvitationError::Unknown.into(),
        ),
        of("problem-invitation-other-address", inside(), &other.into()),
        of(
            "problem-invitation-already-member",
            inside(),
            &already.into(),
        ),
        ended("problem-invitation-used", InvitationEnd::Used),
        ended("problem-invitation-revoked", InvitationEnd::Revoked),
        ended("problem-invitation-replaced", InvitationEnd::Replaced),
        ended("problem-invitation-expired", InvitationEnd::Expired),
        ended(
            "problem-invitation-inviter-left",
            InvitationEnd::InviterLeft,
        ),
        reset("problem-reset-unknown", ResetError::Unknown),
        reset("problem-reset-used", ResetError::Used),
        reset("problem-reset-expired", ResetError::Expired),
        setup("problem-setup-unknown", SetupError::Unknown),
        setup("problem-setup-done", SetupError::Done),
        change("problem-last-admin", ChangeError::LastAdmin),
        change("problem-not-in-team", ChangeError::NotInTeam),
        change("problem-no-longer-admin", ChangeError::NoLongerAdmin),
        of(
            "problem-sign-up-closed",
            outside(),
            &Problem::sign_up_closed(),
        ),
    ]
}

/// Addresses, requests and faults of this server.
pub(super) fn server() -> Vec<Sample> {
    vec![
        of("problem-not-found", inside(), &Problem::no_such_page()),
        of("problem-method", outside(), &Problem::method_not_allowed()),
        of("problem-too-large", outside(), &Problem::too_large()),
        of("problem-not-a-form", outside(), &Problem::not_a_form()),
        of("problem-bad-form", inside(), &Problem::bad_form()),
        of("problem-address", outside(), &Problem::address_too_long()),
        of("problem-body-slow", outside(), &Problem::body_too_slow()),
        of("problem-headers", outside(), &Problem::headers_too_large()),
        of("problem-cross-site", inside(), &Problem::cross_site()),
        of("problem-too-slow", outside(), &Problem::too_slow()),
        of("problem-broken", outside(), &Problem::broken()),
        of("problem-store", outside(), &Problem::store_unavailable()),
        of("problem-keys", outside(), &Problem::cannot_open()),
    ]
}
