//! Which paths of the provider a key may call. A path is compared as it was sent, segment by segment, and
//! is never decoded: what somebody behind us might read as another path is below no prefix.

use crate::{jira_path::JiraPath, text::TextError};

/// The versions of Jira's platform API, for which [`ISSUE_PATHS`] and [`SEARCH_PATHS`] hold alike.
pub const VERSIONS: [&str; 3] = ["/rest/api/3", "/rest/api/2", "/rest/api/latest"];

/// What "read issues" reads, below each of [`VERSIONS`]: issues with their history, files and worklogs, the
/// projects, fields and words that explain them, and who and where one is. No users but oneself.
pub const ISSUE_PATHS: [&str; 23] = [
    "/issue",
    "/search",
    "/project",
    "/component",
    "/version",
    "/worklog",
    "/attachment",
    "/comment",
    "/field",
    "/customFieldOption",
    "/issuetype",
    "/issueLinkType",
    "/label",
    "/priority",
    "/resolution",
    "/status",
    "/statuses",
    "/statuscategory",
    "/jql",
    "/filter",
    "/mypermissions",
    "/myself",
    "/serverInfo",
];

/// What only reads, although it is posted, below each of [`VERSIONS`].
pub const SEARCH_PATHS: [&str; 8] = [
    "/search/jql",
    "/search/approximate-count",
    "/issue/bulkfetch",
    "/changelog/bulkfetch",
    "/worklog/list",
    "/comment/list",
    "/jql/match",
    "/jql/parse",
];

/// Boards, sprints and epics, which "read issues" reads too.
pub(super) const AGILE: &str = "/rest/agile/1.0";

/// The beginning of a path, up to the end of a segment: `/rest/api/3/issue`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// The most characters.
    pub const MAX: usize = 200;

    /// Checks a prefix. A slash at its end changes nothing; `/` alone is every path.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is missing, too long, or no path: with a host, a query, dots that lead elsewhere,
    /// or characters that stand for others.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextError::Missing);
        }
        if text.len() > Self::MAX {
            return Err(TextError::TooLong { max: Self::MAX });
        }
        let is_taken = |it: u8| it.is_ascii_alphanumeric() || b"/-._~%:@$&+,=()'!".contains(&it);
        if !text.bytes().all(is_taken) || (text != "/" && !is_plain(text)) {
            return Err(TextError::Form {
                example: "/rest/api/3/issue",
            });
        }
        let trimmed = text.trim_end_matches('/');
        Ok(Self(
            if trimmed.is_empty() { "/" } else { trimmed }.to_owned(),
        ))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a path begins with these segments. Of a path that [`is_plain`], nobody behind us thinks otherwise.
pub(super) fn begins(path: &str, prefix: &str) -> bool {
    rest_after(path, prefix.trim_end_matches('/')).is_some()
}

/// Whether a path begins, below any of [`VERSIONS`], with these segments.
pub(super) fn begins_below_api(path: &str, prefix: &str) -> bool {
    let mut rests = VERSIONS.iter().filter_map(|it| rest_after(path, it));
    rests.any(|rest| begins(rest, prefix))
}

/// What follows whole segments.
fn rest_after<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Whether everybody reads the path alike: as the proxy demands of every path.
pub(super) fn is_plain(path: &str) -> bool {
    let below = path.strip_prefix('/');
    below.is_some_and(|it| JiraPath::parse(it).is_ok())
}
