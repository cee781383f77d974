//! The Jira endpoints: paging, caps, defaults, and what they refuse.

use atlassian_sim::SiteChange;
use serde_json::{Value, json};

use crate::support::{Local, MIA, SAM, SCOPES, Said, location, pair_of, parameter};

/// A simulator, and calls to Mia's first site (Acme).
pub(crate) struct Acme {
    pub(crate) local: Local,
    pub(crate) token: String,
    pub(crate) site: String,
}

impl Acme {
    pub(crate) async fn start() -> Self {
        let local = Local::start().await;
        let token = local.pair(MIA).await.access;
        let site = local.site(MIA);
        Self { local, token, site }
    }

    fn path(&self, rest: &str) -> String {
        format!("ex/jira/{}/rest/api/3/{rest}", self.site)
    }

    pub(crate) async fn get(&self, rest: &str) -> Said {
        self.local.get(&self.token, &self.path(rest)).await
    }

    pub(crate) async fn post(&self, rest: &str, body: &Value) -> Said {
        self.local.post(&self.token, &self.path(rest), body).await
    }
}

pub(crate) fn errors(said: &Said) -> (u16, String) {
    let message = said.json()["errorMessages"][0].as_str().map(str::to_owned);
    (said.status, message.unwrap_or_default())
}

#[tokio::test]
async fn myself_and_server_info_tell_who_and_where() {
    let acme = Acme::start().await;
    let me = acme.get("myself").await.json();
    assert_eq!(me["displayName"], MIA);
    assert_eq!(me["accountType"], "atlassian");
    assert_eq!(me["timeZone"], "Australia/Brisbane");
    let server = acme.get("serverInfo").await.json();
    assert_eq!(server["baseUrl"], "https://acme.atlassian.net");
    assert_eq!(
        server["serverTime"], "2026-12-18T10:00:00.000+1000",
        "no colon in the offset"
    );
    let accepted = acme.local.consent(SAM, "write:jira-work", &[]).await;
    let code = parameter(&location(&accepted), "code").unwrap();
    let token = pair_of(&acme.local.exchange(&code).await).access;
    let path = format!("ex/jira/{}/rest/api/3/serverInfo", acme.local.site(SAM));
    assert_eq!(
        acme.local.get(&token, &path).await.status,
        200,
        "it needs no scope"
    );
}

#[tokio::test]
async fn projects_come_in_pages_of_a_hundred_at_most() {
    let acme = Acme::start().await;
    let more = SiteChange {
        add_projects: Some(120),
        ..SiteChange::default()
    };
    assert!(acme.local.sim.state().change_site(&acme.site, more));
    let page = acme.get("project/search?maxResults=1000").await.json();
    assert_eq!(
        (&page["maxResults"], &page["total"], &page["isLast"]),
        (&json!(100), &json!(122), &json!(false))
    );
    assert_eq!(page["values"].as_array().unwrap().len(), 100);
    assert_eq!(page["values"][0]["key"], "PLAT");
    let next = page["nextPage"].as_str().unwrap();
    let request = acme.local.http.get(next).bearer_auth(&acme.token);
    let last = acme.local.send(request).await.json();
    assert_eq!(
        (&last["startAt"], &last["isLast"]),
        (&json!(100), &json!(true))
    );
    assert_eq!(last["values"].as_array().unwrap().len(), 22);
    assert!(last.get("nextPage").is_none());
    let named = acme.get("project/search?query=websi").await.json();
    assert_eq!(
        (&named["total"], &named["values"][0]["key"]),
        (&json!(1), &json!("WEB"))
    );
    assert_eq!(acme.get("project/search").await.json()["maxResults"], 50);
    let far = format!("project/search?startAt={}", usize::MAX);
    assert_eq!(acme.get(&far).await.json()["values"], json!([]));
    assert_eq!(errors(&acme.get("project/search?startAt=x").await).0, 400);
}

#[tokio::test]
async fn clients_of_the_older_version_read_projects_one_by_one_and_all_at_once() {
    let acme = Acme::start().await;
    let more = SiteChange {
        add_projects: Some(120),
        ..SiteChange::default()
    };
    assert!(acme.local.sim.state().change_site(&acme.site, more));
    let get = async |rest: &str| {
        let path = format!("ex/jira/{}/rest/api/2/{rest}", acme.site);
        acme.local.get(&acme.token, &path).await
    };
    let all = get("project").await.json();
    assert_eq!(all.as_array().unwrap().len(), 122, "no pages");
    let link = all[1]["self"].as_str().unwrap();
    assert!(link.ends_with("/rest/api/2/project/10001"), "{link}");
    let request = acme.local.http.get(link).bearer_auth(&acme.token);
    assert_eq!(acme.local.send(request).await.json(), all[1]);
    assert_eq!(get("project/web").await.json(), all[1]);
    let (status, message) = errors(&get("project/NONE").await);
    assert_eq!(
        (status, &*message),
        (404, "No project could be found with key 'NONE'.")
    );
}

#[tokio::test]
async fn people_apps_customers_and_the_gone_are_found() {
    let acme = Acme::start().await;
    let all = acme.get("users/search").await.json();
    let all = all.as_array().unwrap();
    let kinds: Vec<_> = all
        .iter()
        .map(|it| it["accountType"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["atlassian", "atlassian", "app", "customer", "atlassian"]
    );
    assert_eq!(all[0]["emailAddress"], "mia@acme.example");
    assert!(
        all[1].get("emailAddress").is_none(),
        "hidden by the profile"
    );
    assert_eq!(all[4]["active"], false);
    let page = acme.get("users/search?startAt=1&maxResults=2").await.json();
    assert_eq!(page.as_array().unwrap()[..], all[1..3]);
    assert_eq!(acme.get("users/search?startAt=9").await.json(), json!([]));
}

#[tokio::test]
async fn the_removed_search_is_gone() {
    let acme = Acme::start().await;
    for version in ["2", "3"] {
        let path = format!(
            "ex/jira/{}/rest/api/{version}/search?jql=project%3DPLAT",
            acme.site
        );
        let (status, message) = errors(&acme.local.get(&acme.token, &path).await);
        assert_eq!(status, 410);
        assert!(message.contains("/rest/api/3/search/jql") && message.contains("CHANGE-2046"));
    }
}

#[tokio::test]
async fn fields_and_single_issues_are_there() {
    let acme = Acme::start().await;
    let fields = acme.get("field").await.json();
    assert!(
        fields
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["id"] == "customfield_10016")
    );
    let issue = acme.get("issue/PLAT-2").await.json();
    assert_eq!(issue["id"], "20002");
    assert_eq!(issue["fields"]["description"]["type"], "doc");
    assert_eq!(
        acme.get("issue/20002?fields=summary").await.json()["key"],
        "PLAT-2"
    );
    for path in [
        "issue/PLAT-999",
        "issue/PLAT-999/changelog",
        "issue/x/worklog",
    ] {
        let (status, message) = errors(&acme.get(path).await);
        assert_eq!(status, 404);
        assert!(message.contains("do not have permission to see it"));
    }
}

#[tokio::test]
async fn a_changelog_is_told_oldest_first() {
    let acme = Acme::start().await;
    let log = acme.get("issue/PLAT-2/changelog").await.json();
    assert_eq!((&log["total"], &log["isLast"]), (&json!(2), &json!(true)));
    let step = |index: usize| log["values"][index]["items"][0]["toString"].clone();
    assert_eq!((step(0), step(1)), (json!("In Progress"), json!("Done")));
    let second = acme
        .get("issue/PLAT-2/changelog?startAt=1&maxResults=1")
        .await
        .json();
    assert_eq!(second["values"][0], log["values"][1]);
    assert_eq!(acme.get("issue/PLAT-3/changelog").await.json()["total"], 0);
}

#[tokio::test]
async fn changelogs_in_bulk_write_times_in_three_ways() {
    let acme = Acme::start().await;
    let body = json!({ "issueIdsOrKeys": ["PLAT-2", "20001", "GONE-1"], "fieldIds": ["status"] });
    for (form, first) in [
        ("seconds", json!(1_767_798_000)),
        ("millis", json!(1_767_798_000_000_i64)),
        ("text", json!("2026-01-08T01:00:00.000+1000")),
    ] {
        acme.local.switch(json!({ "bulk_created": form }));
        let answer = acme.post("changelog/bulkfetch", &body).await.json();
        let logs = answer["issueChangeLogs"].as_array().unwrap();
        assert_eq!((logs.len(), &logs[0]["issueId"]), (2, &json!("20002")));
        assert_eq!(logs[0]["changeHistories"].as_array().unwrap().len(), 2);
        assert_eq!(logs[0]["changeHistories"][0]["created"], first);
    }
    let mut paged = body.clone();
    paged["maxResults"] = json!(2);
    let answer = acme.post("changelog/bulkfetch", &paged).await.json();
    paged["nextPageToken"] = answer["nextPageToken"].clone();
    let rest = acme.post("changelog/bulkfetch", &paged).await.json();
    assert_eq!(rest["issueChangeLogs"][0]["issueId"], "20001");
    assert!(rest.get("nextPageToken").is_none());
    let other = json!({ "issueIdsOrKeys": ["PLAT-2"], "fieldIds": ["summary"] });
    assert_eq!(
        acme.post("changelog/bulkfetch", &other).await.json()["issueChangeLogs"],
        json!([])
    );
    let many = json!({ "issueIdsOrKeys": vec!["A-1"; 1_001] });
    for body in [json!({}), many, json!({ "issueIdsOrKeys": [1] })] {
        assert_eq!(
            errors(&acme.post("changelog/bulkfetch", &body).await).0,
            400
        );
    }
}

#[tokio::test]
async fn worklogs_are_told_by_issue_and_by_change() {
    let acme = Acme::start().await;
    let log = acme.get("issue/PLAT-4/worklog").await.json();
    assert_eq!(
        (&log["total"], &log["maxResults"]),
        (&json!(2), &json!(5_000))
    );
    assert_eq!(log["worklogs"][0]["timeSpentSeconds"], 7_200);
    let started = 1_767_974_400_000_i64;
    let after = format!("issue/PLAT-4/worklog?startedAfter={}", started + 1);
    assert_eq!(acme.get(&after).await.json()["total"], 1);
    let before = format!("issue/PLAT-4/worklog?startedBefore={}", started + 1);
    assert_eq!(acme.get(&before).await.json()["total"], 1);
    let all = acme.get("worklog/updated").await.json();
    let values = all["values"].as_array().unwrap();
    assert_eq!((values.len(), &all["lastPage"]), (12, &json!(true)));
    assert_eq!(all["until"], values[11]["updatedTime"]);
    let later = acme
        .get(&format!(
            "worklog/updated?since={}",
            values[3]["updatedTime"]
        ))
        .await
        .json();
    assert!(later["values"].as_array().unwrap().len() < 9);
}

#[tokio::test]
async fn what_changed_in_the_last_minute_is_not_told_yet() {
    let acme = Acme::start().await;
    let local = &acme.local;
    let all = acme.get("worklog/updated").await.json();
    let last = all["until"].as_i64().unwrap();
    let now = 1_797_552_000_000_i64;
    let back = (last - now) / 1_000 + 60;
    // Lives are counted by the same clock: the token was given before it was turned back.
    for (seconds, count) in [(back, 12), (-1, 11)] {
        local
            .advance(jiff::SignedDuration::from_secs(seconds))
            .await;
        let told = acme.get("worklog/updated").await.json()["values"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(told, count);
    }
}

#[tokio::test]
async fn stored_accounts_are_reported_by_ninety_at_most() {
    let acme = Acme::start().await;
    let report = async |ids: &[&str]| {
        let accounts: Vec<_> = ids
            .iter()
            .map(|it| json!({ "accountId": it, "updatedAt": "2026-10-25T23:08:51.382Z" }))
            .collect();
        let body = json!({ "accounts": accounts });
        acme.local
            .post(&acme.token, "app/report-accounts/", &body)
            .await
    };
    let (active, closed) = ("5be24ad8b1653240376955d2", "5be24ba3f91c106033269289");
    let said = report(&[active, closed]).await;
    said.is(
        200,
        &json!({ "accounts": [{ "accountId": closed, "status": "closed" }] }),
    );
    assert_eq!(said.header("cycle-period"), Some("7"));
    let said = report(&[active]).await;
    assert_eq!((said.status, said.text.as_str()), (204, ""));
    assert_eq!(said.header("cycle-period"), Some("7"));
    assert_eq!(report(&[active; 90]).await.status, 204);
    for said in [report(&[active; 91]).await, report(&[]).await] {
        assert_eq!(said.status, 400);
        assert!(said.json()["errorType"].is_string() && said.json()["errorMessage"].is_string());
    }
    let off = atlassian_sim::AccountChange {
        active: Some(false),
        ..Default::default()
    };
    acme.local.sim.state().change_account(SAM, &off);
    let sam = acme.local.sim.state().account_id(SAM).unwrap();
    let said = report(&[&sam]).await;
    said.is(
        200,
        &json!({ "accounts": [{ "accountId": sam, "status": "closed" }] }),
    );
    let body = json!({ "accounts": [] });
    assert_eq!(
        acme.local
            .post("x", "app/report-accounts/", &body)
            .await
            .status,
        401
    );
    acme.local.switch(json!({ "cycle_period_days": 0 }));
    assert_eq!(report(&[active]).await.header("cycle-period"), None);
}

#[tokio::test]
async fn our_two_scopes_suffice_for_all_but_webhooks() {
    let local = Local::start().await;
    let accepted = local.consent(MIA, SCOPES, &[]).await;
    let code = parameter(&location(&accepted), "code").unwrap();
    let token = pair_of(&local.exchange(&code).await).access;
    let site = local.site(MIA);
    for (rest, status) in [
        ("myself", 200),
        ("project/search", 200),
        ("users/search", 200),
        ("field", 200),
        ("search/jql?jql=project%3DPLAT", 200),
        ("webhook", 401),
    ] {
        let said = local
            .get(&token, &format!("ex/jira/{site}/rest/api/3/{rest}"))
            .await;
        assert_eq!(said.status, status, "{rest}: {}", said.text);
    }
}
