//! What services are told of a call that was not made, for what Atlassian allows: code and words.

use domain::rate_budget::Limit;
use service::budget::{OverBudget, Why};

use super::{
    Problem,
    codes::{Explanation, code},
};

impl From<OverBudget> for Problem {
    /// The members `limit` and `until` say which limit, and from when on it is not in the way.
    fn from(over: OverBudget) -> Self {
        let until = over.until.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string();
        let (row, detail) = words(over.limit, over.why);
        Self::of(row, format!("{detail} Come back after {until}."))
            .with_retry_after(over.retry_after)
            .with_limit(over.limit, until)
    }
}

const fn words(limit: Limit, why: Why) -> (&'static Explanation, &'static str) {
    match (why, limit) {
        (Why::FairShare, Limit::AppHour | Limit::SiteHour) => (
            code!("budget_fair_share"),
            "Less than a tenth of the points that Atlassian allows in this hour is left, and this service has \
             made more than its share of the calls. Ask less often, for fewer fields, or for larger pages.",
        ),
        (Why::FairShare, _) => (
            code!("budget_fair_share"),
            "Atlassian has refused calls of this endpoint for their number, so that for a minute each service has \
             an equal part of every second, and this one has used its own. Spread the calls over time.",
        ),
        (Why::UsedUp, Limit::AppHour) => (
            code!("budget_hour_exhausted"),
            "Atlassian allows so many points an hour, over all sites of this server, and refuses all calls until \
             the next hour. The call was not made. Ask less often, for fewer fields, or for larger pages.",
        ),
        (Why::UsedUp, Limit::SiteHour) => (
            code!("budget_hour_exhausted"),
            "Atlassian allows so many points an hour for this site, and refuses all its calls until the next hour. \
             The call was not made. Ask less often, for fewer fields, or for larger pages.",
        ),
        (Why::UsedUp, Limit::Gateway) => (
            code!("budget_burst"),
            "Atlassian's gateway refuses calls of this site for their number. The call was not made.",
        ),
        (Why::UsedUp, Limit::Burst) => (
            code!("budget_burst"),
            "Atlassian has refused calls of this endpoint for their number. The call was not made. Spread the calls \
             over time.",
        ),
        (Why::UsedUp, Limit::IssueWrites) => (
            code!("budget_burst"),
            "Atlassian takes 20 writes to one issue in two seconds, and 100 in half a minute. The call was not made. \
             Write several fields with one call.",
        ),
        (Why::UsedUp, Limit::Unnamed) => (
            code!("budget_burst"),
            "Atlassian has refused calls of this endpoint for their number, and did not say which limit it was. The \
             call was not made.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use jiff::SignedDuration;

    use super::*;

    /// What only this limit is told of with.
    fn own_words(limit: Limit, why: Why) -> (&'static str, &'static str) {
        match (why, limit) {
            (Why::UsedUp, Limit::AppHour) => {
                ("budget_hour_exhausted", "over all sites of this server")
            }
            (Why::UsedUp, Limit::SiteHour) => (
                "budget_hour_exhausted",
                "so many points an hour for this site",
            ),
            (Why::UsedUp, Limit::Gateway) => (
                "budget_burst",
                "Atlassian's gateway refuses calls of this site",
            ),
            (Why::UsedUp, Limit::Burst) => (
                "budget_burst",
                "calls of this endpoint for their number. The call",
            ),
            (Why::UsedUp, Limit::IssueWrites) => {
                ("budget_burst", "20 writes to one issue in two seconds")
            }
            (Why::UsedUp, Limit::Unnamed) => ("budget_burst", "did not say which limit it was"),
            (Why::FairShare, Limit::AppHour | Limit::SiteHour) => {
                ("budget_fair_share", "this service has made more")
            }
            (Why::FairShare, _) => ("budget_fair_share", "an equal part of every second"),
        }
    }

    #[test]
    fn each_limit_is_told_in_words_of_its_own_with_its_end_for_people_and_for_programs() {
        let all = || {
            Limit::ALL
                .into_iter()
                .flat_map(|it| [(it, Why::UsedUp), (it, Why::FairShare)])
        };
        for (limit, why) in all() {
            let over = OverBudget {
                limit,
                why,
                until: "2026-11-28T15:00:00Z".parse().unwrap(),
                retry_after: SignedDuration::from_millis(1_847_200),
            };
            let problem = Problem::from(over);
            let body = problem.document("");
            assert_eq!(body["limit"], limit.as_str());
            assert_eq!(body["until"], "2026-11-28T15:00:00Z");
            let detail = body["detail"].as_str().unwrap();
            assert!(
                detail.ends_with("Come back after 2026-11-28T15:00:00Z."),
                "{detail}"
            );
            for (other, because) in all() {
                let (code, words) = own_words(other, because);
                let is_own = (code, words) == own_words(limit, why);
                assert_eq!(
                    detail.contains(words),
                    is_own,
                    "{limit:?} {why:?}: {detail}"
                );
                assert!(!is_own || body["code"] == code, "{limit:?} {why:?}: {body}");
            }
            let res = problem.into_response();
            assert_eq!(res.status(), 429);
            // Rounded up: earlier would be too early.
            assert_eq!(res.headers()["retry-after"], "1848");
        }
    }
}
