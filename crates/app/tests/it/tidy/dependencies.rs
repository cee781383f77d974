//! Who may depend on what, so that a new edge between crates is a decision.

use std::collections::{BTreeMap, BTreeSet};

use super::{no_complaints, read, root};

/// A crate and what it may know.
struct Rule {
    name: &'static str,
    /// Of our crates.
    ours: &'static [&'static str],
    /// Of others' crates, what it must not know.
    never: &'static [&'static str],
}

const EVERYTHING: &[&str] = &[
    "app",
    "atlassian",
    "atlassian-sim",
    "domain",
    "service",
    "store",
    "testkit",
    "vault",
    "web",
];

const RULES: &[Rule] = &[
    Rule {
        name: "domain",
        ours: &[],
        never: &["tokio", "serde", "sqlx", "axum", "reqwest", "tracing"],
    },
    Rule {
        name: "vault",
        ours: &["domain"],
        never: &["tokio", "sqlx", "axum", "reqwest", "tracing"],
    },
    Rule {
        name: "store",
        ours: &["domain"],
        never: &["axum", "reqwest", "secrecy"],
    },
    Rule {
        name: "atlassian",
        ours: &["domain"],
        never: &["axum", "sqlx"],
    },
    Rule {
        name: "atlassian-sim",
        ours: &["domain", "atlassian"],
        never: &["sqlx"],
    },
    Rule {
        name: "service",
        ours: &["domain", "vault", "store", "atlassian"],
        // `reqwest` sends webhooks, as `lettre` sends mail; a rule of its own keeps it there.
        never: &["askama", "axum", "cookie", "sqlx"],
    },
    Rule {
        name: "web",
        ours: &["domain", "service"],
        never: &["reqwest", "sqlx"],
    },
    Rule {
        name: "app",
        ours: &[
            "atlassian",
            "atlassian-sim",
            "domain",
            "service",
            "store",
            "vault",
            "web",
        ],
        never: &["sqlx"],
    },
    Rule {
        name: "testkit",
        ours: &[
            "atlassian",
            "atlassian-sim",
            "domain",
            "service",
            "store",
            "vault",
            "web",
        ],
        never: &[],
    },
];

/// What tests may add. `domain` and `vault` are tested without any of ours, being pure.
const FOR_TESTS: &[&str] = &["atlassian-sim", "testkit"];
const PURE: &[&str] = &["domain", "vault"];

/// The names under each heading of a `Cargo.toml` that ends with `dependencies`.
fn dependencies(manifest: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut heading = "";
    for line in manifest.lines().map(str::trim) {
        if let Some(inner) = line.strip_prefix('[') {
            heading = inner.trim_end_matches(']');
        } else if heading.ends_with("dependencies")
            && let Some((key, _)) = line.split_once('=')
            && !line.starts_with('#')
        {
            let name = key.split('.').next().unwrap_or_default().trim();
            found
                .entry(heading.to_owned())
                .or_default()
                .insert(name.to_owned());
        }
    }
    found
}

fn complaints(rule: &Rule, manifest: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (heading, names) in dependencies(manifest) {
        let for_tests = heading == "dev-dependencies";
        for name in names {
            let is_ours = EVERYTHING.contains(&name.as_str());
            let is_listed = rule.ours.contains(&name.as_str());
            let is_of_tests =
                for_tests && FOR_TESTS.contains(&name.as_str()) && !PURE.contains(&rule.name);
            if is_ours && !is_listed && !is_of_tests {
                complaints.push(format!(
                    "{} depends on {name} ({heading}), which is no edge of the table",
                    rule.name
                ));
            }
            if !for_tests && rule.never.contains(&name.as_str()) {
                complaints.push(format!("{} must not know {name}", rule.name));
            }
        }
    }
    complaints
}

#[test]
fn crates_depend_on_what_the_table_says() {
    let mut named: Vec<_> = RULES.iter().map(|it| it.name).collect();
    named.sort_unstable();
    let mut folders: Vec<_> = std::fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort_unstable();
    assert_eq!(
        folders, named,
        "a crate more or less needs a page in docs/decisions"
    );
    let all: Vec<_> = RULES
        .iter()
        .flat_map(|rule| complaints(rule, &read(&format!("crates/{}/Cargo.toml", rule.name))))
        .collect();
    no_complaints(&all);
}

#[test]
fn the_rule_of_dependencies_sees_every_way_to_write_one() {
    let rule = RULES.iter().find(|it| it.name == "web").unwrap();
    for (manifest, expected) in [
        ("[dependencies]\nservice.workspace = true\n", 0),
        ("[dev-dependencies]\ntestkit.workspace = true\n", 0),
        ("[dev-dependencies]\nreqwest = \"1\"\n", 0),
        ("[package]\nstore = \"no dependency\"\n", 0),
        ("[dependencies]\nstore.workspace = true\n", 1),
        ("[dependencies]\ntestkit.workspace = true\n", 1),
        ("[dependencies]\nsqlx = { version = \"1\" }\n", 1),
        ("[dev-dependencies]\nstore = { path = \"../store\" }\n", 1),
        ("[target.'cfg(unix)'.dependencies]\nvault = \"1\"\n", 1),
    ] {
        assert_eq!(complaints(rule, manifest).len(), expected, "{manifest}");
    }
}

#[test]
fn versions_stand_in_the_root_only() {
    for rule in RULES {
        let manifest = read(&format!("crates/{}/Cargo.toml", rule.name));
        let mut heading = "";
        for line in manifest.lines() {
            if line.starts_with('[') {
                heading = line;
            } else if heading.ends_with("dependencies]") && line.contains('=') {
                assert!(
                    line.contains("workspace = true"),
                    "{}: {line}: write the version in the root's Cargo.toml",
                    rule.name
                );
            }
        }
    }
}

/// The packages of a lock file, each with what it depends on.
fn packages(lock: &str) -> Vec<(&str, Vec<&str>)> {
    lock.split("[[package]]")
        .skip(1)
        .map(|it| {
            let quoted = |line: &'static str| {
                it.lines()
                    .find_map(|found| found.strip_prefix(line))
                    .map(|found| found.trim_matches('"'))
            };
            let name = quoted("name = ").unwrap_or_default();
            let needs = it.lines().filter_map(|line| line.strip_prefix(" \""));
            let needs = needs.filter_map(|line| line.split(['"', ' ']).next());
            (name, needs.collect())
        })
        .collect()
}

#[test]
fn nothing_brings_openssl_or_a_second_copy_of_what_is_large() {
    let lock = read("Cargo.lock");
    let packages = packages(&lock);
    for banned in ["openssl", "openssl-sys", "native-tls"] {
        assert!(
            packages.iter().all(|(name, _)| *name != banned),
            "Cargo.lock has {banned}"
        );
    }
    for single in ["sqlx", "sqlx-core", "reqwest", "rustls", "axum", "tokio"] {
        let count = packages.iter().filter(|(name, _)| *name == single).count();
        assert_eq!(count, 1, "Cargo.lock has {count} of {single}");
    }
}

/// Atlassian is asked by `atlassian` alone.
#[test]
fn in_service_webhooks_alone_speak_http() {
    for source in super::rust() {
        let is_webhooks = source.path.starts_with("crates/service/src/webhook");
        if source.path.starts_with("crates/service/src/") && !is_webhooks {
            assert!(!source.text.contains("reqwest"), "{}", source.path);
        }
    }
}

/// `ring` beside `aws-lc-rs` would be a second set of ciphers. A lock file also lists what no feature
/// of ours switches on: these two name it so, and neither builds it.
#[test]
fn there_is_one_set_of_ciphers() {
    let lock = read("Cargo.lock");
    let users: Vec<_> = packages(&lock)
        .into_iter()
        .filter(|(_, needs)| needs.contains(&"ring"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(users, ["quinn-proto", "rustls-webpki"]);
}
