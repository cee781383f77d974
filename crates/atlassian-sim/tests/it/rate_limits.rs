//! Refusals for the number of requests, in each form, and the app's points of the hour.

use atlassian_sim::{Endpoint, Fault, RateLimit};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Local, SAM, Said};

async fn refused(local: &Local, token: &str, form: RateLimit) -> Said {
    local
        .sim
        .state()
        .fault(Endpoint::Jira, Fault::RateLimited(form));
    let said = local.myself(token, SAM).await;
    assert_eq!(said.status, 429);
    said
}

#[tokio::test]
async fn each_form_has_its_headers() {
    let local = Local::start().await;
    // The clock stands at the top of an hour.
    local.advance(SignedDuration::from_secs(1_753)).await;
    let pair = local.pair(SAM).await;
    let form = |form| refused(&local, &pair.access, form);

    let burst = form(RateLimit::Burst).await;
    assert_eq!(burst.header("retry-after"), Some("1"));
    assert_eq!(burst.header("ratelimit-reason"), Some("jira-burst-based"));
    assert_eq!(
        burst.header("x-ratelimit-reset"),
        Some("2026-12-18T00:29:14Z")
    );

    let quota = form(RateLimit::GlobalQuota).await;
    assert_eq!(quota.header("retry-after"), Some("1847"));
    assert_eq!(
        quota.header("x-ratelimit-reset"),
        Some("2026-12-18T01:00:00Z")
    );
    assert_eq!(
        quota.header("ratelimit-reason"),
        Some("jira-quota-global-based")
    );
    assert_eq!(
        quota.header("ratelimit"),
        Some("\"global-app-quota\";r=0;t=1847")
    );

    let tenant = form(RateLimit::TenantQuota).await;
    assert_eq!(
        tenant.header("ratelimit-reason"),
        Some("jira-quota-tenant-based")
    );

    let issue = form(RateLimit::PerIssue).await;
    assert_eq!(
        issue.header("ratelimit-reason"),
        Some("jira-per-issue-on-write")
    );

    let gateway = form(RateLimit::Gateway).await;
    assert_eq!(gateway.header("retry-after"), None);
    assert_eq!(
        gateway.header("x-failure-category"),
        Some("FAILURE CLIENT RATE LIMITED")
    );
    assert_eq!(gateway.header("x-ratelimit-limit"), Some("360000"));

    let beta = form(RateLimit::Beta).await;
    assert_eq!(beta.header("retry-after"), None);
    assert_eq!(beta.header("beta-retry-after"), Some("1847"));
    assert_eq!(beta.header("x-beta-ratelimit-remaining"), Some("0"));
    assert_eq!(beta.header("x-ratelimit-reset"), Some("2026-12-18T01:00Z"));
    assert!(
        beta.header("ratelimit-policy")
            .unwrap()
            .contains("an-unheard-of-policy")
    );

    assert_eq!(
        tenant.header("ratelimit"),
        Some("\"jira-burst-based\";r=99;t=1, \"tenant-app-quota\";r=0;t=1847")
    );

    let wrong = form(RateLimit::WrongWait).await;
    assert_eq!(wrong.header("retry-after"), Some("3600"));
    let date = form(RateLimit::HttpDate).await;
    assert_eq!(
        date.header("retry-after"),
        Some("Fri, 18 Dec 2026 00:29:14 GMT")
    );
    let concurrent = form(RateLimit::Concurrent).await;
    assert_eq!(concurrent.header("retry-after"), None);
    assert!(
        concurrent
            .header("ratelimit-reason")
            .unwrap()
            .contains("concurrent")
    );

    let html = form(RateLimit::Html).await;
    assert_eq!(html.header("content-type"), Some("text/html"));
    assert!(html.text.starts_with("<html>"));

    let bare = form(RateLimit::Bare).await;
    assert_eq!((bare.header("retry-after"), bare.text.as_str()), (None, ""));
}

#[tokio::test]
async fn an_endpoint_takes_so_many_calls_in_a_second_and_others_are_none_of_it() {
    let local = Local::with(json!({ "calls_per_second": 2 })).await;
    let pair = local.pair(SAM).await;
    for _ in 0..2 {
        assert_eq!(local.myself(&pair.access, SAM).await.status, 200);
    }
    let refused = local.myself(&pair.access, SAM).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("ratelimit-reason"), Some("jira-burst-based"));
    assert_eq!(refused.header("x-ratelimit-limit"), Some("2"));
    let path = format!("ex/jira/{}/rest/api/3/serverInfo", local.site(SAM));
    assert_eq!(local.get(&pair.access, &path).await.status, 200);
    assert_eq!(local.sim.state().counts().rate_limited, 1);
    local.advance(SignedDuration::from_secs(1)).await;
    assert_eq!(local.myself(&pair.access, SAM).await.status, 200);
}

#[tokio::test]
async fn the_hour_has_so_many_points_and_then_everything_is_refused() {
    let local = Local::with(json!({ "hourly_points": 10 })).await;
    let pair = local.pair(SAM).await;
    let path = format!("ex/jira/{}/rest/api/3/serverInfo", local.site(SAM));
    // One for the call, two for the person.
    let first = local.myself(&pair.access, SAM).await;
    assert_eq!(first.header("x-ratelimit-remaining"), Some("7"));
    assert_eq!(first.header("x-ratelimit-nearlimit"), None);
    assert_eq!(
        first.header("ratelimit"),
        Some("\"global-app-quota\";t=3600"),
        "not told early"
    );
    for _ in 0..6 {
        assert_eq!(local.get(&pair.access, &path).await.status, 200);
    }
    let last = local.get(&pair.access, &path).await;
    assert_eq!(last.status, 200);
    assert_eq!(last.header("x-ratelimit-nearlimit"), Some("true"));
    assert_eq!(
        last.header("ratelimit"),
        Some("\"global-app-quota\";r=0;t=3600")
    );
    let refused = local.get(&pair.access, &path).await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.header("ratelimit-reason"),
        Some("jira-quota-global-based")
    );
    assert_eq!(
        local.resources(&pair.access).await.status,
        200,
        "no call to a site"
    );
    assert_eq!(local.sim.state().counts().rate_limited, 1);
    local.advance(SignedDuration::from_mins(59)).await;
    assert_eq!(
        local.get(&pair.access, &path).await.status,
        429,
        "no gradual release"
    );
    local.advance(SignedDuration::from_secs(59)).await;
    let pair = crate::support::pair_of(&local.refresh(&pair.refresh).await);
    local.advance(SignedDuration::from_secs(1)).await;
    assert_eq!(
        local.get(&pair.access, &path).await.status,
        200,
        "at the top of the hour"
    );
}
