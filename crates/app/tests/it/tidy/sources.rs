//! Sizes, first lines, and words that must not stay.

use std::collections::BTreeSet;

use super::{compare, no_complaints, rust, sources};

const LIMIT: usize = 500;

/// Files that were too long when the rule came, and how long each may be at most.
const LONG: &[(&str, usize)] = &[];

/// Who may wait for time to pass.
const SLEEP: &[(&str, &str)] = &[
    (
        "crates/app/examples/bench/load.rs",
        "measures over a time; no test",
    ),
    (
        "crates/app/examples/bench/engine.rs",
        "plays a provider that takes its time",
    ),
    (
        "crates/app/src/demo/drills/stage.rs",
        "between two looks at what other tasks and processes do",
    ),
    ("crates/app/src/shutdown.rs", "the limit of the shutdown"),
    (
        "crates/service/src/refresh.rs",
        "between two looks at another process, and two attempts to save",
    ),
    (
        "crates/atlassian-sim/src/faults.rs",
        "plays a slow Atlassian",
    ),
    ("crates/service/src/worker.rs", "between two rounds"),
    (
        "crates/testkit/src/db/server.rs",
        "until a server of the machine has started",
    ),
];

#[test]
fn files_stay_readable_and_say_what_they_are_for() {
    let mut complaints = Vec::new();
    for source in rust() {
        let path = &source.path;
        let lines = source.shipped().lines().count();
        let exception = LONG.iter().find(|(it, _)| it == path);
        let limit = exception.map_or(LIMIT, |(_, limit)| *limit);
        if lines > limit {
            complaints.push(format!(
                "{path}: {lines} lines, at most {limit}: split it by subject"
            ));
        }
        if exception.is_some() && lines <= LIMIT {
            complaints.push(format!("{path}: is short enough now, take it off the list"));
        }
        if !source.text.starts_with("//! ") {
            complaints.push(format!(
                "{path}: say in its first line what it is for (`//! …`)"
            ));
        }
    }
    for (path, _) in LONG {
        if !super::root().join(path).exists() {
            complaints.push(format!("{path}: is gone, take it off the list"));
        }
    }
    no_complaints(&complaints);
}

#[test]
fn a_module_is_a_file_of_its_own_name() {
    for source in rust() {
        assert!(!source.path.ends_with("/mod.rs"), "{}", source.path);
    }
}

#[test]
fn no_test_is_switched_off_and_nothing_is_left_to_do() {
    let endings = [".rs", ".sql", ".html", ".css", ".js", ".mjs"];
    let mut all = sources("crates", &endings);
    all.extend(sources("e2e", &endings));
    let mut complaints = Vec::new();
    for source in all.iter().filter(|it| !it.is_a_rule()) {
        for (number, line) in (1..).zip(source.text.lines()) {
            let words = [
                "#[ignore",
                "should_panic",
                "TODO",
                "FIXME",
                "waitForTimeout",
                "test.skip",
                "test.only",
            ];
            for word in words.into_iter().filter(|it| line.contains(it)) {
                complaints.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    no_complaints(&complaints);
}

#[test]
fn tests_do_not_sleep() {
    let sleeps: BTreeSet<_> = rust()
        .into_iter()
        .filter(|it| !it.is_a_rule() && it.text.contains("sleep("))
        .map(|it| it.path)
        .collect();
    compare(
        &sleeps,
        SLEEP,
        "sleeps; wait for a condition, or step the worker with `run_once`",
    );
}
