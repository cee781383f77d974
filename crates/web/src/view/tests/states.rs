//! The states of a connection that has a grant: words, and the button that mends it.

use super::{all_between, sample, text};

#[test]
fn each_state_of_a_grant_is_told_in_words() {
    let check = |name: &str, pill: &str, expected: &str| {
        let text = text(&sample(name));
        assert!(text.contains(&format!("Jira {pill} A Acme")), "{text}");
        assert!(text.contains(expected), "{name}: {text}");
    };
    check(
        "renew-soon",
        "Connected — renew by 24 Nov 2027",
        "Reconnect before 24 Nov 2027, 10:40 UTC (in 28 days); it takes a minute",
    );
    check(
        "renew-late",
        "Connected — renew now",
        "This one is older: reconnect now",
    );
    check(
        "degraded",
        "Connected — trouble refreshing",
        "Atlassian did not answer 3 attempts to refresh since 27 Nov 2026, 08:20 UTC. Calls work until \
         27 Nov 2026, 09:12 UTC (in 48 minutes); we keep trying. Nothing to do now.",
    );
    check(
        "degraded-refused",
        "Connected — trouble refreshing",
        "turned away an attempt to refresh since 27 Nov 2026, 08:20 UTC, for a reason that we do not know.",
    );
    check(
        "waiting",
        "Waiting for Atlassian",
        "Calls fail until Atlassian answers; we keep trying. The next attempt is in 40 seconds.",
    );
    check(
        "waiting-due",
        "Waiting for Atlassian",
        "Atlassian has not answered since 27 Nov 2026, 08:20 UTC. Calls fail until Atlassian answers; we \
         keep trying. The next attempt is due now.",
    );
    check(
        "misconfigured",
        "Blocked by this server’s settings",
        "Your connection is intact. Calls work until 27 Nov 2026, 09:12 UTC (in 48 minutes). Operators: \
         tformance doctor names the cure.",
    );
    check(
        "misconfigured-keys",
        "Blocked by this server’s settings",
        "The stored tokens do not open under this server’s keys.",
    );
    check(
        "permissions-missing",
        "Connected — permissions missing",
        "Missing: read users. Your services need it.",
    );
    check(
        "site-lost",
        "Site no longer available",
        "cannot read issues since 27 Nov 2026, 08:12 UTC",
    );
}

#[test]
fn each_state_has_the_button_that_mends_it() {
    let primary = |name: &str| {
        let html = sample(name);
        let pieces = all_between(&html, "primary\"", "</");
        let labels = pieces
            .iter()
            .map(|it| it.rsplit('>').next().unwrap().to_owned());
        labels.collect::<Vec<_>>()
    };
    assert_eq!(primary("renew-soon"), ["Reconnect"]);
    assert_eq!(primary("reconnect-interrupted"), ["Reconnect"]);
    assert_eq!(primary("permissions-missing"), ["Reconnect to add"]);
    assert_eq!(primary("site-lost"), ["Choose another site"]);
    assert_eq!(primary("member-site-lost"), ["Choose another site"]);
    for name in ["connected", "degraded", "waiting", "misconfigured"] {
        assert!(primary(name).is_empty(), "{name}");
    }
    for name in [
        "misconfigured",
        "misconfigured-keys",
        "misconfigured-member",
    ] {
        assert!(
            !sample(name).contains("=\"/a/platform/integrations/jira/test"),
            "{name}"
        );
        assert!(
            !sample(name).contains("integrations/jira/reconnect"),
            "{name}"
        );
    }
}
