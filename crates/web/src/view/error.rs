//! What happened, what it means, and the way on: every coded page of `pages.md` 4.

use askama::Template;

use super::{Moment, Shell};

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// Around the page.
    pub shell: Shell,
    /// What happened.
    pub heading: String,
    /// What it means for the data, and what to do.
    pub meaning: String,
    /// Usual causes, or things to try; may be empty.
    pub causes: Vec<Cause>,
    /// The one button.
    pub action: Action,
    /// The stable code.
    pub code: String,
    /// The request, for whoever reads the log.
    pub reference: String,
    /// When.
    pub at: Moment,
    /// The HTTP status. Below 400 the page is no error, only an answer.
    pub status: u16,
}

impl ErrorPage {
    fn is_error(&self) -> bool {
        self.status >= 400
    }

    /// Whether only somebody else can help, who needs the reference: then it is shown at once.
    fn needs_reference(&self) -> bool {
        self.status >= 500 && matches!(self.action, Action::Link { .. })
    }
}

/// A usual cause, or a thing to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// A sentence.
    pub text: String,
    /// Where to do something about it.
    pub link: Option<Link>,
}

/// A link to another place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What is read.
    pub label: String,
    /// An address that we wrote, never one that somebody sent.
    pub href: String,
}

/// The one button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A link.
    Link {
        /// On the button.
        label: String,
        /// Where to.
        href: String,
    },
    /// A form that is posted.
    Post {
        /// On the button.
        label: String,
        /// Where to.
        href: String,
        /// The attempt that goes on.
        attempt: Option<String>,
    },
}
