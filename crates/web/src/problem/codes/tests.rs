//! Every code that is explained is told, and explained in whole sentences that do not contradict each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::{Again, By, Explanation, all, find};

/// Files that tell codes: all of `problem.rs` and `problem/`, but not this table.
fn sources() -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = vec![source.join("problem.rs")];
    collect(&source.join("problem"), &mut found);
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy();
        if name == "codes" || name == "tests" {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_code_that_is_told_is_explained_and_the_other_way_round() {
    let mut told = BTreeSet::new();
    for path in sources() {
        let text = fs::read_to_string(path).unwrap();
        let shipped = text.split("\n#[cfg(test)]").next().unwrap_or_default();
        let codes = shipped.split("code!(\"").skip(1);
        told.extend(codes.filter_map(|it| Some(it.split_once('"')?.0.to_owned())));
    }
    assert!(told.len() > 60, "only {} codes", told.len());
    // That what is told is explained, the compiler has seen to.
    let untold = all().map(|it| it.code).filter(|it| !told.contains(*it));
    assert_eq!(untold.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn each_code_is_explained_once_and_in_sentences() {
    let mut seen = BTreeMap::new();
    for it in all() {
        assert_eq!(seen.insert(it.code, it.status), None, "{} twice", it.code);
        assert_eq!(find(it.code).unwrap().title, it.title);
        let is_sentence = |text: &str| text.len() > 5 && text.ends_with('.');
        assert!(is_sentence(it.meaning), "{}: {}", it.code, it.meaning);
        assert!(is_sentence(it.cure), "{}: {}", it.code, it.cure);
        assert!(
            !it.title.is_empty() && !it.title.ends_with('.'),
            "{}",
            it.code
        );
    }
    assert!(find("no_such_code").is_none() && find("").is_none());
}

#[test]
fn the_page_for_backend_engineers_has_each_code_with_its_status() {
    let page = include_str!("../../../../../docs/api.md");
    let missing: Vec<_> = all()
        .filter(|it| it.is_of_services())
        .filter(|it| {
            let row = format!("| {} |", it.status.as_u16());
            let code = format!("`{}`", it.code);
            let again = format!("| {} |", in_the_table(it.again));
            !page.lines().any(|line| {
                line.starts_with(&row) && line.contains(&code) && line.ends_with(&again)
            })
        })
        .map(|it| (it.code, in_the_table(it.again)))
        .collect();
    assert!(missing.is_empty(), "docs/api.md lacks {missing:?}");
}

/// As the last column there has it.
const fn in_the_table(again: Again) -> &'static str {
    match again {
        Again::Later => "after `Retry-After`",
        Again::MayHelp => "may help",
        Again::ToRead => "with what only reads",
        Again::OnceMended => "once it is mended",
        Again::No => "no",
    }
}

/// With what a sentence of a cure begins that tells to send the same again.
const SAME_AGAIN: [&str; 6] = [
    "Try again",
    "Trying again",
    "Send it again",
    "Send the request again",
    "Wait for as long as Retry-After says",
    "Come back at until",
];

/// What the words of a cure say of trying again.
fn said_of_trying_again(it: &Explanation) -> Again {
    let sentences = || it.cure.split(". ");
    let begins = |with: &str| sentences().any(|sentence| sentence.starts_with(with));
    if begins("Only the operator can mend it") {
        Again::OnceMended
    } else if begins("Try again what only reads") {
        Again::ToRead
    } else if !SAME_AGAIN.into_iter().any(begins) {
        Again::No
    } else if it.status == 429 || it.status == 503 {
        Again::Later
    } else {
        Again::MayHelp
    }
}

#[test]
fn a_code_says_in_both_places_whether_trying_again_helps() {
    for it in all().filter(|it| it.status.as_u16() >= 400) {
        assert_eq!(
            said_of_trying_again(it),
            it.again,
            "{}: {}",
            it.code,
            it.cure
        );
        // What passes by itself needs no other cure.
        assert!(it.by != By::Nobody || it.again != Again::No, "{}", it.code);
    }
}

#[test]
fn a_code_tells_when_to_come_back_where_http_has_it_so() {
    for it in all() {
        let has_time = [429, 503].contains(&it.status.as_u16());
        assert_eq!(it.again.usual_wait().is_some(), has_time, "{}", it.code);
    }
}
