//! `/a/{team}/keys`: which services have a key, and the form that makes one.

use askama::Template;

use super::{Authority, Field, Moment, Shell, TeamLink, letter, quickstarts::QuickStarts};

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "keys.html")]
pub struct KeysPage {
    /// Around the page.
    pub shell: Shell,
    /// The team.
    pub team: TeamLink,
    /// Whether a key was just revoked.
    pub is_revoked: bool,
    /// The key that was just made.
    pub made: Option<NewKey>,
    /// Who may change anything here.
    pub authority: Authority,
    /// The keys that are not revoked, by name.
    pub keys: Vec<KeyLine>,
    /// What the form has.
    pub form: KeyFields,
    /// First calls with a key.
    pub quick_starts: QuickStarts,
}

impl KeysPage {
    fn base(&self) -> String {
        format!("/a/{}/keys", self.team.slug)
    }

    fn has_errors(&self) -> bool {
        let form = &self.form;
        let fields = [&form.name.error, &form.paths.error, &form.until.error];
        form.rights_error.is_some() || fields.into_iter().any(Option::is_some)
    }
}

/// A key that is shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// The service that it is for.
    pub name: String,
    /// The key.
    pub key: String,
    /// Whether it is to take the place of another one.
    pub is_second: bool,
    /// What to try it with; nothing if it may none of what is always there.
    pub trial: Option<Trial>,
}

/// A first call with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What it does, behind "To try it,".
    pub what: &'static str,
    /// Whether it is posted.
    pub is_post: bool,
    /// Where to.
    pub url: String,
}

impl NewKey {
    fn curl(&self, trial: &Trial) -> String {
        let method = if trial.is_post { "-X POST " } else { "" };
        format!(
            "curl {method}-H 'Authorization: Bearer {}' {}",
            self.key, trial.url
        )
    }
}

/// A key that is not revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine {
    /// In addresses.
    pub id: String,
    /// The service that has it.
    pub name: String,
    /// What it may do, as a sentence without a stop.
    pub rights: String,
    /// The only site that it is for.
    pub pin: Option<KeyPin>,
    /// Who made it; none if the account is gone, or the operator did.
    pub by: Option<String>,
    /// When.
    pub made: Moment,
    /// When it was last used.
    pub last_used: Option<Moment>,
    /// When it ends.
    pub end: Option<KeyEnd>,
    /// Whether it is in force, and the service has a newer one.
    pub is_being_replaced: bool,
    /// Whether another one may be made beside it.
    pub may_rotate: bool,
}

impl KeyLine {
    fn letter(&self) -> String {
        letter(&self.name)
    }

    const fn has_ended(&self) -> bool {
        matches!(self.end, Some(KeyEnd::Past(_)))
    }
}

/// When a key ends, and how near that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyEnd {
    /// Not within two weeks.
    Later(Moment),
    /// Within two weeks.
    Soon(Moment),
    /// It has.
    Past(Moment),
}

/// The only site that a key is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPin {
    /// Its name, or its cloud id where it is not the team's site.
    pub site: String,
    /// Whether the team has another site now.
    pub is_elsewhere: bool,
}

/// What the form has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFields {
    /// The name.
    pub name: Field,
    /// The word of the rights that are chosen.
    pub rights: String,
    /// What is wrong with the rights.
    pub rights_error: Option<String>,
    /// The words of what it may do, where that is chosen by hand.
    pub may: Vec<String>,
    /// The methods.
    pub methods: Vec<String>,
    /// The paths, one a line.
    pub paths: Field,
    /// The word of how long it lasts.
    pub lasting: String,
    /// The last day, where one is named.
    pub until: Field,
    /// The site that it may be pinned to.
    pub site: Option<KeySite>,
}

/// The team's site, to which a key may be pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySite {
    /// Its cloud id.
    pub cloud_id: String,
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: String,
    /// Whether the key shall be for it only.
    pub is_pinned: bool,
}

/// What may be chosen: the word that is sent, what is read, and what it means.
type Choice = (&'static str, &'static str, &'static str);

impl KeyFields {
    const fn presets() -> [Choice; 4] {
        [
            (
                "everything",
                "Everything",
                "Ask for tokens, and call Jira through this server.",
            ),
            (
                "read_everything",
                "Read everything",
                "Call Jira through this server, only to read. No tokens.",
            ),
            (
                "read_issues",
                "Read issues",
                "The same for issues, projects, fields, boards and searches alone.",
            ),
            ("chosen", "What I choose", "Which calls, methods and paths."),
        ]
    }

    const fn calls() -> [Choice; 3] {
        [
            ("status", "Status", "Ask how the connection is."),
            (
                "token",
                "Tokens",
                "With one it can do all that the connection allows, whatever is chosen below.",
            ),
            ("proxy", "Proxy", "Call Jira through this server."),
        ]
    }

    const fn known_methods() -> [&'static str; 5] {
        ["GET", "POST", "PUT", "PATCH", "DELETE"]
    }

    const fn ends() -> [(&'static str, &'static str); 5] {
        [
            ("never", "Never"),
            ("30", "In 30 days"),
            ("90", "In 90 days"),
            ("365", "In 365 days"),
            ("until", "On a day"),
        ]
    }

    fn has_right(&self, word: &str) -> bool {
        self.may.iter().any(|it| it == word)
    }

    fn has_method(&self, method: &str) -> bool {
        self.methods.iter().any(|it| it == method)
    }
}
