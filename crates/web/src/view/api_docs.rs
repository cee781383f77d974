//! The description of the API, for people.

use askama::Template;

use super::Shell;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "api_docs.html")]
pub struct ApiDocsPage {
    /// Around the page.
    pub shell: Shell,
    /// A first call, to be copied.
    pub curl: String,
    /// What there is, by what it is about.
    pub groups: &'static [Group],
}

/// Operations that are about the same.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they are about.
    pub name: String,
    /// In a sentence.
    pub about: String,
    /// The operations.
    pub operations: Vec<Operation>,
}

/// A method of an address.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Of its heading.
    pub id: String,
    /// In a few words.
    pub summary: String,
    /// The method, or several.
    pub method: String,
    /// The address.
    pub path: String,
    /// What there is to know, a paragraph each.
    pub about: Vec<String>,
    /// Parts of the path, and headers.
    pub parameters: Vec<Member>,
    /// What is sent.
    pub body: Option<Body>,
    /// What is answered.
    pub answers: Vec<Answer>,
    /// Whether Jira's answer is answered, whatever it is.
    pub is_passed_on: bool,
    /// What may go wrong.
    pub problems: Vec<Status>,
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Body {
    /// Whether it may be left out.
    pub is_optional: bool,
    /// What it is made of.
    pub members: Vec<Member>,
    /// One, as it is sent.
    pub example: String,
}

/// A member of an object, or a part of a path.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name; of a member of a member both, with a full stop between.
    pub name: String,
    /// What it may be.
    pub kind: String,
    /// What it means.
    pub about: String,
}

/// An answer without a problem.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// What it is.
    pub about: String,
    /// Its `Content-Type`.
    pub kind: String,
    /// What it is made of.
    pub members: Vec<Member>,
    /// One, as it is answered.
    pub example: Option<String>,
}

/// What may go wrong with a status.
#[derive(Clone, Debug)]
pub struct Status {
    /// The status.
    pub status: u16,
    /// The codes that it may have.
    pub codes: Vec<Code>,
}

/// A code.
#[derive(Clone, Debug)]
pub struct Code {
    /// The code.
    pub code: String,
    /// What happened.
    pub title: String,
}
