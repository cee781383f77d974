//! Every code that is told is explained, and every code that is explained is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::{By, all, find};

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

/// What stands between quotation marks and looks like a code: one case, with a low line.
fn codes_in(source: &str) -> impl Iterator<Item = &str> {
    let shipped = source.split("\n#[cfg(test)]").next().unwrap_or_default();
    shipped.split('"').skip(1).step_by(2).filter(|it| {
        let has_case = |is: fn(&u8) -> bool| it.bytes().all(|byte| byte == b'_' || is(&byte));
        it.contains('_') && (has_case(u8::is_ascii_uppercase) || has_case(u8::is_ascii_lowercase))
    })
}

/// Codes without a low line, which no test would find.
const PLAIN: [&str; 1] = ["internal"];

#[test]
fn every_code_that_is_told_is_explained_and_the_other_way_round() {
    let mut told = BTreeSet::from(PLAIN.map(str::to_owned));
    for path in sources() {
        let text = fs::read_to_string(path).unwrap();
        told.extend(codes_in(&text).map(str::to_owned));
    }
    let explained: BTreeSet<_> = all().map(|it| it.code.to_owned()).collect();
    assert!(told.len() > 60, "only {} codes", told.len());
    let unexplained: Vec<_> = told.difference(&explained).collect();
    assert!(
        unexplained.is_empty(),
        "explain them in problem/codes/services.rs or pages.rs: {unexplained:?}"
    );
    let untold: Vec<_> = explained.difference(&told).collect();
    assert!(untold.is_empty(), "nobody tells {untold:?}");
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
        if it.by == By::Nobody {
            assert!(it.may_pass(), "{}", it.code);
        }
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
            !page
                .lines()
                .any(|line| line.starts_with(&row) && line.contains(&code))
        })
        .map(|it| it.code)
        .collect();
    assert!(missing.is_empty(), "docs/api.md lacks {missing:?}");
}
