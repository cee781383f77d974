//! Rules that no lint knows: read from the sources, for all crates.
//!
//! A rule's exceptions are a list beside it, each with its reason. The lists only shrink: an exception
//! that nothing needs any more is a complaint too.

mod acceptance;
mod dependencies;
mod map;
mod retention;
mod secrets;
mod sources;
mod sql;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A file, by its path from the root of the repository.
#[derive(Debug)]
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// What stands before the tests, which are last in a file.
    fn shipped(&self) -> &str {
        self.text.split("\n#[cfg(test)]").next().unwrap_or_default()
    }

    /// Whether the file is made into what we ship, not into a test.
    fn is_shipped(&self) -> bool {
        self.path.contains("/src/") && !self.path.ends_with("/tests.rs")
    }

    /// These rules name what they forbid.
    fn is_a_rule(&self) -> bool {
        self.path.contains("/tests/it/tidy")
    }
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// All files under `folder` that end with one of `endings`, without what is built or installed.
fn sources(folder: &str, endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root(), &root().join(folder), endings, &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "nothing under {folder}");
    found
}

fn collect(root: &Path, folder: &Path, endings: &[&str], found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if !matches!(name.as_ref(), "target" | "node_modules") {
                collect(root, &path, endings, found);
            }
        } else if endings.iter().any(|it| name.ends_with(it)) {
            found.push(Source {
                path: path.strip_prefix(root).unwrap().display().to_string(),
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

fn rust() -> Vec<Source> {
    sources("crates", &[".rs"])
}

/// Fails with all complaints at once, one a line.
fn no_complaints(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Compares what was found with the exceptions to a rule; both directions are complaints.
fn compare(found: &BTreeSet<String>, allowed: &[(&str, &str)], rule: &str) {
    let allowed: BTreeSet<_> = allowed.iter().map(|(it, _)| (*it).to_owned()).collect();
    let unexpected = found.difference(&allowed).map(|it| format!("{it}: {rule}"));
    let unused = allowed
        .difference(found)
        .map(|it| format!("{it}: needs no exception any more, take it off the list"));
    no_complaints(&unexpected.chain(unused).collect::<Vec<_>>());
}
