//! Searching for what must not stand in the clear.

/// Shorter strings are words, not secrets.
const SHORTEST: usize = 12;

/// Longer ones can lie across two pages of a database file, where only a piece of them is found.
const LONG: usize = 256;
const PIECE: usize = 64;

/// The first of `secrets` that `text` holds: as it is, or as a form or an address would have it.
pub fn find<'a>(text: &str, secrets: &'a [String]) -> Option<&'a str> {
    let holds = |secret: &&String| {
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        secret.len() >= SHORTEST && (text.contains(secret.as_str()) || text.contains(&encoded))
    };
    secrets.iter().find(holds).map(String::as_str)
}

/// The lines to search for: each secret, and pieces of the long ones.
pub fn lines(secrets: &[String]) -> String {
    let long_enough = secrets.iter().filter(|it| it.len() >= SHORTEST);
    let pieces = long_enough.flat_map(|it| {
        let middle = (it.len() >= LONG).then(|| it.get(it.len() / 2..it.len() / 2 + PIECE));
        let end = (it.len() >= LONG).then(|| it.get(it.len() - PIECE..));
        let parts = [Some(Some(it.as_str())), middle, end];
        parts.into_iter().flatten().flatten()
    });
    pieces.flat_map(|it| [it, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_any_spelling() {
        let secrets = ["short".to_owned(), "correct horse battery".to_owned()];
        for text in ["so: correct horse battery!", "p=correct+horse+battery&x=1"] {
            assert_eq!(find(text, &secrets), Some("correct horse battery"));
        }
        assert_eq!(find("short, correct horse", &secrets), None);
    }

    #[test]
    fn long_secrets_are_searched_for_in_pieces_too() {
        let long = "0123456789".repeat(30);
        let lines = lines(&["word".to_owned(), "twelve chars".to_owned(), long.clone()]);
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[..2], ["twelve chars", &long]);
        assert!(
            lines[2..]
                .iter()
                .all(|it| it.len() == 64 && long.contains(it))
        );
    }
}
