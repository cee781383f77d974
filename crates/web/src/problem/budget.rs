//! What services are told of a call that was not made, for what Atlassian allows: status, code and words.

use axum::http::StatusCode;
use domain::rate_budget::Limit;
use service::budget::{OverBudget, Why};

use super::Problem;

impl From<OverBudget> for Problem {
    /// The members `limit` and `until` say which limit, and from when on it is not in the way.
    fn from(over: OverBudget) -> Self {
        let until = over.until.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string();
        let (code, title, detail) = words(over.limit, over.why);
        let detail = format!("{detail} Come back after {until}.");
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, title, &detail)
            .with_retry_after(over.retry_after)
            .with_limit(over.limit, until)
    }
}

const fn words(limit: Limit, why: Why) -> (&'static str, &'static str, &'static str) {
    match (why, limit) {
        (Why::FairShare, Limit::AppHour | Limit::SiteHour) => (
            "budget_fair_share",
            "The rest of this hour is kept for other services",
            "Less than a tenth of the points that Atlassian allows in this hour is left, and this key has made more \
             than its share of the calls. Ask less often, for fewer fields, or for larger pages.",
        ),
        (Why::FairShare, _) => (
            "budget_fair_share",
            "It is the turn of other services",
            "Atlassian has refused calls of this endpoint for their number, so that for a minute each key has an \
             equal part of every second, and this key has used its own. Spread the calls over time.",
        ),
        (Why::UsedUp, Limit::AppHour) => (
            "budget_hour_exhausted",
            "The points of this hour are used up",
            "Atlassian allows so many points an hour, over all sites of this server, and refuses all calls until \
             the next hour. The call was not made. Ask less often, for fewer fields, or for larger pages.",
        ),
        (Why::UsedUp, Limit::SiteHour) => (
            "budget_hour_exhausted",
            "The points of this hour are used up",
            "Atlassian allows so many points an hour for this site, and refuses all its calls until the next hour. \
             The call was not made. Ask less often, for fewer fields, or for larger pages.",
        ),
        (Why::UsedUp, Limit::Gateway) => (
            "budget_burst",
            "Atlassian's gateway takes no calls now",
            "It refuses calls of this site for their number. The call was not made.",
        ),
        (Why::UsedUp, Limit::Burst) => (
            "budget_burst",
            "Too many calls at once",
            "Atlassian has refused calls of this endpoint for their number. The call was not made. Spread the calls \
             over time.",
        ),
        (Why::UsedUp, Limit::IssueWrites) => (
            "budget_burst",
            "Too many writes to this issue",
            "Atlassian takes 20 writes to one issue in two seconds, and 100 in half a minute. The call was not made. \
             Write several fields with one call.",
        ),
        (Why::UsedUp, Limit::Unnamed) => (
            "budget_burst",
            "Too many calls",
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

    #[tokio::test]
    async fn each_limit_is_told_with_its_end_for_people_and_for_programs() {
        for limit in Limit::ALL {
            for why in [Why::UsedUp, Why::FairShare] {
                let over = OverBudget {
                    limit,
                    why,
                    until: "2026-11-28T15:00:00Z".parse().unwrap(),
                    retry_after: SignedDuration::from_millis(1_847_200),
                };
                let res = Problem::from(over).into_response();
                assert_eq!(res.status(), 429);
                // Rounded up: earlier would be too early.
                assert_eq!(res.headers()["retry-after"], "1848");
                let body = axum::body::to_bytes(res.into_body(), 10_000).await.unwrap();
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(body["limit"], limit.as_str());
                assert_eq!(body["until"], "2026-11-28T15:00:00Z");
                assert!(body["code"].as_str().unwrap().starts_with("budget"));
                let detail = body["detail"].as_str().unwrap();
                assert!(
                    detail.ends_with("Come back after 2026-11-28T15:00:00Z."),
                    "{detail}"
                );
            }
        }
    }
}
