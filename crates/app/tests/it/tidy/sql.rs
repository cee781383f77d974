//! Tenancy in the SQL: every statement on a team's data says of which team.

use std::collections::BTreeSet;

use super::{Source, compare, rust, sources};

/// Statements without a team, by file and function.
const WITHOUT_TEAM: &[(&str, &str)] = &[
    ("api_keys.rs find_api_caller", "the key names the team"),
    (
        "audit.rs list_audit_events_without_team",
        "rows of no team, by its name",
    ),
    (
        "clean_up.rs erase_expired_grants",
        "by age, in all teams alike",
    ),
    (
        "grants.rs is_grant_shared",
        "a grant at Atlassian may serve several teams",
    ),
    ("installation.rs add_canary", "the installation as a whole"),
    (
        "installation.rs add_key_canary",
        "the installation as a whole",
    ),
    ("installation.rs find_canary", "the installation as a whole"),
    ("installation.rs find_served", "the installation as a whole"),
    ("installation.rs find_clock", "the clock"),
    (
        "invitations.rs find_invitation_of_token",
        "the token names the team",
    ),
    (
        "installation.rs list_key_canaries",
        "the installation as a whole",
    ),
    (
        "installation.rs remove_key_canary",
        "the installation as a whole",
    ),
    (
        "installation.rs replace_canary",
        "the installation as a whole",
    ),
    (
        "jira.rs list_own_teams_using",
        "goes by the memberships of a person",
    ),
    ("installation.rs set_copied", "the installation as a whole"),
    (
        "installation.rs set_unchanged",
        "the installation as a whole",
    ),
    ("installation.rs set_served", "the installation as a whole"),
    (
        "connections.rs list_connections",
        "all teams, for the operator",
    ),
    ("counts.rs list_connection_groups", "all teams, for metrics"),
    ("hints.rs refresh_hints", "the schema"),
    (
        "incidents.rs count_operator_incidents",
        "the operator's, of no team",
    ),
    (
        "incidents.rs list_incidents",
        "the operator's, of no team; the other text has it",
    ),
    (
        "incidents.rs list_open_incident_counts",
        "all teams, for metrics",
    ),
    (
        "incidents.rs list_open_operator_incidents",
        "the operator's, of no team",
    ),
    (
        "incidents.rs lock_operator_incident",
        "the operator's, of no team",
    ),
    (
        "incidents.rs set_incident",
        "asks for the team, or for none where it is the operator's",
    ),
    (
        "leases.rs find_oldest_due_refresh",
        "what is due, in all teams alike",
    ),
    ("leases.rs find_probe", "any team's connection asks for all"),
    (
        "leases.rs forget_leases",
        "the process that held them is gone, whoever's they were",
    ),
    ("leases.rs hint_refresh_ended", "a hint to other processes"),
    (
        "leases.rs list_due_refreshes",
        "what is due, in all teams alike",
    ),
    (
        "leases.rs wake_failing_refreshes",
        "the provider answers all teams again",
    ),
    (
        "outbox.rs drop_untried_mails",
        "asks for the team, or for none where it is the operator's",
    ),
    (
        "outbox.rs list_outbox_entries",
        "the operator's, of no team; the other text has it",
    ),
    (
        "provider_health.rs find_provider_health",
        "a provider serves all teams",
    ),
    (
        "provider_health.rs lock_provider_health",
        "a provider serves all teams",
    ),
    (
        "provider_health.rs set_provider_health",
        "a provider serves all teams",
    ),
    (
        "links.rs add_password_reset",
        "links are of a person, or of the installation",
    ),
    (
        "links.rs add_setup_link",
        "links are of a person, or of the installation",
    ),
    (
        "links.rs end_password_reset",
        "links are of a person, or of the installation",
    ),
    (
        "links.rs end_password_resets_of",
        "links are of a person, or of the installation",
    ),
    (
        "links.rs find_password_reset",
        "links are of a person, or of the installation",
    ),
    (
        "links.rs is_setup_link",
        "links are of a person, or of the installation",
    ),
    (
        "links.rs remove_setup_links",
        "links are of a person, or of the installation",
    ),
    (
        "links.rs trim_setup_links",
        "links are of a person, or of the installation",
    ),
    (
        "members.rs list_teams_of_only_admin",
        "goes by the memberships of a person",
    ),
    ("members.rs lock_team", "the team itself"),
    (
        "members.rs lock_user",
        "a person may be in several teams or in none",
    ),
    ("members.rs remove_team", "the team itself"),
    ("members.rs set_team_name", "the team itself"),
    (
        "sealed_values.rs from",
        "rotating keys goes through all teams; what it reads names its team, and what it writes asks for it",
    ),
    (
        "sending.rs claim_due_entries",
        "what is due, in all teams alike",
    ),
    (
        "sending.rs is_any_entry_due",
        "whether there is something to claim, in any team",
    ),
    (
        "sending.rs find_told_before",
        "asks for the team, or for none where it is the operator's",
    ),
    (
        "sending.rs forget_claims",
        "the process that held them is gone, whoever's they were",
    ),
    ("sending.rs list_waiting", "all teams, for metrics"),
    (
        "sending.rs release_entry",
        "asks for the claim, which one process has",
    ),
    (
        "sending.rs resend_webhooks",
        "one receiver is told of all teams",
    ),
    (
        "sending.rs set_entry_ended",
        "asks for the claim, which one process has",
    ),
    (
        "sending.rs set_entry_failed",
        "asks for the claim, which one process has",
    ),
    (
        "sending.rs set_entry_sent",
        "what was taken is sent, whoever's it was",
    ),
    (
        "sessions.rs add_session",
        "a session is of a person, not of a team",
    ),
    (
        "sessions.rs find_visitor",
        "who is asking; the team by its slug and the person's membership",
    ),
    (
        "sessions.rs remove_other_sessions",
        "a session is of a person, not of a team",
    ),
    (
        "sessions.rs remove_session",
        "a session is of a person, not of a team",
    ),
    (
        "sessions.rs remove_sessions_of",
        "a session is of a person, not of a team",
    ),
    (
        "sessions.rs renew_session",
        "a session is of a person, not of a team",
    ),
    (
        "sessions.rs touch_session",
        "a session is of a person, not of a team",
    ),
    ("teams.rs add_team", "the team itself"),
    ("teams.rs find_team", "the team itself, for the operator"),
    (
        "teams.rs list_teams_of",
        "goes by the memberships of a person",
    ),
    (
        "rate_budgets.rs list_proxy_calls",
        "all teams: they share what Atlassian allows",
    ),
    (
        "rate_budgets.rs list_rate_budgets",
        "a site may serve several teams, and the app all sites",
    ),
    (
        "rate_budgets.rs list_used_up_hours",
        "a site may serve several teams, and the app all sites",
    ),
    (
        "rate_budgets.rs lock_rate_budget",
        "a site may serve several teams, and the app all sites",
    ),
    (
        "rate_budgets.rs remove_ended_rate_budgets",
        "by age, in all teams alike",
    ),
    (
        "rate_budgets.rs set_rate_budget",
        "a site may serve several teams, and the app all sites",
    ),
    ("retention.rs remove_old", "by age, in all teams alike"),
    ("tx.rs schema", "the schema"),
    ("usage.rs sum_daily_usage", "all teams, for the operator"),
    ("usage.rs sum_key_usage", "all teams, for the operator"),
    (
        "users.rs add_user",
        "a person may be in several teams or in none",
    ),
    (
        "users.rs find_user_for_sign_in",
        "who signs in has said no team yet",
    ),
    (
        "users.rs find_password_hash",
        "a person may be in several teams or in none",
    ),
    (
        "users.rs has_users",
        "a person may be in several teams or in none",
    ),
    (
        "users.rs remove_user",
        "a person may be in several teams or in none",
    ),
    (
        "users.rs set_password_hash",
        "a person may be in several teams or in none",
    ),
    (
        "users.rs set_user_name",
        "a person may be in several teams or in none",
    ),
    (
        "watches.rs list_due_watches",
        "what is due, in all teams alike",
    ),
    (
        "webhook_receivers.rs disable_receiver",
        "one receiver is told of all teams",
    ),
    (
        "webhook_receivers.rs enable_receiver",
        "one receiver is told of all teams",
    ),
    (
        "webhook_receivers.rs find_receiver_health",
        "one receiver is told of all teams",
    ),
    (
        "webhook_receivers.rs set_receiver_fails",
        "one receiver is told of all teams",
    ),
    (
        "webhook_receivers.rs set_receiver_works",
        "one receiver is told of all teams",
    ),
    (
        "watches.rs list_incidents_too_far",
        "what is due, in all teams alike",
    ),
];

/// Each text of SQL in a file, with the function that it stands in.
fn statements(text: &str) -> Vec<(String, String)> {
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];
    let mut found = Vec::new();
    for (start, _) in text.match_indices('"') {
        let rest = &text[start + 1..];
        let sql = rest.split('"').next().unwrap_or_default();
        if !verbs.iter().any(|it| sql.trim_start().starts_with(it)) {
            continue;
        }
        let before = &text[..start];
        let function = before.rsplit(" fn ").next().unwrap_or_default();
        let function = function.split(['(', '<']).next().unwrap_or_default();
        found.push((function.to_owned(), sql.to_owned()));
    }
    found
}

/// An `INSERT` writes the team; every other statement asks for one that is bound.
fn says_its_team(sql: &str) -> bool {
    if sql.trim_start().starts_with("INSERT ") {
        let columns = sql.split(['(', ')']).nth(1).unwrap_or_default();
        return columns.split([',', ' ', '\n']).any(|it| it == "team_id");
    }
    sql.split_once("WHERE")
        .is_some_and(|(_, conditions)| conditions.contains("team_id = $"))
}

fn name_of(source: &Source) -> &str {
    source.path.strip_prefix("crates/store/src/").unwrap()
}

#[test]
fn every_statement_on_a_teams_data_says_of_which_team() {
    let mut without = BTreeSet::new();
    let mut count = 0;
    for source in sources("crates/store/src", &[".rs"]) {
        for (function, sql) in statements(source.shipped()) {
            count += 1;
            if !says_its_team(&sql) {
                without.insert(format!("{} {function}", name_of(&source)));
            }
        }
    }
    assert!(count > 30, "only {count} statements were found");
    compare(
        &without,
        WITHOUT_TEAM,
        "its SQL lacks the team: `WHERE team_id = $1`",
    );
}

#[test]
fn the_rule_of_teams_sees_a_statement_that_lacks_it() {
    let text = r#"
    pub async fn find_thing(&mut self) {
        const SQL: &str = "
            SELECT team_id, name FROM things WHERE id = $1";
    }
    fn add_thing<T>(it: T) { run("INSERT INTO things (id, team_id) VALUES ($1, $2)") }
    fn set_thing() { run("UPDATE things SET name = $1 WHERE t.team_id = $2", "no SQL") }
    "#;
    let found = statements(text);
    let names: Vec<_> = found.iter().map(|(it, _)| it.as_str()).collect();
    assert_eq!(names, ["find_thing", "add_thing", "set_thing"]);
    let told: Vec<_> = found.iter().map(|(_, sql)| says_its_team(sql)).collect();
    assert_eq!(told, [false, true, true]);
    assert!(!says_its_team(
        "INSERT INTO things (id, team_id_of_others) VALUES ($1, $2)"
    ));
    assert!(!says_its_team("DELETE FROM things"));
    assert!(!says_its_team("UPDATE things SET team_id = $1"));
}

#[test]
fn sql_stands_in_the_store_only() {
    for source in rust() {
        let elsewhere = source.is_shipped()
            && !source.path.starts_with("crates/store/")
            && !source.path.starts_with("crates/testkit/");
        if elsewhere {
            let found = statements(source.shipped());
            assert!(found.is_empty(), "{}: {found:?}", source.path);
        }
    }
}

#[test]
fn every_function_of_the_store_is_called_by_one_of_its_tests() {
    let tests: String = sources("crates/store/tests", &[".rs"])
        .into_iter()
        .map(|it| it.text)
        .collect();
    let mut untested = BTreeSet::new();
    for source in sources("crates/store/src", &[".rs"]) {
        let lines = source.shipped().lines().map(str::trim_start);
        for found in lines.filter_map(|it| it.strip_prefix("pub async fn ")) {
            let function = found.split(['(', '<']).next().unwrap_or_default();
            let calls = [format!(".{function}("), format!("::{function}(")];
            if !calls.iter().any(|it| tests.contains(it)) {
                untested.insert(format!("{} {function}", name_of(&source)));
            }
        }
    }
    compare(&untested, &[], "no test in crates/store/tests calls it");
}
