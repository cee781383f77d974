//! What was measured, for `scripts/torture`: a row of its table each.

use std::{fs::File, io::Write as _, time::Duration};

/// How often a step is tortured: 5 times, or as often as `scripts/torture` says.
pub(crate) fn rounds() -> usize {
    let said = std::env::var("TORTURE_ROUNDS").ok();
    said.map_or(5, |it| it.parse().unwrap())
}

/// Adds a row to the table, where somebody wants one.
pub(crate) fn add(what: &str, how_often: usize, exchanges: &str, took: &mut [Duration]) {
    let Some(path) = std::env::var_os("TORTURE_FIGURES") else {
        return;
    };
    took.sort_unstable();
    let (median, slowest) = (took[took.len() / 2], took[took.len() - 1]);
    let row = format!(
        "| {what} | {how_often} | {exchanges} | {} ms | {} ms |\n",
        median.as_millis(),
        slowest.as_millis()
    );
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(row.as_bytes()).unwrap();
}
