//! First calls with a key, in the languages of those who write services. `docs/api.md` has the same, and
//! `e2e/foreign` runs each as it stands.

/// A program that lists the projects of the connected site, with address and key from the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuickStart {
    /// What it is written with.
    pub title: &'static str,
    /// How Markdown calls the language.
    pub language: &'static str,
    /// The whole text; no secret is in it.
    pub text: &'static str,
}

/// All of them, as they are shown.
pub const ALL: [QuickStart; 5] = [
    QuickStart {
        title: "curl",
        language: "sh",
        text: include_str!("../../../../docs/quickstarts/curl.sh"),
    },
    QuickStart {
        title: "Python, jira",
        language: "python",
        text: include_str!("../../../../docs/quickstarts/python-jira.py"),
    },
    QuickStart {
        title: "Python, atlassian-python-api",
        language: "python",
        text: include_str!("../../../../docs/quickstarts/python-atlassian.py"),
    },
    QuickStart {
        title: "JavaScript, jira.js",
        language: "js",
        text: include_str!("../../../../docs/quickstarts/jira-js.mjs"),
    },
    QuickStart {
        title: "Rust, reqwest",
        language: "rust",
        text: include_str!("../../../../docs/quickstarts/rust-reqwest.rs"),
    },
];

/// The part of a page that shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuickStarts {
    /// How this server is reached, without a slash at the end.
    pub url: String,
    /// The key that was just made.
    pub key: Option<String>,
}

impl QuickStarts {
    pub(crate) const fn all() -> [QuickStart; 5] {
        ALL
    }

    /// What the programs read.
    pub(crate) fn variables(&self) -> String {
        let key = self.key.as_deref().unwrap_or("YOUR_KEY");
        format!(
            "export TFORMANCE_URL={}\nexport TFORMANCE_KEY={key}",
            self.url
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_the_same_quick_starts_word_for_word() {
        let page = include_str!("../../../../docs/api.md");
        let after = page.split("\n## Quick starts\n").nth(1).unwrap();
        let section = after.split("\n## ").next().unwrap();
        for it in ALL {
            let block = format!("### {}\n\n```{}\n{}```\n", it.title, it.language, it.text);
            assert!(section.contains(&block), "docs/api.md lacks:\n{block}");
        }
        assert_eq!(section.matches("\n### ").count(), ALL.len());
    }
}
