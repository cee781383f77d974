//! The form in which the rights of a key are kept: nothing for everything, the word of another preset, or a
//! document with a version for what an admin chose. It is read with each call of a service, so that only
//! who chose pays for reading a document.

use domain::{
    api_key::{ChosenRights, PathPrefix, ProxyRight, Right, Rights},
    usage::Method,
};
use serde_json::{Value, json};

const VERSION: u64 = 1;

/// What is kept of them.
pub(crate) fn text(rights: &Rights) -> Option<String> {
    match rights {
        Rights::Everything => None,
        Rights::ReadEverything | Rights::ReadIssues => Some(rights.as_str().to_owned()),
        Rights::Chosen(chosen) => {
            let may: Vec<_> = chosen.may().iter().map(|it| it.as_str()).collect();
            let proxy = chosen.proxy();
            let methods: Vec<_> = proxy.methods().iter().map(|it| it.as_str()).collect();
            let paths: Vec<_> = proxy.paths().iter().map(PathPrefix::as_str).collect();
            let document = json!({ "v": VERSION, "may": may, "methods": methods, "paths": paths });
            Some(document.to_string())
        }
    }
}

/// Reads what [`text`] made; none if it is anything else. A key whose rights cannot be read must not be
/// taken for one that may do everything.
pub(crate) fn parse(text: Option<&str>) -> Option<Rights> {
    let Some(text) = text else {
        return Some(Rights::Everything);
    };
    if let Some(preset) = Rights::preset(text) {
        return Some(preset);
    }
    let document: Value = serde_json::from_str(text).ok()?;
    if document.get("v")?.as_u64()? != VERSION {
        return None;
    }
    let may = words(&document, "may", |word| {
        Right::ALL.into_iter().find(|it| it.as_str() == word)
    })?;
    let methods = words(&document, "methods", |it| Some(Method::of(it)))?;
    let paths = words(&document, "paths", |it| PathPrefix::parse(it).ok())?;
    let proxy = ProxyRight::new(methods, paths).ok()?;
    ChosenRights::new(may, proxy).ok().map(Rights::Chosen)
}

/// The words of a member, all of which have to be understood.
fn words<T>(document: &Value, member: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let words = document.get(member)?.as_array()?.iter();
    words.map(|it| it.as_str().and_then(&read)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(may: &[Right], methods: &[Method], paths: &[&str]) -> Rights {
        let paths = paths.iter().map(|it| PathPrefix::parse(it).unwrap());
        let proxy = ProxyRight::new(methods.iter().copied(), paths).unwrap();
        Rights::Chosen(ChosenRights::new(may.iter().copied(), proxy).unwrap())
    }

    #[test]
    fn rights_are_read_as_they_were_kept() {
        for (rights, kept) in [
            (Rights::Everything, None),
            (Rights::ReadEverything, Some("read_everything")),
            (Rights::ReadIssues, Some("read_issues")),
            (
                chosen(&[Right::Status, Right::Token], &[], &[]),
                Some(r#"{"may":["status","token"],"methods":[],"paths":[],"v":1}"#),
            ),
            (
                chosen(
                    &[Right::Proxy],
                    &[Method::Get],
                    &["/rest/api/3", "/rest/agile/"],
                ),
                Some(
                    r#"{"may":["proxy"],"methods":["GET"],"paths":["/rest/agile","/rest/api/3"],"v":1}"#,
                ),
            ),
        ] {
            assert_eq!(text(&rights).as_deref(), kept);
            assert_eq!(parse(kept), Some(rights));
        }
    }

    #[test]
    fn what_is_not_understood_is_no_right() {
        for odd in [
            "",
            "all",
            "chosen",
            "{}",
            "[]",
            r#"{"v":2,"may":["token"],"methods":[],"paths":[]}"#,
            r#"{"v":1,"may":[],"methods":[],"paths":[]}"#,
            r#"{"v":1,"may":["token","more"],"methods":[],"paths":[]}"#,
            r#"{"v":1,"may":["proxy"],"methods":["BREW"],"paths":[]}"#,
            r#"{"v":1,"may":["proxy"],"methods":[],"paths":["rest"]}"#,
            r#"{"v":1,"may":["proxy"],"methods":[],"paths":[1]}"#,
            r#"{"v":1,"may":["proxy"],"methods":[]}"#,
        ] {
            assert_eq!(parse(Some(odd)), None, "{odd}");
        }
    }
}
