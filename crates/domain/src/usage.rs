//! What services ask for, as it is counted.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::ids::{ApiKeyId, TeamId};

/// Which call of the API it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// The state of the connection.
    Status,
    /// A valid token.
    Token,
    /// A token in the place of one that was refused.
    Rejected,
    /// A call of the provider, through us.
    Proxy,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Status, Self::Token, Self::Rejected, Self::Proxy];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Token => "token",
            Self::Rejected => "rejected",
            Self::Proxy => "proxy",
        }
    }

    /// Whether it needs a valid token: what is promised is told of those.
    pub const fn is_read(self) -> bool {
        match self {
            Self::Token | Self::Rejected | Self::Proxy => true,
            Self::Status => false,
        }
    }
}

/// What came of it, as the promise counts it: whose fault is it where there was no valid token?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// A valid token was there.
    Served,
    /// Atlassian did not answer, and the token had ended.
    ProviderOutage,
    /// There is no grant in force: refused, disconnected, or never given.
    NoGrant,
    /// Our store, the operator's settings, or that we were too slow or broke.
    OurFault,
    /// The caller asked for what is not to be had.
    CallersFault,
}

impl Answer {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Served,
        Self::ProviderOutage,
        Self::NoGrant,
        Self::OurFault,
        Self::CallersFault,
    ];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::ProviderOutage => "provider_outage",
            Self::NoGrant => "no_grant",
            Self::OurFault => "our_fault",
            Self::CallersFault => "callers_fault",
        }
    }
}

/// By which method of HTTP it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
    /// `OPTIONS`.
    Options,
    /// Any other one: what a caller makes up is not kept.
    Other,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
        Self::Other,
    ];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "other",
        }
    }

    /// The method of this name.
    pub fn of(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == name);
        found.unwrap_or(Self::Other)
    }
}

/// A path with its ids and keys taken out, so that there are few of them: `/rest/api/3/issue/{}`. Whoever
/// makes one sees to that; here it is made fit to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathTemplate(Cow<'static, str>);

impl PathTemplate {
    /// Of a call that has no path of its own.
    pub const NONE: Self = Self(Cow::Borrowed(""));

    /// No longer than this, in bytes.
    pub const LONGEST: usize = 200;

    /// Takes a text; what is too long is cut, and what is no printable ASCII becomes `?`: a single odd
    /// one must not keep all the others from being written.
    pub fn new(text: &str) -> Self {
        let printable = |it: char| if it.is_ascii_graphic() { it } else { '?' };
        Self(text.chars().take(Self::LONGEST).map(printable).collect())
    }

    /// One of a closed list, which nobody who calls has written.
    pub(crate) const fn of_few(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// The text that is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One call, as far as it is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CountedCall {
    /// Which call of the API.
    pub call: Call,
    /// By which method.
    pub method: Method,
    /// Of a call through the proxy, where it went.
    pub path_template: PathTemplate,
    /// What the caller was answered.
    pub http_status: u16,
    /// What came of it.
    pub answer: Answer,
}

/// How often a key made the same call, with the same end, in one minute.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyUsage {
    /// The key.
    pub key: ApiKeyId,
    /// Its team.
    pub team: TeamId,
    /// The start of the minute.
    pub minute_at: Timestamp,
    /// The call.
    pub of: CountedCall,
    /// How often.
    pub count: u64,
}

/// How often the keys of a team made the same call, with the same end, on one day.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DailyUsage {
    /// The team.
    pub team: TeamId,
    /// The start of the day, UTC.
    pub day_at: Timestamp,
    /// Which call of the API.
    pub call: Call,
    /// What came of it.
    pub answer: Answer,
    /// How often.
    pub count: u64,
}

/// The start of the minute.
pub fn minute_of(at: Timestamp) -> Timestamp {
    start_of(at, 60 * 1_000)
}

/// The start of the hour, UTC.
pub fn hour_of(at: Timestamp) -> Timestamp {
    start_of(at, 60 * 60 * 1_000)
}

/// The start of the day, UTC.
pub fn day_of(at: Timestamp) -> Timestamp {
    start_of(at, 24 * 60 * 60 * 1_000)
}

fn start_of(at: Timestamp, millis: i64) -> Timestamp {
    let whole = at.as_millisecond();
    let since = whole.checked_rem_euclid(millis).unwrap_or_default();
    Timestamp::from_millisecond(whole.saturating_sub(since)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_an_hour_and_a_day_begin_where_they_do_before_and_after_1970() {
        for (at, starts) in [
            (
                "2026-11-27T23:59:59.999Z",
                ["27T23:59:00Z", "27T23:00:00Z", "27T00:00:00Z"].map(|it| format!("2026-11-{it}")),
            ),
            (
                "2026-11-28T00:00:00Z",
                ["2026-11-28T00:00:00Z"; 3].map(str::to_owned),
            ),
            (
                "1969-12-31T22:59:30Z",
                ["22:59:00Z", "22:00:00Z", "00:00:00Z"].map(|it| format!("1969-12-31T{it}")),
            ),
        ] {
            let at = at.parse().unwrap();
            let found = [minute_of(at), hour_of(at), day_of(at)];
            assert_eq!(found.map(|it| it.to_string()), starts);
        }
    }

    #[test]
    fn a_path_is_fit_to_be_kept_whatever_it_is_made_of() {
        assert_eq!(
            PathTemplate::new("/rest/api/3/issue/{}").as_str(),
            "/rest/api/3/issue/{}"
        );
        assert_eq!(PathTemplate::new("a\0b c\u{e9}").as_str(), "a?b?c?");
        assert_eq!(
            PathTemplate::new(&"\u{e9}".repeat(999)).as_str().len(),
            PathTemplate::LONGEST
        );
    }

    #[test]
    fn a_method_that_a_caller_makes_up_is_not_kept() {
        for method in Method::ALL {
            assert_eq!(Method::of(method.as_str()), method);
        }
        assert_eq!(Method::of("get"), Method::Other);
        assert_eq!(Method::of("PROPFIND"), Method::Other);
    }
}
