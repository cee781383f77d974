//! What a key may do.

use crate::{text::TextError, usage::Method};

use super::path::{
    AGILE, ISSUE_PATHS, PathPrefix, SEARCH_PATHS, begins, begins_below_api, is_plain,
};

/// What a service is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand<'a> {
    /// The state of the connection.
    Status,
    /// A valid token, also in the place of one that was refused.
    Token,
    /// A call of the provider, through us.
    Proxy {
        /// By which method.
        method: Method,
        /// The path at the provider, as it was sent, with the slash at its beginning: `/rest/api/3/myself`.
        path: &'a str,
    },
}

/// What a key may do at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Right {
    /// Ask for the state of the connection.
    Status,
    /// Ask for tokens.
    Token,
    /// Call the provider through us.
    Proxy,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Status, Self::Token, Self::Proxy];

    /// The word that is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Token => "token",
            Self::Proxy => "proxy",
        }
    }
}

/// What is in the way of a key that is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// It may not do this at all.
    #[error("the key may not be used for this: {}", .0.as_str())]
    Right(Right),
    /// It may call this path, by other methods.
    #[error("the key may not call this path by this method")]
    Method,
    /// It may call other paths only.
    #[error("the key may not call this path")]
    Path,
    /// It is pinned to another site.
    #[error("the key is pinned to another site")]
    Site,
}

/// Why rights cannot be chosen so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RightsError {
    /// They would allow nothing.
    #[error("they allow nothing")]
    Nothing,
    /// A method that we do not know.
    #[error("a method is unknown")]
    Method,
    /// More than [`ProxyRight::MOST_PATHS`].
    #[error("there are more than {} paths", ProxyRight::MOST_PATHS)]
    TooManyPaths,
}

/// Why words do not make rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// A word is no right.
    #[error("a right is none of status, token and proxy")]
    Right,
    /// A path cannot be taken.
    #[error("path {number} {mistake}")]
    Path {
        /// Which one, counted from 1.
        number: usize,
        /// What is wrong with it.
        mistake: TextError,
    },
    /// They cannot be chosen so.
    #[error(transparent)]
    Rights(#[from] RightsError),
}

/// What a key may do: one of the presets, or what an admin chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rights {
    /// Whatever the connection allows.
    #[default]
    Everything,
    /// The state of the connection, and every read through the proxy. No token, with which everything could
    /// be done.
    ReadEverything,
    /// The same for issues and what explains them.
    ReadIssues,
    /// What an admin chose.
    Chosen(ChosenRights),
}

/// Rights that are none of the presets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenRights {
    may: Vec<Right>,
    proxy: ProxyRight,
}

/// Which calls may be made through the proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyRight {
    methods: Vec<Method>,
    paths: Vec<PathPrefix>,
}

impl ProxyRight {
    /// The most prefixes.
    pub const MOST_PATHS: usize = 50;

    /// Calls by one of the methods, below one of the paths; where none is named, all are meant.
    ///
    /// # Errors
    ///
    /// [`RightsError::Method`] or [`RightsError::TooManyPaths`].
    pub fn new(
        methods: impl IntoIterator<Item = Method>,
        paths: impl IntoIterator<Item = PathPrefix>,
    ) -> Result<Self, RightsError> {
        let mut methods: Vec<_> = methods.into_iter().collect();
        methods.sort_unstable();
        methods.dedup();
        let mut paths: Vec<_> = paths.into_iter().collect();
        paths.sort_unstable();
        paths.dedup();
        if methods.contains(&Method::Other) {
            return Err(RightsError::Method);
        }
        if paths.len() > Self::MOST_PATHS {
            return Err(RightsError::TooManyPaths);
        }
        Ok(Self { methods, paths })
    }

    /// The methods; none is all of them.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// The beginnings of paths; none is all of them.
    pub fn paths(&self) -> &[PathPrefix] {
        &self.paths
    }

    fn check(&self, method: Method, path: &str) -> Result<(), Forbidden> {
        let has = |it: &PathPrefix| begins(path, it.as_str());
        let is_below = self.paths.is_empty() || (is_plain(path) && self.paths.iter().any(has));
        if !is_below {
            return Err(Forbidden::Path);
        }
        // `HEAD` tells less than `GET` does.
        let is_allowed =
            |it: &Method| *it == method || (*it, method) == (Method::Get, Method::Head);
        if !self.methods.is_empty() && !self.methods.iter().any(is_allowed) {
            return Err(Forbidden::Method);
        }
        Ok(())
    }
}

impl ChosenRights {
    /// These rights; `proxy` counts where [`Right::Proxy`] is one of them.
    ///
    /// # Errors
    ///
    /// [`RightsError::Nothing`] if there is none.
    pub fn new(
        may: impl IntoIterator<Item = Right>,
        proxy: ProxyRight,
    ) -> Result<Self, RightsError> {
        let mut may: Vec<_> = may.into_iter().collect();
        may.sort_unstable();
        may.dedup();
        if may.is_empty() {
            return Err(RightsError::Nothing);
        }
        let proxy = if may.contains(&Right::Proxy) {
            proxy
        } else {
            ProxyRight::default()
        };
        Ok(Self { may, proxy })
    }

    /// What they allow at all.
    pub fn may(&self) -> &[Right] {
        &self.may
    }

    /// What they allow through the proxy.
    pub const fn proxy(&self) -> &ProxyRight {
        &self.proxy
    }
}

/// One line of a preset.
struct Rule {
    methods: &'static [Method],
    /// Below each version of the platform API.
    below_api: &'static [&'static str],
    elsewhere: &'static [&'static str],
}

impl Rule {
    fn has(&self, path: &str) -> bool {
        let mut below_api = self.below_api.iter();
        let mut elsewhere = self.elsewhere.iter();
        below_api.any(|it| begins_below_api(path, it)) || elsewhere.any(|it| begins(path, it))
    }
}

const READ: &[Method] = &[Method::Get, Method::Head];

const SEARCHES: Rule = Rule {
    methods: &[Method::Post],
    below_api: &SEARCH_PATHS,
    elsewhere: &[],
};

const READ_EVERYTHING: [Rule; 2] = [
    Rule {
        methods: READ,
        below_api: &[],
        elsewhere: &["/"],
    },
    SEARCHES,
];

const READ_ISSUES: [Rule; 2] = [
    Rule {
        methods: READ,
        below_api: &ISSUE_PATHS,
        elsewhere: &[AGILE],
    },
    SEARCHES,
];

fn check(rules: &[Rule], method: Method, path: &str) -> Result<(), Forbidden> {
    if !is_plain(path) {
        return Err(Forbidden::Path);
    }
    let mut of_path = rules.iter().filter(|it| it.has(path)).peekable();
    if of_path.peek().is_none() {
        Err(Forbidden::Path)
    } else if of_path.any(|it| it.methods.contains(&method)) {
        Ok(())
    } else {
        Err(Forbidden::Method)
    }
}

impl Rights {
    /// The presets.
    pub const PRESETS: [Self; 3] = [Self::ReadIssues, Self::ReadEverything, Self::Everything];

    /// The word for them: that of a preset, or `chosen`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::ReadEverything => "read_everything",
            Self::ReadIssues => "read_issues",
            Self::Chosen(_) => "chosen",
        }
    }

    /// The preset of this word.
    pub fn preset(word: &str) -> Option<Self> {
        Self::PRESETS.into_iter().find(|it| it.as_str() == word)
    }

    /// What somebody chose, in words: rights, methods, and the beginnings of paths.
    ///
    /// # Errors
    ///
    /// [`ChoiceError`] for the first word that cannot be taken.
    pub fn chosen<'a>(
        may: impl IntoIterator<Item = &'a str>,
        methods: impl IntoIterator<Item = &'a str>,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ChoiceError> {
        let right = |word: &str| {
            let mut all = Right::ALL.into_iter();
            let found = all.find(|it| it.as_str() == word.trim());
            found.ok_or(ChoiceError::Right)
        };
        let may: Vec<_> = may.into_iter().map(right).collect::<Result<_, _>>()?;
        let methods = methods.into_iter().map(|it| Method::of(it.trim()));
        let paths = (1..).zip(paths).map(|(number, text)| {
            PathPrefix::parse(text).map_err(|mistake| ChoiceError::Path { number, mistake })
        });
        let proxy = ProxyRight::new(methods, paths.collect::<Result<Vec<_>, _>>()?)?;
        Ok(Self::Chosen(ChosenRights::new(may, proxy)?))
    }

    /// Whether they allow an errand.
    ///
    /// # Errors
    ///
    /// [`Forbidden`] says what is in the way.
    pub fn check(&self, errand: Errand<'_>) -> Result<(), Forbidden> {
        let right = match errand {
            Errand::Status => Right::Status,
            Errand::Token => Right::Token,
            Errand::Proxy { .. } => Right::Proxy,
        };
        let has = match self {
            Self::Everything => true,
            Self::ReadEverything | Self::ReadIssues => right != Right::Token,
            Self::Chosen(chosen) => chosen.may.contains(&right),
        };
        if !has {
            return Err(Forbidden::Right(right));
        }
        let Errand::Proxy { method, path } = errand else {
            return Ok(());
        };
        match self {
            Self::Everything => Ok(()),
            Self::ReadEverything => check(&READ_EVERYTHING, method, path),
            Self::ReadIssues => check(&READ_ISSUES, method, path),
            Self::Chosen(chosen) => chosen.proxy.check(method, path),
        }
    }
}
