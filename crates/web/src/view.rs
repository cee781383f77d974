//! What each page shows, complete and already formatted: the fields of its template.
//!
//! A view knows nothing of the domain. Handlers fill its fields, the template arranges them; it has
//! no logic beyond `if`, `match` and `for`. `cargo run -p web --example gallery -- DIR` writes every
//! page in every state into a folder, to be looked at.

pub mod account;
pub mod account_question;
pub mod api_docs;
pub mod audit;
pub mod banner;
pub mod disconnect;
pub mod error;
pub mod first_account;
pub mod health;
pub mod integrations;
pub mod invitation;
pub mod jira_card;
pub mod key_revoke;
pub mod keys;
pub mod login;
pub mod member_remove;
pub mod members;
pub mod password_forgotten;
pub mod password_new;
pub mod problem_code;
pub mod problem_codes;
pub mod quickstarts;
pub mod settings;
pub mod signup;
pub mod sites;
pub mod team_new;

#[cfg(test)]
mod tests;

/// Addresses of our own files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assets {
    /// The style sheet.
    pub css: String,
    /// The script; every page is complete without it.
    pub js: String,
    /// The icon.
    pub icon: String,
}

/// A team, as far as links to it need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamLink {
    /// Shown to people.
    pub name: String,
    /// In addresses.
    pub slug: String,
}

/// What surrounds every page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shell {
    /// Our own files.
    pub assets: Assets,
    /// Who is signed in.
    pub user_name: Option<String>,
    /// The team that the page is about.
    pub team: Option<TeamLink>,
    /// All teams of the person, in the order in which they are shown.
    pub teams: Vec<TeamLink>,
    /// The part of the team that the page is in.
    pub section: Option<Section>,
    /// Whether the person may read the team's audit log.
    pub may_see_audit: bool,
    /// What the team's connection needs people for.
    pub banner: Option<banner::Banner>,
}

/// A part of a team's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What it is connected with.
    Integrations,
    /// Which services have a key.
    Keys,
    /// Who is in it.
    Members,
    /// Who changed what, and which service called what.
    Audit,
    /// Its name and its end.
    Settings,
}

impl Shell {
    /// Whether `team` is the one that the page is about.
    fn is_current(&self, team: &TeamLink) -> bool {
        self.team.as_ref().is_some_and(|it| it.slug == team.slug)
    }

    /// The parts of a team that the person may open, as links.
    fn sections(&self) -> impl Iterator<Item = (Section, &'static str, &'static str)> {
        let all = [
            (Section::Integrations, "Integrations", "integrations/"),
            (Section::Keys, "Keys", "keys"),
            (Section::Members, "Members", "members"),
            (Section::Audit, "Audit", "audit"),
            (Section::Settings, "Settings", "settings"),
        ];
        let may_see_audit = self.may_see_audit;
        all.into_iter()
            .filter(move |(section, ..)| may_see_audit || *section != Section::Audit)
    }

    /// Whether the page is in this part.
    fn is_in(&self, section: Section) -> bool {
        self.section == Some(section)
    }
}

/// A point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// For programs: `2026-11-24T10:40:00Z`.
    pub iso: String,
    /// For people: `24 Nov 2026, 10:40 UTC`.
    pub absolute: String,
    /// For people in a hurry: `12 minutes ago`.
    pub relative: String,
}

impl Moment {
    /// The day alone: `24 Nov 2026`.
    pub(crate) fn day(&self) -> &str {
        self.absolute.split(',').next().unwrap_or(&self.absolute)
    }
}

/// A field of a form, as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// What the person wrote.
    pub value: String,
    /// What is wrong with it: a sentence.
    pub error: Option<String>,
}

/// Who may act on the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Whether the reader may.
    pub may_manage: bool,
    /// Names of those who may, for a reader who may not.
    pub admins: Vec<String>,
}

impl Authority {
    /// The names in one line.
    fn admin_names(&self) -> String {
        self.admins.join(", ")
    }
}

/// The letter in the square beside the name of a site.
fn letter(name: &str) -> String {
    let first = name.chars().find(|it| it.is_alphanumeric());
    first.map_or_else(|| "•".to_owned(), |it| it.to_uppercase().collect())
}

/// Names in a sentence: `A, B and C`.
pub(crate) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The services that have a key, in a sentence; of many the first ones. Nothing before there are any.
pub(crate) fn services(names: &[String]) -> String {
    match names {
        [first, second, third, rest @ ..] if rest.len() > 1 => {
            format!("{first}, {second}, {third} and {} others", rest.len())
        }
        few => list(few),
    }
}
