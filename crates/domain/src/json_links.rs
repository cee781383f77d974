//! Links in a JSON text that lead to another server are made to lead to ours, while the text flows by.
//!
//! Only whole strings that begin with an address are links; a text that mentions one stays as it is. The
//! JSON is not parsed further than to know where a string begins and which member it is the value of, so that
//! whatever comes is passed on, in pieces of any size, and no more is held back than an address is long.

/// Members whose value is a link to go on with; what they point to at a site is there at the gateway as well.
const LINKS: [&[u8]; 7] = [
    b"self",
    b"nextPage",
    b"next",
    b"prev",
    b"previous",
    b"content",
    b"thumbnail",
];

/// No name of [`LINKS`] is longer.
const LONGEST_NAME: usize = 9;

/// An address, and what it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where links begin that are changed, without a slash at the end.
    pub from: String,
    /// Where they shall begin, without a slash at the end.
    pub to: String,
    /// In which members.
    pub within: Within,
}

/// In which members links are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// In all.
    Everything,
    /// In those that lead on within the interface: `self`, `nextPage` and their likes. Others are for people.
    Links,
}

/// Changes the links of one text.
#[derive(Clone, Debug)]
pub struct LinkRewriter {
    rules: Vec<Rule>,
    state: State,
    /// The string that ended last, if it may be the name of a member.
    name: Option<Vec<u8>>,
    /// The next value is that of a member of [`LINKS`].
    is_link: bool,
}

#[derive(Clone, Debug)]
enum State {
    /// Between strings.
    Outside,
    /// At the beginning of a string that may be a link.
    Beginning {
        /// As it came.
        held: Vec<u8>,
        /// What it means so far, of which each rule that is left begins.
        meant: usize,
        /// The last byte was a backslash.
        is_escaped: bool,
        /// The rules that it may still be of, by their numbers.
        left: Vec<usize>,
    },
    /// In a string.
    Inside {
        /// The last byte was a backslash.
        is_escaped: bool,
    },
}

/// An address by itself, changed by the first rule that is of it.
pub fn relinked(rules: &[Rule], address: &str) -> Option<String> {
    rules.iter().find_map(|rule| {
        let (start, rest) = address.split_at_checked(rule.from.len())?;
        let is_of_it = start.eq_ignore_ascii_case(&rule.from)
            && (rest.is_empty() || rest.starts_with(['/', '?', '#']));
        is_of_it.then(|| format!("{}{rest}", rule.to))
    })
}

impl LinkRewriter {
    /// For one text. Of two addresses, of which one begins with the other, the earlier rule counts.
    pub const fn new(rules: Vec<Rule>) -> Self {
        Self {
            rules,
            state: State::Outside,
            name: None,
            is_link: false,
        }
    }

    /// Takes the next piece, and adds to `out` what is known of the new text.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        out.reserve(piece.len());
        let mut rest = piece;
        while let Some((byte, after)) = rest.split_first() {
            let (dull, lively) = rest.split_at(self.dull(rest));
            if dull.is_empty() {
                self.take(*byte, out);
                rest = after;
            } else {
                out.extend_from_slice(dull);
                rest = lively;
            }
        }
    }

    /// How many bytes from here on change nothing and are passed on at once.
    fn dull(&self, rest: &[u8]) -> usize {
        let lively: fn(&u8) -> bool = match self.state {
            State::Inside { is_escaped: false } if self.name.is_none() => {
                |it| matches!(it, b'"' | b'\\')
            }
            State::Outside => |it| matches!(it, b'"' | b':' | b',' | b'[' | b']' | b'{' | b'}'),
            State::Inside { .. } | State::Beginning { .. } => return 0,
        };
        rest.iter().position(lively).unwrap_or(rest.len())
    }

    /// The text is over: gives what was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let State::Beginning { held, .. } = std::mem::replace(&mut self.state, State::Outside) {
            out.extend(held);
        }
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.state, State::Outside) {
            State::Outside => self.outside(byte, out),
            State::Inside { is_escaped } => self.inside(byte, is_escaped, out),
            State::Beginning {
                held,
                meant,
                is_escaped,
                left,
            } => self.beginning((held, meant, is_escaped, left), byte, out),
        }
    }

    fn outside(&mut self, byte: u8, out: &mut Vec<u8>) {
        out.push(byte);
        match byte {
            b'"' => self.begin(),
            b':' => {
                let name = self.name.take();
                self.is_link = name.is_some_and(|it| LINKS.contains(&it.as_slice()));
            }
            b',' | b'[' | b']' | b'{' | b'}' => {
                self.name = None;
                self.is_link = false;
            }
            _ => {}
        }
    }

    fn begin(&mut self) {
        let is_link = std::mem::take(&mut self.is_link);
        let rules = self.rules.iter().enumerate();
        let left = rules.filter(|(_, it)| is_link || it.within == Within::Everything);
        let left: Vec<_> = left.map(|(number, _)| number).collect();
        self.name = Some(Vec::new());
        self.state = State::Beginning {
            held: Vec::new(),
            meant: 0,
            is_escaped: false,
            left,
        };
    }

    fn inside(&mut self, byte: u8, is_escaped: bool, out: &mut Vec<u8>) {
        out.push(byte);
        if byte == b'"' && !is_escaped {
            // The state is `Outside` already.
            return;
        }
        self.add_to_name(byte);
        self.state = State::Inside {
            is_escaped: byte == b'\\' && !is_escaped,
        };
    }

    fn beginning(
        &mut self,
        (mut held, meant, is_escaped, mut left): (Vec<u8>, usize, bool, Vec<usize>),
        byte: u8,
        out: &mut Vec<u8>,
    ) {
        if byte == b'\\' && !is_escaped {
            held.push(byte);
            self.state = State::Beginning {
                held,
                meant,
                is_escaped: true,
                left,
            };
            return;
        }
        // `\/` is a slash, and some write it so. Any other escape is in no address.
        let is_end = byte == b'"' && !is_escaped;
        let is_plain = !is_escaped || byte == b'/';
        let rule_of = |number: &usize| self.rules.get(*number);
        let found = left.iter().filter_map(rule_of).find(|it| {
            let ends = is_end || (is_plain && matches!(byte, b'/' | b'?' | b'#'));
            it.from.len() == meant && ends
        });
        if let Some(rule) = found {
            out.extend(rule.to.as_bytes());
            let escape = is_escaped.then_some(b'\\');
            out.extend(escape);
            self.name = None;
            self.inside(byte, is_escaped, out);
            return;
        }
        left.retain(|number| {
            let next = rule_of(number).and_then(|it| it.from.as_bytes().get(meant));
            is_plain && next.is_some_and(|it| it.eq_ignore_ascii_case(&byte))
        });
        if is_end || left.is_empty() {
            out.extend(&held);
            for it in held {
                self.add_to_name(it);
            }
            self.inside(byte, is_escaped, out);
            return;
        }
        held.push(byte);
        self.state = State::Beginning {
            held,
            meant: meant.saturating_add(1),
            is_escaped: false,
            left,
        };
    }

    fn add_to_name(&mut self, byte: u8) {
        match &mut self.name {
            Some(name) if name.len() < LONGEST_NAME => name.push(byte),
            // Longer than any that is looked for.
            _ => self.name = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules() -> Vec<Rule> {
        let rule = |from: &str, to: &str, within| Rule {
            from: from.to_owned(),
            to: to.to_owned(),
            within,
        };
        vec![
            rule(
                "https://api.example/ex/jira/c-1",
                "https://ours/proxy",
                Within::Everything,
            ),
            rule(
                "https://acme.example/rest",
                "https://ours/proxy/rest",
                Within::Links,
            ),
        ]
    }

    fn rewritten(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut rewriter, mut out) = (LinkRewriter::new(rules()), Vec::new());
        for piece in pieces {
            rewriter.push(piece, &mut out);
        }
        rewriter.finish(&mut out);
        out
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let out = rewritten(&[text.as_bytes()]);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn links_to_the_gateway_lead_to_us() {
        check(
            r#"{"self":"https://api.example/ex/jira/c-1/rest/api/3/issue/1","n":[1,"https://API.example/ex/jira/c-1/x"]}"#,
            r#"{"self":"https://ours/proxy/rest/api/3/issue/1","n":[1,"https://ours/proxy/x"]}"#,
        );
        check(
            r#"{"a" : "https:\/\/api.example\/ex\/jira\/c-1\/rest\/x"}"#,
            r#"{"a" : "https://ours/proxy\/rest\/x"}"#,
        );
        check(
            r#""https://api.example/ex/jira/c-1""#,
            r#""https://ours/proxy""#,
        );
        check(
            r#"["https://api.example/ex/jira/c-1?a=1","https://api.example/ex/jira/c-1#b"]"#,
            r#"["https://ours/proxy?a=1","https://ours/proxy#b"]"#,
        );
    }

    #[test]
    fn an_address_by_itself_leads_to_us_too() {
        for (address, led) in [
            (
                "https://api.example/ex/jira/c-1/a?b",
                Some("https://ours/proxy/a?b"),
            ),
            (
                "HTTPS://API.example/ex/jira/c-1",
                Some("https://ours/proxy"),
            ),
            (
                "https://acme.example/rest/x",
                Some("https://ours/proxy/rest/x"),
            ),
            ("https://api.example/ex/jira/c-12/a", None),
            ("https://media.example/file", None),
            (
                "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}",
                None,
            ),
            ("", None),
        ] {
            assert_eq!(relinked(&rules(), address).as_deref(), led);
        }
    }

    #[test]
    fn links_to_the_site_do_where_a_client_follows_them() {
        check(
            r#"{"self":"https://acme.example/rest/api/3/user?accountId=1","nextPage": "https://acme.example/rest/x"}"#,
            r#"{"self":"https://ours/proxy/rest/api/3/user?accountId=1","nextPage": "https://ours/proxy/rest/x"}"#,
        );
        for same in [
            r#"{"self":"https://acme.example/browse/A-1"}"#,
            r#"{"url":"https://acme.example/rest/api/3/x"}"#,
            r#"{"avatarUrls":{"48x48":"https://acme.example/rest/api/3/universal_avatar/view"}}"#,
            r#"{"x":"self","y":"https://acme.example/rest/x"}"#,
            r#"{"selfish":"https://acme.example/rest/x","se":"https://acme.example/rest/x"}"#,
            r#"{"self":["https://acme.example/rest/x"]}"#,
            r#"{"self":null,"y":"https://acme.example/rest/x"}"#,
        ] {
            check(same, same);
        }
    }

    #[test]
    fn what_is_no_link_stays_as_it_is() {
        for same in [
            r#"{"text":"see https://api.example/ex/jira/c-1/rest/api/3/issue/1"}"#,
            r#"{"text":"https://api.example/ex/jira/c-10/rest"}"#,
            r#"{"text":"https://api.example/ex/jira/"}"#,
            r#"{"text":"\"https://api.example/ex/jira/c-1/x"}"#,
            r#"{"text":"\\","b":"\n\"self\":"}"#,
            r#"{"text":"https://api.example\u002fex/jira/c-1/x"}"#,
            "\"https://api.exa",
            "not JSON at all \" https://api.example/ex/jira/c-1/ \\",
            "",
        ] {
            check(same, same);
        }
    }

    proptest! {
        #[test]
        fn whatever_the_pieces_are_the_text_is_the_same(
            words in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", ",", ":", "\"", "\\", "\\/", "\"self\":", "\"https://api.example/ex/jira/c-1",
                "\"https://acme.example/rest/x\"", "\"https:\\/\\/api.example/ex/jira/c-1/y\"", "/", "x", "\u{e4}",
            ]), 0..20),
            cuts in prop::collection::vec(0_usize..200, 0..8),
        ) {
            let text = words.concat().into_bytes();
            let whole = rewritten(&[&text]);
            let mut cuts: Vec<_> = cuts.into_iter().map(|it| it.min(text.len())).collect();
            cuts.sort_unstable();
            let (mut pieces, mut rest, mut begun) = (Vec::new(), text.as_slice(), 0);
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.saturating_sub(begun));
                pieces.push(piece);
                (rest, begun) = (after, cut);
            }
            pieces.push(rest);
            prop_assert_eq!(rewritten(&pieces), whole);
        }

        #[test]
        fn whatever_bytes_without_such_an_address_stay_as_they_are(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(rewritten(&[&bytes]), bytes);
        }
    }
}
