//! The map must not rot: what `ARCHITECTURE.md` names in back-ticks exists.

use super::{Source, no_complaints, read, root, rust};

/// Types of others, and words that only look like types.
const OF_OTHERS: &[&str] = &["Host", "SecretString"];

/// What a word in back-ticks claims to be.
#[derive(Debug, PartialEq)]
enum Claim<'a> {
    Path(&'a str),
    Type(&'a str),
    Macro(&'a str),
    /// A module of ours and something in it.
    Member(&'a str, &'a str),
}

fn claim(word: &str) -> Option<Claim<'_>> {
    let is_path = |it: char| it.is_ascii_alphanumeric() || "._-/".contains(it);
    if let Some(name) = word.strip_suffix('!') {
        return Some(Claim::Macro(name));
    }
    if let Some((module, member)) = word.rsplit_once("::") {
        return Some(Claim::Member(module, member));
    }
    let file = [".rs", ".md", ".toml", ".sql"];
    if word.chars().all(is_path)
        && !word.starts_with('/')
        && (word.contains('/') || file.iter().any(|it| word.ends_with(it)))
    {
        return Some(Claim::Path(word));
    }
    let is_type = word.starts_with(|it: char| it.is_ascii_uppercase())
        && word.contains(|it: char| it.is_ascii_lowercase())
        && word.chars().all(|it| it.is_ascii_alphanumeric());
    is_type.then_some(Claim::Type(word))
}

fn defines(source: &Source, keywords: &[&str], name: &str) -> bool {
    keywords.iter().any(|keyword| {
        let definition = format!("{keyword} {name}");
        source.text.match_indices(&definition).any(|(at, found)| {
            let next = source.text[at + found.len()..].chars().next();
            !next.is_some_and(|it| it.is_alphanumeric() || it == '_')
        })
    })
}

const TYPES: &[&str] = &["struct", "enum", "trait", "type"];

fn holds(claim: &Claim<'_>, sources: &[Source]) -> bool {
    match claim {
        Claim::Path(path) => root().join(path).exists(),
        Claim::Type(name) => {
            OF_OTHERS.contains(name) || sources.iter().any(|it| defines(it, TYPES, name))
        }
        Claim::Macro(name) => sources
            .iter()
            .any(|it| defines(it, &["macro_rules!"], name)),
        Claim::Member(module, member) => {
            let (file, folder) = (format!("/{module}.rs"), format!("/{module}/"));
            let mut ours = sources
                .iter()
                .filter(|it| it.path.ends_with(&file) || it.path.contains(&folder))
                .peekable();
            // A module of nobody here is another crate's.
            ours.peek().is_none()
                || ours.any(|it| defines(it, TYPES, member) || defines(it, &["fn"], member))
        }
    }
}

#[test]
fn what_the_architecture_names_exists() {
    let text = read("ARCHITECTURE.md");
    let sources = rust();
    // Pictures and commands are between lines of three.
    let prose: String = text.split("```").step_by(2).collect();
    let words: Vec<_> = prose.split('`').skip(1).step_by(2).collect();
    assert!(words.len() > 40, "only {} words in back-ticks", words.len());
    let complaints: Vec<_> = words
        .into_iter()
        .filter_map(claim)
        .filter(|it| !holds(it, &sources))
        .map(|it| format!("ARCHITECTURE.md: there is no {it:?}"))
        .collect();
    no_complaints(&complaints);
}

#[test]
fn the_rule_of_the_map_tells_what_a_word_claims() {
    for (word, expected) in [
        ("crates/web/src", Some(Claim::Path("crates/web/src"))),
        ("clippy.toml", Some(Claim::Path("clippy.toml"))),
        ("KeyRing", Some(Claim::Type("KeyRing"))),
        ("db_tests!", Some(Claim::Macro("db_tests"))),
        ("connect::begin", Some(Claim::Member("connect", "begin"))),
        ("/integrations/jira/callback", None),
        ("POST /a/{team}/keys", None),
        ("team_id", None),
        ("BASE_URL", None),
    ] {
        assert_eq!(claim(word), expected, "{word}");
    }
    let sources = rust();
    for (wrong, right) in [
        (Claim::Path("crates/nowhere"), Claim::Path("crates/web")),
        (Claim::Type("KeyRin"), Claim::Type("KeyRing")),
        (Claim::Macro("db_test"), Claim::Macro("db_tests")),
        (
            Claim::Member("connect", "begi"),
            Claim::Member("connect", "begin"),
        ),
    ] {
        assert!(!holds(&wrong, &sources), "{wrong:?}");
        assert!(holds(&right, &sources), "{right:?}");
    }
}
