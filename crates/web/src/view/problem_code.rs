//! What a code means.

use askama::Template;

use super::Shell;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "problem_code.html")]
pub struct ProblemCodePage {
    /// Around the page.
    pub shell: Shell,
    /// The code.
    pub code: String,
    /// Its status.
    pub status: u16,
    /// What happened.
    pub title: String,
    /// What it means.
    pub meaning: String,
    /// What to do.
    pub cure: String,
    /// Who can do it.
    pub by: String,
    /// Who is told of it.
    pub told: String,
    /// Whether trying again helps, in words.
    pub again: String,
}
