//! Words and way on of each refusal of a trip to Atlassian (`pages.md` 4).

use service::connect::{ConnectError, Reason, Refusal};

use super::{
    Action, Problem, back_to,
    codes::{Explanation, code},
    names,
};
use crate::{
    pages::integrations_path,
    view::error::{Cause, Link},
};

impl From<ConnectError> for Problem {
    fn from(err: ConnectError) -> Self {
        match err {
            ConnectError::Failed(err) => err.into(),
            ConnectError::Refused(refusal) => refused(*refusal),
        }
    }
}

fn cause(text: &str) -> Cause {
    Cause {
        text: text.to_owned(),
        link: None,
    }
}

#[expect(clippy::too_many_lines, reason = "one table, a row each")]
fn refused(refusal: Refusal) -> Problem {
    let Refusal {
        reason,
        team,
        attempt,
    } = refusal;
    let connect = |label: &str, attempt| match &team {
        Some(team) => Action::Post {
            label: label.to_owned(),
            href: format!("{}jira/connect", integrations_path(&team.slug)),
            attempt,
        },
        None => Action::Link {
            label: "Go to your team".to_owned(),
            href: "/".to_owned(),
        },
    };
    let start_again = connect("Start again", None);
    let back = team.as_ref().map_or_else(
        || Action::Link {
            label: "Go to your team".to_owned(),
            href: "/".to_owned(),
        },
        back_to,
    );
    let sites = team.as_ref().map_or_else(
        || start_again.clone(),
        |it| Action::Link {
            label: "Choose another site".to_owned(),
            href: format!("{}jira/sites", integrations_path(&it.slug)),
        },
    );
    let try_sites_again = match &sites {
        Action::Link { href, .. } => Action::Link {
            label: "Try again".to_owned(),
            href: href.clone(),
        },
        other @ Action::Post { .. } => other.clone(),
    };
    let of_team = team.as_ref().map_or("the team", |it| it.name.as_str());
    let page = |row: &'static Explanation, meaning: &str, action: Action| {
        Problem::of(row, meaning).with_action(action)
    };
    match reason {
        Reason::Denied => page(
            code!("CONNECT_DENIED"),
            "Nothing was changed.",
            connect("Try again", None),
        ),
        Reason::StateExpired => page(
            code!("CONNECT_STATE_EXPIRED"),
            "It took longer than 10 minutes, so it was stopped for safety. Nothing was changed.",
            start_again,
        ),
        Reason::StateUnknown => page(
            code!("CONNECT_STATE_UNKNOWN"),
            "Nothing was changed. Start from the integrations page, in the browser that you are \
             signed in with.",
            back,
        ),
        Reason::ReconnectFirst => page(
            code!("connection_reconnect_needed"),
            "Atlassian no longer accepts it, so its sites cannot be listed. Nothing was changed.",
            connect("Reconnect", None),
        ),
        Reason::NoAnswer => page(
            code!("provider_unavailable"),
            "Nothing was changed; the connection stays as it is.",
            try_sites_again,
        ),
        Reason::NoRefreshToken => page(
            code!("CONNECT_NO_REFRESH_TOKEN"),
            "Without one the connection would end within the hour, so it was not made. For the \
             operator: the scope offline_access must be part of the consent.",
            start_again,
        ),
        Reason::ClientMisconfigured => page(
            code!("CONNECT_CLIENT_MISCONFIGURED"),
            "Atlassian refused its client id or client secret. Nothing was changed. Tell your \
             operator the reference below.",
            back,
        ),
        Reason::NotSetUp => page(
            code!("CONNECT_NOT_SET_UP"),
            "The operator must set JIRA_CLIENT_ID and JIRA_CLIENT_SECRET first. The integrations \
             page has the steps.",
            back,
        ),
        Reason::AtlassianDown => page(
            code!("CONNECT_ATLASSIAN_DOWN"),
            "Nothing was changed; your sign-in is kept for 30 minutes.",
            connect("Try again", attempt),
        ),
        Reason::ExchangeFailed => page(
            code!("CONNECT_ATLASSIAN_DOWN"),
            "Nothing was changed. The answer to your sign-in was lost on the way, so you need to \
             sign in at Atlassian once more.",
            start_again,
        ),
        Reason::RefusedByAtlassian => page(
            code!("CONNECT_REFUSED_BY_ATLASSIAN"),
            "Nothing was changed.",
            start_again,
        ),
        Reason::SiteRefused { site } => page(
            code!("CONNECT_SITE_REFUSED"),
            "Its administrator may have blocked it. Nothing was changed.",
            sites,
        )
        .with_heading(format!("{} does not accept this app", site.name)),
        Reason::CodeRefused => page(
            code!("CONNECT_CODE_REFUSED"),
            "It is good for a few minutes and for one use. Nothing was changed.",
            start_again,
        ),
        Reason::BadRequest => page(
            code!("CONNECT_BAD_REQUEST"),
            "Something of it is missing, doubled or unreadable. Nothing was changed.",
            back,
        ),
        Reason::NotAdmin { admins } => page(
            code!("CONNECT_NOT_ADMIN"),
            &format!("Nothing was changed. Admins: {}.", names(&admins)),
            back,
        )
        .with_heading(format!("Only admins of {of_team} can finish this")),
        Reason::NoSite => {
            let mut problem = page(
                code!("CONNECT_NO_SITE"),
                "Nothing was connected, and what Atlassian granted was erased here.",
                connect("Try again", None),
            );
            problem.words.causes = vec![
                Cause {
                    text: "You signed in with another Atlassian account than you meant to. To use \
                           another one, first"
                        .to_owned(),
                    link: Some(Link {
                        label: "sign out at Atlassian".to_owned(),
                        href: "https://id.atlassian.com/logout".to_owned(),
                    }),
                },
                cause("The account has no Jira product on any site."),
                cause("The administrator of the site blocks apps."),
                cause("The site was not ticked on the consent page."),
            ];
            problem
        }
        Reason::SiteNotOffered => page(
            code!("CONNECT_SITE_NOT_OFFERED"),
            "It is not among the sites that your Atlassian account can reach. Nothing was changed.",
            sites,
        ),
        Reason::ChoiceExpired => page(
            code!("CONNECT_CHOICE_EXPIRED"),
            "A sign-in is kept for 30 minutes; then it is discarded. Nothing was changed.",
            start_again,
        ),
        Reason::Interrupted => page(
            code!("CONNECT_INTERRUPTED"),
            "Nothing was changed.",
            start_again,
        ),
    }
}
