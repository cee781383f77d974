//! `/a/{team}/integrations/jira/sites`: which site shall the team use?

use askama::Template;

use super::{Moment, Shell, TeamLink, letter, services};

/// From this number of sites on a filter box helps.
const FILTER_FROM: usize = 11;

/// The picker.
#[derive(Clone, Debug, Template)]
#[template(path = "sites.html")]
pub struct SitesPage {
    /// Around the page.
    pub shell: Shell,
    /// The team.
    pub team: TeamLink,
    /// Name of the Atlassian account, where Atlassian told it.
    pub account: Option<String>,
    /// The sites, sorted by name.
    pub sites: Vec<SiteChoice>,
    /// Until when the choice can be made; none where a connection in force changes its site.
    pub until: Option<Moment>,
    /// The cloud id of the site in force, where the connection is to change it.
    pub current: Option<String>,
    /// Names of the services that use the connection; empty before there are any.
    pub services: Vec<String>,
    /// What is wrong with what was sent: "Choose a site".
    pub error: Option<String>,
}

impl SitesPage {
    /// Whether a connection in force changes its site.
    fn is_change(&self) -> bool {
        self.until.is_none()
    }

    fn is_current(&self, site: &SiteChoice) -> bool {
        self.current.as_ref() == Some(&site.cloud_id)
    }

    /// Their names at the beginning of a sentence.
    fn services_at_start(&self) -> String {
        if self.services.is_empty() {
            "Your services".to_owned()
        } else {
            services(&self.services)
        }
    }

    fn has_filter(&self) -> bool {
        self.sites.len() >= FILTER_FROM
    }

    /// Where the link of the error summary leads: the first choice that can be made.
    fn first_choice(&self) -> usize {
        self.sites
            .iter()
            .position(|it| it.missing.is_none())
            .unwrap_or(0)
    }
}

/// One site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteChoice {
    /// What is posted.
    pub cloud_id: String,
    /// Its name.
    pub name: String,
    /// Its host, which tells equal names apart.
    pub host: String,
    /// Other teams of the reader that use it.
    pub used_by: Vec<String>,
    /// Why it cannot be chosen: "missing permission: read issues".
    pub missing: Option<String>,
}

impl SiteChoice {
    /// The letter in the square.
    fn letter(&self) -> String {
        letter(&self.name)
    }

    fn used_by_names(&self) -> String {
        self.used_by.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_has_a_letter_in_any_script() {
        let letter = |name: &str| {
            let name = name.to_owned();
            let (cloud_id, host, used_by) = (String::new(), String::new(), Vec::new());
            SiteChoice {
                cloud_id,
                name,
                host,
                used_by,
                missing: None,
            }
            .letter()
        };
        assert_eq!(letter("acme"), "A");
        assert_eq!(letter("  «ölfeld»"), "Ö");
        assert_eq!(letter("日本"), "日");
        assert_eq!(letter("!?"), "•");
    }
}
