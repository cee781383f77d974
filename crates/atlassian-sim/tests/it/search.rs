//! `search/jql`: bounded, paged by opaque tokens, ids alone by default; and the queries it reads.

use atlassian_sim::SiteChange;
use serde_json::{Value, json};

use crate::{
    jira::{Acme, errors},
    support::MIA,
};

fn keys(answer: &Value) -> Vec<String> {
    let issues = answer["issues"].as_array().unwrap();
    issues
        .iter()
        .map(|it| it["key"].as_str().unwrap().to_owned())
        .collect()
}

async fn found(acme: &Acme, jql: &str) -> Vec<String> {
    let body = json!({ "jql": jql, "fields": ["summary"], "maxResults": 100 });
    let said = acme.post("search/jql", &body).await;
    assert_eq!(said.status, 200, "{jql}: {}", said.text);
    keys(&said.json())
}

#[tokio::test]
async fn a_search_must_be_bounded() {
    let acme = Acme::start().await;
    for jql in ["", "  ", "order by created", "ORDER BY updated DESC, key"] {
        let said = acme.post("search/jql", &json!({ "jql": jql })).await;
        let (status, message) = errors(&said);
        assert_eq!(status, 400);
        assert!(
            message.starts_with("Unbounded JQL queries are not allowed here."),
            "{message}"
        );
    }
    assert_eq!(errors(&acme.get("search/jql").await).0, 400);
    let fields = ["a"; 8].join(", ");
    let jql = format!("project = PLAT order by {fields}");
    assert_eq!(
        errors(&acme.post("search/jql", &json!({ "jql": jql })).await).0,
        400
    );
}

#[tokio::test]
async fn a_search_gives_ids_unless_fields_are_named() {
    let acme = Acme::start().await;
    let body = json!({ "jql": "key = PLAT-1" });
    let answer = acme.post("search/jql", &body).await.json();
    assert_eq!(
        answer,
        json!({ "issues": [{ "id": "20001" }], "isLast": true })
    );
    let path = "search/jql?jql=key%20%3D%20PLAT-1&fields=summary,status&fields=-status";
    let answer = acme.get(path).await.json();
    assert_eq!(
        answer["issues"][0]["fields"],
        json!({ "summary": "Task 1 of Platform" })
    );
    let body =
        json!({ "jql": "key = PLAT-2", "fields": ["*all", "-description"], "expand": "changelog" });
    let issue = &acme.post("search/jql", &body).await.json()["issues"][0];
    let fields = issue["fields"].as_object().unwrap();
    assert_eq!(fields["status"]["statusCategory"]["key"], "done");
    assert_eq!(fields["created"], "2026-01-07T22:00:00.000+1000");
    assert!(!fields.contains_key("description"));
    assert_eq!(issue["changelog"]["total"], 2);
    let wrong = json!({ "jql": "key = PLAT-1", "expand": ["changelog"] });
    assert_eq!(
        errors(&acme.post("search/jql", &wrong).await).0,
        400,
        "a string, not a list"
    );
}

#[tokio::test]
async fn a_search_is_paged_by_opaque_tokens_without_a_total() {
    let acme = Acme::start().await;
    let mut seen = Vec::new();
    let mut token = Value::Null;
    for page in 0..3 {
        let body = json!({
            "jql": "project in (PLAT, WEB)", "fields": ["summary"], "maxResults": 10,
            "nextPageToken": token,
        });
        let answer = acme.post("search/jql", &body).await.json();
        assert!(answer.get("total").is_none() && answer.get("startAt").is_none());
        assert_eq!(answer["isLast"], page == 2);
        assert_eq!(answer.get("nextPageToken").is_none(), page == 2);
        seen.extend(keys(&answer));
        token = answer["nextPageToken"].clone();
        if page == 0 {
            let other = json!({ "jql": "project = PLAT", "nextPageToken": token });
            assert_eq!(
                errors(&acme.post("search/jql", &other).await).0,
                400,
                "of another query"
            );
        }
    }
    assert_eq!(seen.len(), 24);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 24);
    let bogus = json!({ "jql": "project = PLAT", "nextPageToken": "bogus" });
    assert_eq!(errors(&acme.post("search/jql", &bogus).await).0, 400);
}

#[tokio::test]
async fn a_page_of_a_search_has_a_hundred_issues_at_most_once_fields_are_asked() {
    let acme = Acme::start().await;
    let more = SiteChange {
        add_projects: Some(10),
        ..SiteChange::default()
    };
    assert!(acme.local.sim.state().change_site(&acme.site, more));
    let length = async |body: Value| {
        let answer = acme.post("search/jql", &body).await.json();
        answer["issues"].as_array().unwrap().len()
    };
    let jql = "updated >= 2020-01-01";
    assert_eq!(length(json!({ "jql": jql })).await, 50);
    assert_eq!(
        length(json!({ "jql": jql, "maxResults": 5_000 })).await,
        144
    );
    assert_eq!(
        length(json!({ "jql": jql, "maxResults": 5_000, "fields": ["summary"] })).await,
        100
    );
}

#[tokio::test]
async fn queries_select_by_project_key_state_people_and_time() {
    let acme = Acme::start().await;
    let mia = acme.local.sim.state().account_id(MIA).unwrap();
    let counts = [
        ("project = PLAT", 12),
        ("project = \"Platform\" AND statusCategory = Done", 4),
        ("project = 10001", 12),
        ("project not in (PLAT)", 12),
        ("key in (PLAT-1, WEB-2, GONE-1)", 2),
        ("issuekey = plat-3", 1),
        ("project = PLAT and status != \"To Do\"", 8),
        ("project = PLAT and assignee is EMPTY", 2),
        ("project = PLAT and assignee is not empty", 10),
        ("assignee = currentUser() and project = PLAT", 10),
        ("not (project = PLAT or project = WEB)", 0),
        ("issuetype = Bug or key = PLAT-1 order by key asc", 7),
        ("updated >= \"2026-01-10 00:00\" and project = PLAT", 9),
        ("updated < 2026/01/10 and project = PLAT", 3),
        ("updated >= -2w", 0),
        ("created <= now()", 24),
    ];
    for (jql, count) in counts {
        assert_eq!(found(&acme, jql).await.len(), count, "{jql}");
    }
    assert_eq!(
        found(&acme, &format!("reporter = \"{mia}\" and key = WEB-1")).await,
        ["WEB-1"]
    );
    // Midnight in Brisbane is 14:00 UTC of the day before; PLAT-1 was created at 10:00 UTC.
    assert_eq!(
        found(
            &acme,
            "created >= \"2026-01-06 20:00\" and created < \"2026-01-06 20:01\""
        )
        .await,
        ["PLAT-1"]
    );
}

#[tokio::test]
async fn queries_that_make_no_sense_are_refused() {
    let acme = Acme::start().await;
    let refusals = [
        (
            "project = NOPE",
            "The value 'NOPE' does not exist for the field 'project'.",
        ),
        (
            "watchers = 1",
            "Field 'watchers' does not exist or you do not have permission to view it.",
        ),
        (
            "project ~ PLAT",
            "The operator '~' is not supported by the 'project' field.",
        ),
        (
            "updated >= yesterday",
            "Date value 'yesterday' for field 'updated' is invalid.",
        ),
        (
            "project =",
            "Error in the JQL Query: the query ends too early.",
        ),
        (
            "project = PLAT PLAT",
            "Error in the JQL Query: 'PLAT' was not expected here.",
        ),
        (
            "(project = PLAT",
            "Error in the JQL Query: the query ends too early.",
        ),
        (
            "project = \"PLAT",
            "The quoted string 'PLAT' has not been completed.",
        ),
        (
            "key in ()",
            "Error in the JQL Query: ')' was not expected here.",
        ),
    ];
    for (jql, expected) in refusals {
        let said = acme.post("search/jql", &json!({ "jql": jql })).await;
        let (status, message) = errors(&said);
        assert_eq!(status, 400, "{jql}");
        assert!(message.starts_with(expected), "{jql}: {message}");
    }
    let deep = format!("{}project = PLAT{}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(
        errors(&acme.post("search/jql", &json!({ "jql": deep })).await).0,
        400
    );
    for body in [
        json!([]),
        json!({ "jql": 1 }),
        json!({ "jql": "key = A-1", "fields": "summary" }),
    ] {
        assert_eq!(errors(&acme.post("search/jql", &body).await).0, 400);
    }
}
