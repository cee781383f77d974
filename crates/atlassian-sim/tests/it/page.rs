//! The page of the control address as a person uses it: forms, redirects, and no secret on it.

use atlassian_sim::{Endpoint, Fault};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Local, MIA, SAM, Said, pair_of};

async fn page(local: &Local) -> Said {
    local
        .send(local.http.get(local.sim.control_url().clone()))
        .await
}

/// Sends a form; gives the page that it leads to.
async fn submit(local: &Local, path: &str, fields: &[(&str, &str)]) -> Said {
    let url = local.sim.control_url().join(path).unwrap();
    let said = local.send(local.http.post(url).form(fields)).await;
    if said.status != 303 {
        return said;
    }
    let next = local
        .sim
        .control_url()
        .join(said.header("location").unwrap())
        .unwrap();
    local.send(local.http.get(next)).await
}

#[tokio::test]
async fn the_page_shows_what_there_is_and_no_token() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let second = pair_of(&local.refresh(&pair.refresh).await);
    local.sim.state().fault(Endpoint::Token, Fault::Status(503));
    let shown = page(&local).await;
    assert_eq!(shown.status, 200);
    for words in [
        MIA,
        "Solo Works",
        "2026-12-18 00:00:00 UTC",
        "{&#34;status&#34;:503}",
        "alive",
        "Permissions that consent withholds",
    ] {
        assert!(shown.text.contains(words), "{words}");
    }
    for secret in local.sim.state().secrets() {
        assert!(!shown.text.contains(&secret));
        // The app's secret ends in words that the page has too.
        let end = &secret[secret.len() - 6..];
        assert!(
            secret == crate::support::SECRET || !shown.text.contains(end),
            "more than four characters"
        );
    }
    for token in [&second.access, &second.refresh] {
        assert!(
            shown
                .text
                .contains(&format!("…{}", &token[token.len() - 4..]))
        );
    }
    let policy = shown.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self'") && policy.contains("default-src 'none'"));
    assert!(!shown.text.contains("<script"));
}

#[tokio::test]
async fn a_person_plays_and_forgets_faults() {
    let local = Local::start().await;
    let fields = [
        ("on", "token"),
        ("kind", "status"),
        ("argument", "502"),
        ("times", "1"),
    ];
    let shown = submit(&local, "do/fault", &fields).await;
    assert!(shown.text.contains("The fault waits for its request."));
    assert_eq!(local.refresh("x").await.status, 502);
    let always = [
        ("on", "jira"),
        ("kind", "rate_gateway"),
        ("argument", ""),
        ("times", ""),
    ];
    assert!(
        submit(&local, "do/fault", &always)
            .await
            .text
            .contains("until forgotten")
    );
    assert_eq!(local.myself("x", SAM).await.status, 429);
    submit(&local, "do/clear-faults", &[]).await;
    assert_eq!(local.myself("x", SAM).await.status, 401);
    for wrong in [
        [
            ("on", "token"),
            ("kind", "status"),
            ("argument", "many"),
            ("times", "1"),
        ],
        [
            ("on", "nowhere"),
            ("kind", "hang"),
            ("argument", ""),
            ("times", "1"),
        ],
        [
            ("on", "token"),
            ("kind", "laugh"),
            ("argument", ""),
            ("times", "1"),
        ],
        [
            ("on", "token"),
            ("kind", "hang"),
            ("argument", ""),
            ("times", "-1"),
        ],
    ] {
        let said = submit(&local, "do/fault", &wrong).await;
        assert_eq!(said.status, 422);
        assert!(said.text.contains("This is no fault"));
    }
    assert_eq!(local.sim.state().pending_faults(), 0);
}

/// Every switch as the page has it, with some another way.
fn all_switches(local: &Local, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let switches = serde_json::to_value(local.sim.state().switches()).unwrap();
    let mut fields: Vec<_> = switches
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(name, value)| {
            let text = match value {
                serde_json::Value::Bool(true) => "on".to_owned(),
                serde_json::Value::Bool(false) => return None,
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Array(_) => String::new(),
                other => other.to_string(),
            };
            Some((name.clone(), text))
        })
        .filter(|(name, _)| changes.iter().all(|(it, _)| it != name))
        .collect();
    fields.extend(
        changes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    fields
}

#[tokio::test]
async fn a_person_sets_and_resets_switches() {
    let local = Local::start().await;
    let changes = [
        ("private_app", "on"),
        ("reuse_revokes_family", ""),
        ("withheld_scopes", "offline_access read:jira-user"),
        ("dead_grant", "invalid_grant"),
        ("hourly_points", "65000"),
    ];
    let fields = all_switches(&local, &changes);
    let fields: Vec<_> = fields
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let shown = submit(&local, "do/switches", &fields).await;
    assert!(shown.text.contains("The switches are set."));
    let expected = json!({
        "private_app": true, "reuse_revokes_family": false, "hourly_points": 65_000,
        "withheld_scopes": ["offline_access", "read:jira-user"], "dead_grant": "invalid_grant",
    });
    let expected = atlassian_sim::Switches::default()
        .changed(expected.as_object().unwrap())
        .unwrap();
    assert_eq!(local.sim.state().switches(), expected);
    let wrong = all_switches(&local, &[("hourly_points", "many")]);
    let wrong: Vec<_> = wrong
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let said = submit(&local, "do/switches", &wrong).await;
    assert_eq!(said.status, 422);
    assert!(said.text.contains("hourly_points"));
    submit(&local, "do/reset-switches", &[]).await;
    assert_eq!(
        local.sim.state().switches(),
        atlassian_sim::Switches::default()
    );
}

#[tokio::test]
async fn a_person_moves_the_clock_and_ends_things() {
    let local = Local::start().await;
    let pair = local.pair(SAM).await;
    let shown = submit(&local, "do/clock", &[("seconds", "600")]).await;
    assert!(shown.text.contains("2026-12-18 00:10:00 UTC"));
    assert_eq!(
        submit(&local, "do/clock", &[("seconds", "soon")])
            .await
            .status,
        422
    );
    assert_eq!(local.myself(&pair.access, SAM).await.status, 200);
    let site = local.site(SAM);
    submit(
        &local,
        "do/site",
        &[("site", &site), ("change", "blocked on")],
    )
    .await;
    assert_eq!(local.myself(&pair.access, SAM).await.status, 403);
    submit(
        &local,
        "do/site",
        &[("site", &site), ("change", "blocked off")],
    )
    .await;
    assert_eq!(local.myself(&pair.access, SAM).await.status, 200);
    submit(
        &local,
        "do/account",
        &[("account", SAM), ("change", "password")],
    )
    .await;
    assert_eq!(local.refresh(&pair.refresh).await.status, 403);
    submit(&local, "do/revoke", &[("account", SAM)]).await;
    assert_eq!(local.myself(&pair.access, SAM).await.status, 401);
    submit(&local, "do/secret", &[("client_secret", "another")]).await;
    assert_eq!(local.refresh("x").await.status, 401);
    for (path, fields) in [
        ("do/site", [("site", "none"), ("change", "blocked on")]),
        ("do/site", [("site", &site), ("change", "painted on")]),
        ("do/account", [("account", "Nobody"), ("change", "owner")]),
        ("do/account", [("account", SAM), ("change", "promote")]),
        ("do/revoke", [("account", "Nobody"), ("", "")]),
        ("do/secret", [("client_secret", " "), ("", "")]),
    ] {
        assert_eq!(
            submit(&local, path, &fields).await.status,
            422,
            "{path} {fields:?}"
        );
    }
    local.advance(SignedDuration::from_secs(1)).await;
    assert_eq!(page(&local).await.status, 200);
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let local = Local::start().await;
    let url = local.sim.control_url().join("do/secret").unwrap();
    let request = local.http.post(url).header("sec-fetch-site", "cross-site");
    let said = local
        .send(request.form(&[("client_secret", "stolen")]))
        .await;
    assert_eq!(said.status, 403);
    assert_eq!(
        local.refresh("x").await.status,
        403,
        "the secret is what it was"
    );
}
