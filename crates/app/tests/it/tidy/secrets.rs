//! Where a secret leaves its type, which has no `Display` and does not print.

use std::collections::BTreeSet;

use super::{compare, rust};

/// Everything else carries secrets without looking at them.
const EXPOSE: &[(&str, &str)] = &[
    (
        "crates/app/src/config/client.rs",
        "tells two secrets of the client from one",
    ),
    (
        "crates/app/src/config/database.rs",
        "a database's address may hold a password",
    ),
    (
        "crates/app/src/admin.rs",
        "prints a password that it made, once",
    ),
    (
        "crates/app/src/demo/data.rs",
        "keeps the demo's key in a file of its own",
    ),
    (
        "crates/app/src/keys.rs",
        "prints a key that somebody asked for",
    ),
    (
        "crates/app/src/open.rs",
        "a database's address may hold a password",
    ),
    ("crates/atlassian/src/gateway.rs", "sends the access token"),
    ("crates/atlassian/src/jira.rs", "sends the access token"),
    (
        "crates/atlassian/src/oauth.rs",
        "sends the code, the client's secret and the refresh token",
    ),
    (
        "crates/domain/src/text.rs",
        "counts the characters of a password",
    ),
    (
        "crates/service/src/mail.rs",
        "reads the mail server's address, which holds a password",
    ),
    (
        "crates/service/src/password.rs",
        "hashes and verifies a password",
    ),
    (
        "crates/service/src/webhook/signature.rs",
        "signs with the secret that the receiver knows",
    ),
    ("crates/vault/src/canary.rs", "compares a known text"),
    ("crates/vault/src/key_ring.rs", "reads the keys"),
    ("crates/vault/src/sealing.rs", "seals"),
    ("crates/vault/src/signing.rs", "derives what signs"),
    ("crates/vault/src/token_hash.rs", "hashes"),
    (
        "crates/web/src/api/jira.rs",
        "answers a good key with the access token",
    ),
    (
        "crates/web/src/session.rs",
        "writes and reads the session's cookie",
    ),
];

#[test]
fn secrets_are_exposed_in_few_places() {
    let mut found = BTreeSet::new();
    for source in rust() {
        // The simulator is Atlassian, and `testkit` looks for secrets where none may be.
        let of_tests = ["crates/atlassian-sim/", "crates/testkit/"];
        let counts = source.is_shipped() && !of_tests.iter().any(|it| source.path.starts_with(it));
        if counts && source.shipped().contains(".expose_secret()") {
            found.insert(source.path);
        }
    }
    compare(
        &found,
        EXPOSE,
        "exposes a secret; carry it as `SecretString` or `Sealed`",
    );
}
