//! All codes that a problem may have.

use askama::Template;

use super::Shell;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "problem_codes.html")]
pub struct ProblemCodesPage {
    /// Around the page.
    pub shell: Shell,
    /// The codes, by who is told of them.
    pub groups: Vec<CodeGroup>,
}

/// Codes that the same are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeGroup {
    /// Of its heading.
    pub id: String,
    /// Who is told of them.
    pub heading: String,
    /// The codes.
    pub lines: Vec<CodeLine>,
}

/// A code, in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeLine {
    /// The code.
    pub code: String,
    /// Its status.
    pub status: u16,
    /// What happened.
    pub title: String,
}
