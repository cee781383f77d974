//! What Atlassian allows, as far as it has told us: which limit, how much of it is left, until when it
//! refuses. Pure.
//!
//! A [`Report`] is what one answer said. A [`Budget`] is what is known of one limit after any number of
//! them, in any order and from any number of processes: the stricter one counts ([`Budget::merged`]).
//! Who may use what little is left is said in [`fair_share`].

use jiff::{SignedDuration, Timestamp};

use crate::{
    text::CloudId,
    usage::{Method, PathTemplate},
};

pub mod fair_share;

/// No wait that is told for anything but the points of an hour is taken for longer than this.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// The first wait where Atlassian names none; then twice as long each time.
const FIRST_WAIT_MS: i64 = 2_000;

/// Where Atlassian names none, no wait is longer than this before it is moved at random.
const LONGEST_UNTOLD_WAIT_MS: i64 = 30_000;

/// A refusal that comes so long after the last wait was over begins anew with the first wait.
pub const REFUSALS_COUNT_FOR: SignedDuration = SignedDuration::from_mins(5);

/// No report tells of a time further away than this; what seems to is from before somebody set the clock.
const FURTHEST: SignedDuration = SignedDuration::from_mins(61);

/// A limit of Atlassian's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// The points of an hour of this installation's app, over all sites.
    AppHour,
    /// The points of an hour of one site.
    SiteHour,
    /// The gateway's own, which it does not explain: all calls of a site.
    Gateway,
    /// So many calls in a second, of one endpoint of one site, by one method.
    Burst,
    /// So many writes to one issue in a few seconds.
    IssueWrites,
    /// One that the answer does not name: taken for one of the endpoint that was called.
    Unnamed,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AppHour,
        Self::SiteHour,
        Self::Gateway,
        Self::Burst,
        Self::IssueWrites,
        Self::Unnamed,
    ];

    /// The word that is kept and told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppHour => "app_hour",
            Self::SiteHour => "site_hour",
            Self::Gateway => "gateway",
            Self::Burst => "burst",
            Self::IssueWrites => "issue_writes",
            Self::Unnamed => "unnamed",
        }
    }

    /// Whether it is one of points, which begin anew at the top of each hour (UTC).
    pub const fn is_of_hour(self) -> bool {
        matches!(self, Self::AppHour | Self::SiteHour)
    }

    /// The latest end that is believed of a refusal.
    pub fn latest_end(self, now: Timestamp) -> Timestamp {
        match self {
            Self::AppHour | Self::SiteHour | Self::Gateway => next_hour(now),
            Self::Burst | Self::IssueWrites | Self::Unnamed => now + LONGEST_WAIT,
        }
    }
}

/// The top of the hour that comes (UTC).
pub fn next_hour(now: Timestamp) -> Timestamp {
    let hour = now.as_second().div_euclid(3_600).saturating_add(1);
    Timestamp::from_second(hour.saturating_mul(3_600)).unwrap_or(now)
}

/// What one answer said of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub limit: Limit,
    /// What.
    pub told: Told,
}

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The call was refused.
    Refused {
        /// Until when others will be; none where that was not said.
        until: Option<Timestamp>,
        /// How much the limit allows, where that was said: of bursts, calls in a second.
        of: Option<u64>,
    },
    /// So much is left.
    Left {
        /// So many points.
        points: u64,
        /// Of so many, where that was said.
        of: Option<u64>,
        /// Until then; to the minute, so that what several answers say of one hour is the same.
        until: Timestamp,
    },
}

/// A call that is about to be made, as far as limits go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The site.
    pub site: CloudId,
    /// By which method.
    pub method: Method,
    /// Where to.
    pub template: PathTemplate,
    /// The issue that is written to, where one is.
    pub issue: Option<String>,
}

impl Planned {
    /// What is looked at before this call: the budgets that it uses.
    pub fn budgets(&self) -> impl Iterator<Item = BudgetOf> {
        Limit::ALL.into_iter().filter_map(|it| self.budget(it))
    }

    /// The budget of a limit that this call uses; none where it uses none.
    pub fn budget(&self, limit: Limit) -> Option<BudgetOf> {
        let (site, scope) = match limit {
            Limit::AppHour => (None, String::new()),
            Limit::SiteHour | Limit::Gateway => (Some(&self.site), String::new()),
            Limit::Burst | Limit::Unnamed => {
                let (method, template) = (self.method.as_str(), self.template.as_str());
                (Some(&self.site), format!("{method} {template}"))
            }
            Limit::IssueWrites => (Some(&self.site), self.issue.clone()?),
        };
        Some(BudgetOf {
            site: site.cloned(),
            limit,
            scope,
        })
    }
}

/// The issue that a path of the gateway writes to (`/rest/api/3/issue/PROJ-1/comment`), where it does:
/// its id or key, which must look like one, as it is kept.
pub fn issue_written(method: Method, path: &str) -> Option<String> {
    let is_write = matches!(
        method,
        Method::Post | Method::Put | Method::Patch | Method::Delete
    );
    let mut segments = path.trim_start_matches('/').split('/');
    let is_api = segments.next() == Some("rest") && segments.next() == Some("api");
    let _version = segments.next();
    let is_issue = is_api && segments.next() == Some("issue");
    let issue = segments.next().filter(|_| is_write && is_issue)?;
    let looks_like_one = issue.len() <= 64
        && issue.bytes().any(|it| it.is_ascii_digit())
        && issue
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_');
    looks_like_one.then(|| issue.to_ascii_uppercase())
}

/// Which budget.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BudgetOf {
    /// Of which site; none where it is of all of them.
    pub site: Option<CloudId>,
    /// Which limit.
    pub limit: Limit,
    /// Of which part of the site: method and path template, or an issue; empty where it is of all.
    pub scope: String,
}

/// What is known of a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Until when Atlassian refuses.
    pub refused_until: Option<Timestamp>,
    /// How many refusals in a row named no end.
    pub refusals: u32,
    /// What is left, and until when that holds.
    pub left: Option<Left>,
    /// How much the limit allows: points in the hour, or calls in a second.
    pub of: Option<u64>,
}

/// What is left of the points of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// So many.
    pub points: u64,
    /// The end of that hour.
    pub until: Timestamp,
}

impl Budget {
    /// After one more report; `drawn` at random.
    #[must_use]
    pub fn after(self, told: Told, now: Timestamp, drawn: u16) -> Self {
        match told {
            Told::Left { points, of, until } => self.merged(Self {
                left: Some(Left { points, until }),
                of,
                ..Self::default()
            }),
            Told::Refused {
                until: Some(until),
                of,
            } => self.merged(Self {
                refused_until: Some(until),
                of,
                ..Self::default()
            }),
            Told::Refused { until: None, of } => {
                // Of many calls that were under way together the first refusal counts.
                if self.refused_until.is_some_and(|it| it > now) {
                    return self;
                }
                let is_again = self
                    .refused_until
                    .is_some_and(|it| now.duration_since(it) < REFUSALS_COUNT_FOR);
                let refusals = if is_again { self.refusals } else { 0 };
                self.merged(Self {
                    refused_until: Some(now + untold_wait(refusals, drawn)),
                    refusals: refusals.saturating_add(1),
                    of,
                    ..Self::default()
                })
            }
        }
    }

    /// What two who heard different things know together: the later end of a refusal, of the same hour the
    /// smaller rest, of different hours the later one. In whatever order, and however often.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let left = match (self.left, other.left) {
            (Some(one), Some(two)) if one.until == two.until => Some(Left {
                points: one.points.min(two.points),
                until: one.until,
            }),
            (one, two) => one.into_iter().chain(two).max_by_key(|it| it.until),
        };
        let later = self.refused_until.max(other.refused_until);
        let refusals = |it: &Self| {
            if it.refused_until == later {
                it.refusals
            } else {
                0
            }
        };
        Self {
            refused_until: later,
            refusals: refusals(&self).max(refusals(&other)),
            left,
            of: match (self.of, other.of) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            },
        }
    }

    /// When all that is known here means nothing any more.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.refused_until.max(self.left.map(|it| it.until))
    }

    /// What is left of the hour that is now, where it is known.
    pub fn left_at(&self, now: Timestamp) -> Option<Left> {
        self.left.filter(|it| is_ahead(it.until, now))
    }

    /// Whether so little is left of the hour that it should be known who calls how often: less than a fifth.
    pub fn is_low(&self, now: Timestamp) -> bool {
        self.is_less_than_one_of(5, now)
    }

    /// Whether what is left of the hour is kept for services that are not noisy: the last tenth.
    pub fn is_reserve(&self, now: Timestamp) -> bool {
        self.is_less_than_one_of(10, now)
    }

    fn is_less_than_one_of(&self, parts: u64, now: Timestamp) -> bool {
        let left = self.left_at(now).zip(self.of);
        left.is_some_and(|(left, of)| left.points.saturating_mul(parts) < of)
    }

    /// Until when a call would be refused, while `held` others are under way that cost a point at least.
    pub fn refuses_until(&self, now: Timestamp, held: u64) -> Option<Timestamp> {
        let refused = self.refused_until.filter(|it| is_ahead(*it, now));
        let left = self.left_at(now).filter(|it| it.points <= held);
        refused.max(left.map(|it| it.until))
    }

    /// Whether Atlassian refuses now, or nothing is left.
    pub fn is_used_up(&self, now: Timestamp) -> bool {
        self.refuses_until(now, 0).is_some()
    }
}

/// Whether a time is to come, and near enough to have been told by a report.
fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at > now && at.duration_since(now) <= FURTHEST
}

/// How long is waited where nobody says how long: 2 seconds, doubled each time up to 30, moved by up to 30
/// percent either way so that not all come back at once.
fn untold_wait(refusals: u32, drawn: u16) -> SignedDuration {
    let factor = 1_i64.checked_shl(refusals.min(10)).unwrap_or(1);
    let wait = FIRST_WAIT_MS
        .saturating_mul(factor)
        .min(LONGEST_UNTOLD_WAIT_MS);
    jittered(SignedDuration::from_millis(wait), drawn)
}

/// A wait moved by up to 30 percent either way, by what was `drawn` at random.
pub fn jittered(wait: SignedDuration, drawn: u16) -> SignedDuration {
    // 700 to 1,300 parts of a thousand.
    let parts = i64::from(drawn).rem_euclid(601).saturating_add(700);
    let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    SignedDuration::from_millis(millis.saturating_mul(parts).div_euclid(1_000))
}

#[cfg(test)]
mod tests;
