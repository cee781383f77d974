//! `/a/{team}/audit`: who changed what; `/a/{team}/audit/usage`: which service called what.

use askama::Template;

use super::{Field, Moment, Shell, TeamLink};

/// The page, of either log.
#[derive(Clone, Debug, Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    /// Around the page.
    pub shell: Shell,
    /// The team.
    pub team: TeamLink,
    /// What is on it.
    pub log: Log,
    /// By what it is filtered, as it was sent.
    pub filter: FilterForm,
    /// Whether any filter is set.
    pub is_filtered: bool,
    /// Whether it is not the first part.
    pub is_turned: bool,
    /// The query of this part's filter alone, with its `?`; empty without one.
    pub query: String,
    /// The query of the part with what is newer.
    pub newer: Option<String>,
    /// The query of the part with what is older.
    pub older: Option<String>,
}

/// A part of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// Who changed what.
    Changes(Vec<ChangeLine>),
    /// Which service called what.
    Usage {
        /// The lines.
        lines: Vec<UsageLine>,
        /// Whether each is of a day, not of an hour.
        is_by_day: bool,
    },
}

/// The fields of the filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterForm {
    /// The first day.
    pub from: Field,
    /// The last day.
    pub to: Field,
    /// The others, by choice.
    pub choices: Vec<Select>,
}

/// A field with a choice of some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Select {
    /// Its name.
    pub name: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// What can be chosen.
    pub options: Vec<Choice>,
    /// What is wrong with it: a sentence.
    pub error: Option<String>,
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// Whether it is the one.
    pub is_chosen: bool,
}

/// Something that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeLine {
    /// When.
    pub at: Moment,
    /// What happened.
    pub what: &'static str,
    /// What more is known of it; may be empty.
    pub detail: String,
    /// Whether something was turned away.
    pub is_refused: bool,
    /// To what.
    pub subject: String,
    /// By whom.
    pub by: String,
}

/// Calls of a service that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageLine {
    /// The start of the hour or day.
    pub at: Moment,
    /// The service.
    pub service: String,
    /// What it called.
    pub call: String,
    /// What it was answered.
    pub status: u16,
    /// How often.
    pub count: String,
}

impl AuditPage {
    fn base(&self) -> String {
        format!("/a/{}/audit", self.team.slug)
    }

    /// The address of the log that is shown.
    fn here(&self) -> String {
        match self.log {
            Log::Changes(_) => self.base(),
            Log::Usage { .. } => format!("{}/usage", self.base()),
        }
    }

    /// The address of the file with all of it, without its end.
    fn file(&self) -> String {
        match self.log {
            Log::Changes(_) => format!("{}/changes", self.base()),
            Log::Usage { .. } => format!("{}/usage", self.base()),
        }
    }

    fn has_errors(&self) -> bool {
        let filter = &self.filter;
        let mut choices = filter.choices.iter();
        filter.from.error.is_some()
            || filter.to.error.is_some()
            || choices.any(|it| it.error.is_some())
    }
}
