//! Where in a Jira site a caller of the proxy wants to go, checked as it was written.
//!
//! The path is put behind `/ex/jira/{cloud_id}/` and sent without being changed. So it must not mean another
//! place to anybody on the way who decodes or tidies it, once or twice: what could, is refused. The query is
//! none of this: it is passed on as it came.

use crate::usage::PathTemplate;

mod known;
mod templates;

/// A path below a site: no traversal, no empty part, no encoded separator, nothing that needs encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JiraPath<'a>(&'a str);

/// Why a path is refused. The words are for whoever wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is none.
    #[error("it is empty; it begins with rest/")]
    Empty,
    /// No address of Jira's is so long.
    #[error("it is longer than 4,096 bytes")]
    TooLong,
    /// `//`, or a slash in front.
    #[error("it has an empty part: two slashes in a row, or one in front")]
    EmptyPart,
    /// `.`, `..`, or more of them; also with spaces, which some systems leave off.
    #[error("it has a part of dots or spaces alone")]
    Dots,
    /// A semicolon, plain or encoded: some servers drop what follows it.
    #[error("it has a semicolon")]
    Semicolon,
    /// A backslash, plain or encoded: some servers take it for a slash.
    #[error("it has a backslash")]
    Backslash,
    /// An encoded slash, dot, percent sign, question mark or number sign: decoded, it is another path.
    #[error("it has an encoded slash, dot, percent sign, question mark or number sign")]
    EncodedSeparator,
    /// A byte that has to be encoded in a path.
    #[error("it has a character that has to be percent-encoded")]
    NotEncoded,
    /// `%` without two digits, a control character, or bytes that are no UTF-8.
    #[error("its percent-encoding is of no text")]
    BadEncoding,
}

/// Longer than any of Jira's.
const LONGEST: usize = 4_096;

/// Some systems take these for their plain likes.
const LOOK_ALIKES: [char; 5] = ['\u{ff0f}', '\u{ff3c}', '\u{ff0e}', '\u{ff05}', '\u{ff1b}'];

impl<'a> JiraPath<'a> {
    /// Checks a path as it was sent, without the slash in front of it.
    ///
    /// # Errors
    ///
    /// [`PathError`].
    pub fn parse(raw: &'a str) -> Result<Self, PathError> {
        if raw.is_empty() {
            return Err(PathError::Empty);
        }
        if raw.len() > LONGEST {
            return Err(PathError::TooLong);
        }
        let mut parts = raw.split('/').peekable();
        while let Some(part) = parts.next() {
            // Some addresses end with a slash.
            if part.is_empty() && parts.peek().is_some() {
                return Err(PathError::EmptyPart);
            }
            check_part(part)?;
        }
        Ok(Self(raw))
    }

    /// As it was written.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// With ids, keys and unknown words taken out. There are as many as addresses of Jira's that are known
    /// here, and twice that at most.
    pub fn template(self) -> PathTemplate {
        templates::of(self.0)
    }
}

fn check_part(part: &str) -> Result<(), PathError> {
    let mut bytes = part.bytes();
    let mut decoded = Vec::new();
    let mut is_of_dots = !part.is_empty();
    while let Some(byte) = bytes.next() {
        is_of_dots &= matches!(byte, b'.' | b'%');
        match byte {
            b'%' => {
                let escaped = (hex(bytes.next()), hex(bytes.next()));
                let (Some(high), Some(low)) = escaped else {
                    return Err(PathError::BadEncoding);
                };
                decoded.push(checked(high << 4 | low)?);
            }
            b';' => return Err(PathError::Semicolon),
            b'\\' => return Err(PathError::Backslash),
            _ if !is_plain(byte) => return Err(PathError::NotEncoded),
            // What stands between encoded bytes ends what they are a text of.
            _ if !decoded.is_empty() => decoded.push(byte),
            _ => {}
        }
    }
    let text = std::str::from_utf8(&decoded).map_err(|_| PathError::BadEncoding)?;
    if is_of_dots && text.chars().all(|it| it == '.' || it.is_whitespace()) {
        return Err(PathError::Dots);
    }
    if text
        .chars()
        .any(|it| it.is_control() || LOOK_ALIKES.contains(&it))
    {
        return Err(PathError::BadEncoding);
    }
    Ok(())
}

/// What is encoded and may be.
fn checked(byte: u8) -> Result<u8, PathError> {
    match byte {
        b'/' | b'.' | b'%' | b'?' | b'#' => Err(PathError::EncodedSeparator),
        b'\\' => Err(PathError::Backslash),
        b';' => Err(PathError::Semicolon),
        _ => Ok(byte),
    }
}

const fn hex(digit: Option<u8>) -> Option<u8> {
    match digit {
        Some(it @ b'0'..=b'9') => Some(it.wrapping_sub(b'0')),
        Some(it @ b'a'..=b'f') => Some(it.wrapping_sub(b'a').wrapping_add(10)),
        Some(it @ b'A'..=b'F') => Some(it.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// `pchar` of RFC 3986 without `%` and `;`.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9'
        | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')'
        | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

#[cfg(test)]
mod tests;
