//! Every code that a problem may have, explained: one table, from which the pages at [`ADDRESS`] and the
//! description of the API are made.
//!
//! Status and title of a code stand here alone: a [`Problem`](super::Problem) is made of a row of it, which
//! `code!` finds while it is compiled. A test reads the sources for codes that nobody tells.

use axum::http::StatusCode;
use jiff::SignedDuration;

use crate::view::{
    Shell,
    problem_code::ProblemCodePage,
    problem_codes::{CodeGroup, CodeLine, ProblemCodesPage},
};

mod pages;
mod services;

/// Where all codes are listed; each is explained below it.
pub(crate) const ADDRESS: &str = "/api/problems";

/// Who is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Services that call the API.
    Services,
    /// People, on a page.
    People,
    /// Both.
    Everybody,
}

/// Who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Whoever wrote the service that calls.
    Caller,
    /// Whoever reads the page.
    Reader,
    /// An admin of the team.
    Admin,
    /// The operator of this server.
    Operator,
    /// Nobody: it passes.
    Nobody,
}

impl By {
    /// In words, after "Who can do something about it".
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Caller => "whoever wrote the service that calls",
            Self::Reader => "you, who read the page",
            Self::Admin => "an admin of the team",
            Self::Operator => "the operator of this server",
            Self::Nobody => "nobody; it passes",
        }
    }
}

/// Whether the same request, sent again, may be answered otherwise without anybody doing anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It helps after a while: `Retry-After` says how long.
    Later,
    /// It may help, at once or after a while that nobody knows.
    MayHelp,
    /// It helps with what only reads; what changes something may have been done.
    ToRead,
    /// It helps once somebody has mended it. `Retry-After` says when it is worth looking.
    OnceMended,
    /// It does not.
    No,
}

impl Again {
    /// In words, after "Trying again".
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Later => "helps, after a while: Retry-After says how long",
            Self::MayHelp => "may help",
            Self::ToRead => "helps with what only reads",
            Self::OnceMended => "helps only once it is mended: Retry-After says when to look",
            Self::No => "does not help by itself",
        }
    }

    /// What `Retry-After` says where nothing better is known, if it comes with the code at all.
    pub(crate) const fn usual_wait(self) -> Option<SignedDuration> {
        match self {
            Self::Later => Some(SignedDuration::from_secs(5)),
            Self::OnceMended => Some(SignedDuration::from_secs(60)),
            Self::MayHelp | Self::ToRead | Self::No => None,
        }
    }
}

/// What a code means, whatever happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Explanation {
    /// The code, which does not change.
    pub(crate) code: &'static str,
    /// The status that it comes with.
    pub(crate) status: StatusCode,
    /// Who is told of it.
    pub(crate) told: Told,
    /// What happened, in a few words.
    pub(crate) title: &'static str,
    /// What it means.
    pub(crate) meaning: &'static str,
    /// What to do.
    pub(crate) cure: &'static str,
    /// Who can do it.
    pub(crate) by: By,
    /// Whether trying again helps. It says what [`Explanation::cure`] says.
    pub(crate) again: Again,
}

impl Explanation {
    /// Whether services are told of it.
    pub(crate) fn is_of_services(&self) -> bool {
        self.told != Told::People
    }
}

/// All of them, those of services first.
pub(crate) fn all() -> impl Iterator<Item = &'static Explanation> {
    services::ALL.iter().chain(pages::ALL)
}

/// The row of a code, for whoever tells it: one that is not here does not compile.
macro_rules! code {
    ($code:literal) => {{
        // A constant of its own is looked at even where only `cargo check` runs.
        const ROW: &$crate::problem::codes::Explanation = $crate::problem::codes::row($code);
        ROW
    }};
}

pub(super) use code;

/// For `code!` alone.
#[expect(clippy::panic, reason = "it runs in the compiler")]
pub(super) const fn row(code: &str) -> &'static Explanation {
    match (among(services::ALL, code), among(pages::ALL, code)) {
        (Some(found), _) | (None, Some(found)) => found,
        (None, None) => panic!("explain the code in problem/codes/services.rs or pages.rs"),
    }
}

const fn among(all: &'static [Explanation], code: &str) -> Option<&'static Explanation> {
    let mut at = 0;
    while at < all.len() {
        if is_same(all[at].code.as_bytes(), code.as_bytes()) {
            return Some(&all[at]);
        }
        at += 1;
    }
    None
}

/// `==` is not for the compiler yet.
const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// What this code means.
pub(crate) fn find(code: &str) -> Option<&'static Explanation> {
    all().find(|it| it.code == code)
}

/// Where it is explained.
pub(crate) fn address(code: &str) -> String {
    format!("{ADDRESS}/{code}")
}

/// The page with all codes, in `shell`.
pub fn list(shell: Shell) -> ProblemCodesPage {
    let lines = |is_told: fn(&Explanation) -> bool| {
        let told = all().filter(|it| is_told(it)).map(|it| CodeLine {
            code: it.code.to_owned(),
            status: it.status.as_u16(),
            title: it.title.to_owned(),
        });
        let mut told: Vec<_> = told.collect();
        told.sort_by_key(|it| it.status);
        told
    };
    let group = |id: &str, heading: &str, lines| CodeGroup {
        id: id.to_owned(),
        heading: heading.to_owned(),
        lines,
    };
    ProblemCodesPage {
        shell,
        groups: vec![
            group(
                "services",
                "Told to services",
                lines(Explanation::is_of_services),
            ),
            group(
                "people",
                "Told on pages",
                lines(|it| it.told == Told::People),
            ),
        ],
    }
}

/// The page that explains `code`, in `shell`.
pub fn page(shell: Shell, code: &str) -> Option<ProblemCodePage> {
    let found = find(code)?;
    let told = match found.told {
        Told::Services => "services, by the API",
        Told::People => "people, on a page",
        Told::Everybody => "services, by the API; and people, on a page",
    };
    Some(ProblemCodePage {
        shell,
        code: found.code.to_owned(),
        status: found.status.as_u16(),
        title: found.title.to_owned(),
        meaning: found.meaning.to_owned(),
        cure: found.cure.to_owned(),
        by: found.by.words().to_owned(),
        told: told.to_owned(),
        again: found.again.words().to_owned(),
    })
}

#[cfg(test)]
mod tests;
