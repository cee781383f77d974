//! `/a/{team}/integrations/jira/`: how a connection is, and how it was.

use askama::Template;

use super::{
    Moment, Shell,
    jira_card::{Condition, Death, JiraCard, JiraState, TestResult, WaitsFor},
};

use self::{
    month::Month,
    notices::{Fate, IncidentLine},
};

pub mod month;
pub mod notices;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "health.html")]
pub struct HealthPage {
    /// Around the page.
    pub shell: Shell,
    /// The state, why, and what mends it.
    pub card: JiraCard,
    /// What came of a refresh that was asked for.
    pub notice: Option<RefreshNotice>,
    /// What is known of the connection; empty without one.
    pub facts: Vec<Fact>,
    /// What was; none where it could not be read.
    pub history: Option<HistoryView>,
    /// Whether this server sends mail.
    pub can_mail: bool,
}

/// What was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryView {
    /// The last 30 days; none where nothing happened in them.
    pub month: Option<Month>,
    /// What happened.
    pub timeline: Timeline,
    /// Until when Atlassian's points of this hour are used up.
    pub used_up_until: Option<Moment>,
    /// Who uses it.
    pub services: Vec<ServiceLine>,
    /// What was sent when it needed people.
    pub incidents: Vec<IncidentLine>,
    /// Since when the receiver of webhooks is not tried any more.
    pub receiver_disabled: Option<Moment>,
}

/// The state in one line, on a page of its own: a script asks for it while the whole page is looked at.
#[derive(Clone, Debug, Template)]
#[template(path = "health_summary.html")]
pub struct HealthSummary {
    /// Around the page.
    pub shell: Shell,
    /// The card that it is the short form of.
    pub card: JiraCard,
}

/// What came of a refresh that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshNotice {
    /// There is a new pair.
    Done {
        /// Until when its token is good.
        until: Option<Moment>,
    },
    /// The pair is young.
    TooSoon {
        /// When it can be asked for.
        again: Option<Moment>,
    },
    /// Atlassian does not answer.
    NoAnswer {
        /// When it is asked next.
        next: Option<Moment>,
    },
    /// The operator's settings are in the way.
    Blocked,
    /// There is no grant to refresh.
    NoGrant,
    /// Our own fault.
    Failed,
}

/// Something known of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What.
    pub name: &'static str,
    /// How it stands.
    pub value: Value,
}

/// How something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// In words.
    Text(String),
    /// In letters that are copied.
    Code(String),
    /// A time, and what is to be said with it.
    Time(Moment, &'static str),
}

/// A part of what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Which choice is shown: its place in [`Timeline::CHOICES`].
    pub shown: usize,
    /// What happened, the newest first.
    pub lines: Vec<TimelineLine>,
    /// The query of the part that comes after it.
    pub older: Option<String>,
    /// Whether it is not the newest part.
    pub is_older: bool,
}

impl Timeline {
    /// The choices: the word in the query, and what is read.
    pub const CHOICES: [(&'static str, &'static str); 3] = [
        ("all", "All"),
        ("failures", "Failures"),
        ("changes", "Changes"),
    ];

    fn choices() -> impl Iterator<Item = (usize, &'static str, &'static str)> {
        let numbered = Self::CHOICES.iter().enumerate();
        numbered.map(|(place, (word, label))| (place, *word, *label))
    }

    /// The word of what is shown.
    fn word(&self) -> &'static str {
        Self::CHOICES
            .get(self.shown)
            .map_or("all", |(word, _)| word)
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineLine {
    /// When.
    pub at: Moment,
    /// The shape of what came of it.
    pub icon: &'static str,
    /// What: `Refresh`, `Reconnected`.
    pub event: &'static str,
    /// What came of it.
    pub outcome: String,
    /// How long it took; empty where that means nothing.
    pub took: String,
    /// By whom, or because of what.
    pub by: String,
}

/// A service that uses the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceLine {
    /// Its name.
    pub name: String,
    /// When it last asked for something.
    pub last_call: Option<Moment>,
    /// How often it called today.
    pub calls_today: String,
    /// How often it was told to slow down.
    pub limited_today: String,
}

impl HealthPage {
    fn base(&self) -> String {
        format!("/a/{}/integrations/jira", self.card.team.slug)
    }
}

/// A number as people read it: `12,345`.
pub fn number(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_read_in_threes() {
        let check = |count, expected: &str| assert_eq!(number(count), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(12_345, "12,345");
        check(1_234_567, "1,234,567");
    }
}
