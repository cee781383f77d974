//! The table of `docs/acceptance.md` must not rot: the tests that it names exist, and every row has one.

use super::{Source, no_complaints, read, rust, sources};

/// Of the table: what it is called, and what it names in back-ticks in the column of tests.
#[derive(Debug)]
struct Row {
    name: String,
    tests: Vec<String>,
}

fn rows(text: &str) -> Vec<Row> {
    let is_row = |it: &&str| it.starts_with("| ") && it.contains('`');
    let lines = text.lines().filter(is_row);
    let row = |line: &str| {
        let columns: Vec<_> = line.split('|').map(str::trim).collect();
        Row {
            name: columns[1].to_owned(),
            tests: columns[3]
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect(),
        }
    };
    lines.map(row).collect()
}

/// `crate module::test` for Rust, `e2e file: title` for a browser's.
fn exists(test: &str, ours: &[Source], browser: &[Source]) -> bool {
    let Some((home, rest)) = test.split_once(' ') else {
        return false;
    };
    if home == "e2e" {
        return rest.split_once(": ").is_some_and(|(file, title)| {
            let path = format!("e2e/{file}.test.mjs");
            let titles = [format!("test('{title}'"), format!("test(`{title}`")];
            browser
                .iter()
                .filter(|it| it.path == path)
                .any(|it| titles.iter().any(|title| it.text.contains(title)))
        });
    }
    rest.rsplit_once("::").is_some_and(|(module, name)| {
        let module = module.replace("::", "/");
        let (file, folder) = (format!("/{module}.rs"), format!("/{module}/"));
        let start = format!("crates/{home}/");
        ours.iter()
            .filter(|it| it.path.starts_with(&start))
            .filter(|it| it.path.ends_with(&file) || it.path.contains(&folder))
            .any(|it| it.text.contains(&format!("fn {name}(")))
    })
}

#[test]
fn every_row_of_the_acceptance_names_tests_that_exist() {
    let rows = rows(&read("docs/acceptance.md"));
    let expected = (1..=9).chain(12..=25).chain(27..=39);
    let expected: Vec<_> = expected.map(|it| format!("D{it}")).collect();
    let names = rows.iter().map(|it| it.name.clone());
    // The second table has incidents, by the names of others.
    let numbered = names.filter(|it| it.starts_with('D'));
    let found: Vec<_> = numbered.collect();
    assert_eq!(found, expected);
    let (rust, browser) = (rust(), sources("e2e", &[".test.mjs"]));
    let mut complaints = Vec::new();
    for row in &rows {
        if row.tests.is_empty() {
            complaints.push(format!("{}: no test", row.name));
        }
        for test in &row.tests {
            if !exists(test, &rust, &browser) {
                complaints.push(format!("{}: there is no test {test:?}", row.name));
            }
        }
    }
    no_complaints(&complaints);
}

#[test]
fn the_rule_of_the_acceptance_sees_a_test_that_is_not_there() {
    let (rust, browser) = (rust(), sources("e2e", &[".test.mjs"]));
    let here = "every_row_of_the_acceptance_names_tests_that_exist";
    for (test, is_there) in [
        (format!("app tidy::acceptance::{here}"), true),
        (format!("app tidy::acceptance::{here}_at_all"), false),
        (format!("app acceptance::{}", &here[..20]), false),
        (format!("web acceptance::{here}"), false),
        (format!("app map::{here}"), false),
        (here.to_owned(), false),
        ("e2e connect: with one site it is chosen".to_owned(), true),
        ("e2e connect: with one site".to_owned(), false),
        ("e2e plain: with one site it is chosen".to_owned(), false),
    ] {
        assert_eq!(exists(&test, &rust, &browser), is_there, "{test}");
    }
}
