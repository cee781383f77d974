//! Templates of paths: what stands in the place of an id is `{}`, what is not known ends with `*`.

use std::{collections::HashMap, sync::LazyLock};

use super::known;
use crate::usage::PathTemplate;

/// A place in the tree of known addresses.
#[derive(Debug, Default)]
struct Node {
    words: HashMap<&'static str, Node>,
    /// Where an id stands.
    any: Option<Box<Node>>,
    /// The path up to here.
    here: String,
    /// The same, for what goes on in a way that is not known.
    beyond: String,
}

impl Node {
    fn at(here: String) -> Self {
        Self {
            beyond: format!("{here}/*"),
            here,
            ..Self::default()
        }
    }

    /// Adds an address below this one; gives its place.
    fn add(&mut self, path: &'static str) -> &mut Self {
        path.split('/').fold(self, |node, word| {
            let next = format!("{}/{word}", node.here);
            if word == "{}" {
                node.any.get_or_insert_with(|| Box::new(Self::at(next)))
            } else {
                node.words.entry(word).or_insert_with(|| Self::at(next))
            }
        })
    }

    /// The node below; what is known goes before what may be anything.
    fn step(&self, word: &str) -> Option<&Self> {
        self.words.get(word).or(self.any.as_deref())
    }
}

static TREE: LazyLock<Node> = LazyLock::new(|| {
    let mut root = Node::at(String::new());
    for (bases, paths) in known::ALL {
        for base in *bases {
            let base = root.add(base);
            for path in paths.split_ascii_whitespace() {
                base.add(path);
            }
        }
    }
    root
});

/// The template of a path.
pub(super) fn of(path: &str) -> PathTemplate {
    let mut node: &'static Node = &TREE;
    for word in path.split('/').filter(|it| !it.is_empty()) {
        match node.step(word) {
            Some(next) => node = next,
            None => return PathTemplate::of_few(&node.beyond),
        }
    }
    PathTemplate::of_few(&node.here)
}

/// All that there can be.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    let mut nodes = vec![&*TREE];
    let mut all = Vec::new();
    while let Some(node) = nodes.pop() {
        all.extend([node.here.as_str(), node.beyond.as_str()]);
        nodes.extend(node.words.values());
        nodes.extend(node.any.as_deref());
    }
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_keys_and_unknown_words_are_taken_out() {
        for (path, template) in [
            ("rest/api/3/myself", "/rest/api/3/myself"),
            ("rest/api/2/issue/ACME-1", "/rest/api/2/issue/{}"),
            ("rest/api/3/issue/ACME-1/", "/rest/api/3/issue/{}"),
            (
                "rest/api/3/issue/createmeta",
                "/rest/api/3/issue/createmeta",
            ),
            (
                "rest/api/3/issue/ACME-1/comment/10001",
                "/rest/api/3/issue/{}/comment/{}",
            ),
            (
                "rest/api/3/issue/ACME-1/mia@example.com",
                "/rest/api/3/issue/{}/*",
            ),
            (
                "rest/api/3/user/properties/secret",
                "/rest/api/3/user/properties/{}",
            ),
            ("rest/api/3/my-own-word/x", "/rest/api/3/*"),
            ("rest/api/9/issue", "/rest/api/*"),
            (
                "rest/agile/1.0/board/7/sprint",
                "/rest/agile/1.0/board/{}/sprint",
            ),
            (
                "rest/servicedeskapi/request/ACME-1/sla/3",
                "/rest/servicedeskapi/request/{}/sla/{}",
            ),
            ("secure/attachment/10000/a.png", "/*"),
            ("rest", "/rest"),
        ] {
            assert_eq!(of(path).as_str(), template);
        }
    }

    #[test]
    fn there_are_few_and_each_is_fit_to_be_kept() {
        let all: BTreeSet<_> = all().collect();
        assert!((800..5_000).contains(&all.len()), "{}", all.len());
        for it in all {
            assert_eq!(PathTemplate::new(it).as_str(), it);
        }
    }
}
