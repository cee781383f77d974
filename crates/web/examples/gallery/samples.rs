//! Every page in every state.

use askama::Template;

use super::view::{
    Assets, Field, Moment, Section, Shell, TeamLink,
    account_question::AccountQuestionPage,
    disconnect::DisconnectPage,
    login::{LoginNotice, LoginPage},
    signup::SignupPage,
    sites::{SiteChoice, SitesPage},
    team_new::TeamNewPage,
};

mod audit;
mod banners;
mod description;
mod health;
mod integrations;
mod keys;
mod people;
mod problems;

/// A page under the name of its sample.
pub(crate) type Sample = (&'static str, Result<String, askama::Error>);

/// All of them.
pub(crate) fn all() -> Vec<Sample> {
    [
        people(),
        people::members(),
        people::links(),
        people::mail(),
        people::account(),
        people::settings(),
        keys::keys(),
        audit::audit(),
        integrations::states(),
        integrations::told(),
        health::states(),
        health::extremes(),
        banners::banners(),
        sites(),
        accounts(),
        disconnects(),
        problems::connect(),
        problems::people(),
        problems::keys(),
        problems::server(),
        description::pages(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn sample(name: &'static str, page: &impl Template) -> Sample {
    (name, page.render())
}

fn assets() -> Assets {
    Assets {
        css: "app.css".to_owned(),
        js: "app.js".to_owned(),
        icon: "favicon.svg".to_owned(),
    }
}

fn team(name: &str, slug: &str) -> TeamLink {
    TeamLink {
        name: name.to_owned(),
        slug: slug.to_owned(),
    }
}

fn outside() -> Shell {
    Shell {
        assets: assets(),
        ..Shell::default()
    }
}

fn inside() -> Shell {
    Shell {
        assets: assets(),
        user_name: Some("Ada Lovelace".to_owned()),
        team: Some(team("Platform", "platform")),
        teams: vec![team("Mobile", "mobile"), team("Platform", "platform")],
        section: Some(Section::Integrations),
        may_see_audit: true,
        banner: None,
    }
}

fn moment(absolute: &str, relative: &str) -> Moment {
    Moment {
        iso: "2026-11-24T10:40:00Z".to_owned(),
        absolute: absolute.to_owned(),
        relative: relative.to_owned(),
    }
}

fn field(value: &str, error: Option<&str>) -> Field {
    Field {
        value: value.to_owned(),
        error: error.map(str::to_owned),
    }
}

fn people() -> Vec<Sample> {
    let signup = SignupPage {
        shell: outside(),
        password_min: 10,
        ..SignupPage::default()
    };
    let login = LoginPage {
        shell: outside(),
        can_sign_up: true,
        ..LoginPage::default()
    };
    let nobody = Shell {
        team: None,
        teams: Vec::new(),
        ..inside()
    };
    vec![
        sample("signup", &signup),
        sample(
            "signup-errors",
            &SignupPage {
                name: field("", Some("Enter your name.")),
                email: field(
                    "ada@example",
                    Some("Enter an address like name@example.com."),
                ),
                password_error: Some("Use at least 10 characters.".to_owned()),
                next: Some("/a/platform/integrations/".to_owned()),
                ..signup.clone()
            },
        ),
        sample(
            "signup-taken",
            &SignupPage {
                name: field("Ada Lovelace", None),
                email: field("ada@example.com", None),
                form_error: Some("There is an account with this address. Sign in.".to_owned()),
                ..signup
            },
        ),
        sample("login", &login),
        sample(
            "login-first",
            &LoginPage {
                notice: Some(LoginNotice::SignInFirst),
                ..login.clone()
            },
        ),
        sample(
            "login-signed-out",
            &LoginPage {
                notice: Some(LoginNotice::SignedOut),
                can_sign_up: false,
                ..login.clone()
            },
        ),
        sample(
            "login-errors",
            &LoginPage {
                email: field("ada@example.com", None),
                form_error: Some("Address or password is wrong.".to_owned()),
                next: Some("/a/platform/integrations/".to_owned()),
                next_encoded: Some("%2Fa%2Fplatform%2Fintegrations%2F".to_owned()),
                ..login.clone()
            },
        ),
        sample(
            "login-empty",
            &LoginPage {
                email: field("", Some("Enter your email address.")),
                password_error: Some("Enter your password.".to_owned()),
                ..login
            },
        ),
        sample(
            "team-first",
            &TeamNewPage {
                shell: nobody,
                name: Field::default(),
            },
        ),
        sample(
            "team-errors",
            &TeamNewPage {
                shell: inside(),
                name: field("", Some("Enter a name for the team.")),
            },
        ),
    ]
}

fn site_choice(name: &str, host: &str, used_by: &[&str], missing: Option<&str>) -> SiteChoice {
    SiteChoice {
        cloud_id: format!("cloud-{host}"),
        name: name.to_owned(),
        host: host.to_owned(),
        used_by: used_by.iter().map(|it| (*it).to_owned()).collect(),
        missing: missing.map(str::to_owned),
    }
}

fn sites() -> Vec<Sample> {
    let few = SitesPage {
        shell: inside(),
        team: team("Platform", "platform"),
        account: Some("Ada Lovelace".to_owned()),
        sites: vec![
            site_choice("Acme", "acme.atlassian.net", &[], None),
            site_choice("Acme", "acme-sandbox.atlassian.net", &["Mobile"], None),
            site_choice(
                "Zürich Labs",
                "a-rather-long-name-of-a-jira-site-in-zurich.atlassian.net",
                &[],
                Some("missing permission: read issues"),
            ),
        ],
        until: Some(moment("24 Nov 2026, 11:10 UTC", "in 30 minutes")),
        current: None,
        services: Vec::new(),
        error: None,
    };
    let change = SitesPage {
        account: None,
        current: few.sites.first().map(|it| it.cloud_id.clone()),
        until: None,
        ..few.clone()
    };
    let many = (1..=14)
        .map(|it| {
            site_choice(
                &format!("Site {it}"),
                &format!("site-{it}.atlassian.net"),
                &[],
                None,
            )
        })
        .collect();
    vec![
        sample("sites", &few),
        sample("sites-change", &change),
        sample(
            "sites-error",
            &SitesPage {
                error: Some("Choose a site".to_owned()),
                ..few.clone()
            },
        ),
        sample(
            "sites-many",
            &SitesPage {
                account: None,
                sites: many,
                ..few
            },
        ),
    ]
}

fn accounts() -> Vec<Sample> {
    let page = AccountQuestionPage {
        shell: inside(),
        team: team("Platform", "platform"),
        connected_as: Some("Ada Lovelace".to_owned()),
        signed_in_as: Some("Grace Hopper".to_owned()),
        until: moment("24 Nov 2026, 11:10 UTC", "in 30 minutes"),
        reference: "019ab1c2-5d1e".to_owned(),
    };
    let nameless = AccountQuestionPage {
        connected_as: None,
        signed_in_as: None,
        ..page.clone()
    };
    vec![
        sample("account-question", &page),
        sample("account-question-nameless", &nameless),
    ]
}

fn disconnects() -> Vec<Sample> {
    let page = DisconnectPage {
        shell: inside(),
        team: team("Platform", "platform"),
        site: "Acme".to_owned(),
        services: Vec::new(),
    };
    let services = ["billing", "search", "reports"].map(str::to_owned).to_vec();
    vec![
        sample("disconnect", &page),
        sample("disconnect-services", &DisconnectPage { services, ..page }),
    ]
}
