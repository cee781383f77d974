//! What operators read of how long things are kept is what the code does.

use std::collections::BTreeMap;

use domain::retention::Kept;

use super::read;

/// The rows of the table: name, days, least days.
fn told(text: &str) -> BTreeMap<String, (String, String)> {
    let rows = text.lines().filter_map(|it| it.strip_prefix("| `"));
    let cells = rows.map(|it| it.split('|').map(str::trim).collect::<Vec<_>>());
    let kept = cells.filter(|it| it.len() == 5 && it[1].parse::<u16>().is_ok());
    kept.map(|it| {
        let name = it[0].trim_end_matches('`').to_owned();
        (name, (it[1].to_owned(), it[2].to_owned()))
    })
    .collect()
}

#[test]
fn operators_read_for_how_long_things_are_kept() {
    let known = Kept::ALL.map(|it| {
        let days = (it.default_days().to_string(), it.least_days().to_string());
        (it.as_str().to_owned(), days)
    });
    let operations = read("docs/operations.md");
    assert_eq!(told(&operations), BTreeMap::from(known));
    // The help names the defaults too.
    let help = read("crates/app/src/config.rs").replace("\n    ///", "");
    for kept in Kept::ALL {
        let default = format!("{}={}d", kept.as_str(), kept.default_days());
        assert!(
            help.contains(&default),
            "the help of RETENTION lacks {default}"
        );
    }
}
