//! Queries: enough of JQL for selecting issues by project, key, state, people and time.

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use super::issues::Issue;
use crate::state::later;

/// Deeper brackets are not read.
const DEEPEST: usize = 30;
/// Longer queries are not read.
const LONGEST_BYTES: usize = 20_000;

/// A query: what restricts it, and by how many fields it is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) restriction: Option<Condition>,
    pub(crate) order_fields: usize,
}

/// What an issue must fulfil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Clause(Clause),
}

/// A field compared with values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) field: String,
    pub(crate) operator: String,
    pub(crate) values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut all = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        match first {
            it if it.is_whitespace() => {}
            '"' | '\'' => {
                let mut quoted = String::new();
                loop {
                    match chars.next() {
                        None => {
                            return Err(format!(
                                "The quoted string '{quoted}' has not been completed."
                            ));
                        }
                        Some('\\') => quoted.extend(chars.next()),
                        Some(it) if it == first => break,
                        Some(it) => quoted.push(it),
                    }
                }
                all.push(Token::Quoted(quoted));
            }
            '(' | ')' | ',' => all.push(Token::Sign(first.into())),
            '=' | '!' | '<' | '>' | '~' => {
                let mut sign = String::from(first);
                sign.extend(chars.next_if(|it| matches!(it, '=' | '~')));
                all.push(Token::Sign(sign));
            }
            _ => {
                let mut word = String::from(first);
                let ends = |it: &char| it.is_whitespace() || "()=!<>~,\"'".contains(*it);
                while let Some(it) = chars.next_if(|it| !ends(it)) {
                    word.push(it);
                }
                all.push(Token::Word(word));
            }
        }
    }
    Ok(all)
}

/// Reads a query.
///
/// # Errors
///
/// What is wrong with it, in Jira's manner.
pub(crate) fn parse(text: &str) -> Result<Query, String> {
    if text.len() > LONGEST_BYTES {
        return Err("The JQL query is too long.".to_owned());
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens, at: 0 };
    let restriction = match parser.peek_word().as_deref() {
        None if parser.peek().is_none() => None,
        Some("order") => None,
        _ => Some(parser.any(0)?),
    };
    let order_fields = parser.order()?;
    match parser.peek() {
        None => Ok(Query {
            restriction,
            order_fields,
        }),
        Some(_) => Err(parser.error()),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += 1;
        token
    }

    fn peek_word(&self) -> Option<String> {
        match self.peek() {
            Some(Token::Word(word)) => Some(word.to_lowercase()),
            _ => None,
        }
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let found = self.peek_word().as_deref() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn take_sign(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(it)) if it == wanted);
        self.at += usize::from(found);
        found
    }

    fn error(&self) -> String {
        match self.peek() {
            None => "Error in the JQL Query: the query ends too early.".to_owned(),
            Some(Token::Word(it) | Token::Quoted(it) | Token::Sign(it)) => {
                format!("Error in the JQL Query: '{it}' was not expected here.")
            }
        }
    }

    /// About the token that was just taken.
    fn error_before(&mut self) -> String {
        self.at = self.at.saturating_sub(1);
        self.error()
    }

    fn any(&mut self, depth: usize) -> Result<Condition, String> {
        let mut parts = vec![self.all(depth)?];
        while self.take_word("or") {
            parts.push(self.all(depth)?);
        }
        Ok(Condition::Any(parts))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, String> {
        let mut parts = vec![self.one(depth)?];
        while self.take_word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(Condition::All(parts))
    }

    fn one(&mut self, depth: usize) -> Result<Condition, String> {
        if depth > DEEPEST {
            return Err("The JQL query is nested too deeply.".to_owned());
        }
        if self.take_word("not") {
            return Ok(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take_sign("(") {
            let inner = self.any(depth + 1)?;
            return if self.take_sign(")") {
                Ok(inner)
            } else {
                Err(self.error())
            };
        }
        let field = match self.next() {
            Some(Token::Word(field) | Token::Quoted(field)) => field.to_lowercase(),
            _ => return Err(self.error_before()),
        };
        let operator = self.operator()?;
        let values = if operator.ends_with("in") {
            self.list()?
        } else {
            vec![self.value()?]
        };
        Ok(Condition::Clause(Clause {
            field,
            operator,
            values,
        }))
    }

    fn operator(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Sign(sign)) if !matches!(sign.as_str(), "(" | ")" | ",") => Ok(sign),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("in") => Ok("in".to_owned()),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("is") => {
                let negated = self.take_word("not");
                Ok(if negated { "is not" } else { "is" }.to_owned())
            }
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("not") && self.take_word("in") => {
                Ok("not in".to_owned())
            }
            _ => Err(self.error_before()),
        }
    }

    fn value(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(value)) if self.take_sign("(") => {
                if self.take_sign(")") {
                    Ok(format!("{}()", value.to_lowercase()))
                } else {
                    Err(self.error())
                }
            }
            Some(Token::Word(value) | Token::Quoted(value)) => Ok(value),
            _ => Err(self.error_before()),
        }
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        if !self.take_sign("(") {
            return Err(self.error());
        }
        let mut values = vec![self.value()?];
        while self.take_sign(",") {
            values.push(self.value()?);
        }
        if self.take_sign(")") {
            Ok(values)
        } else {
            Err(self.error())
        }
    }

    /// How many fields it is ordered by.
    fn order(&mut self) -> Result<usize, String> {
        if !self.take_word("order") {
            return Ok(0);
        }
        if !self.take_word("by") {
            return Err(self.error());
        }
        let mut count = 0;
        loop {
            self.value()?;
            count += 1;
            let _direction = self.take_word("asc") || self.take_word("desc");
            if !self.take_sign(",") {
                return Ok(count);
            }
        }
    }
}

impl Condition {
    /// All clauses in it.
    pub(crate) fn clauses(&self) -> Vec<&Clause> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::clauses).collect(),
            Self::Not(part) => part.clauses(),
            Self::Clause(clause) => vec![clause],
        }
    }

    /// Whether an issue fulfils it.
    pub(crate) fn holds(&self, issue: &Issue, viewer: Viewer<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|it| it.holds(issue, viewer)),
            Self::Any(parts) => parts.iter().any(|it| it.holds(issue, viewer)),
            Self::Not(part) => !part.holds(issue, viewer),
            Self::Clause(clause) => clause.holds(issue, viewer),
        }
    }
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Viewer<'a> {
    pub(crate) account: &'a str,
    pub(crate) offset_hours: i32,
    pub(crate) now: Timestamp,
}

impl Clause {
    /// Whether it can be asked at all; `projects` are the keys and names that the person sees.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in Jira's words.
    pub(crate) fn check(&self, projects: &[String], viewer: Viewer<'_>) -> Result<(), String> {
        let Self {
            field,
            operator,
            values,
        } = self;
        let is_time = matches!(field.as_str(), "created" | "updated");
        let is_known = matches!(
            field.as_str(),
            "project"
                | "key"
                | "issuekey"
                | "issue"
                | "id"
                | "status"
                | "statuscategory"
                | "issuetype"
                | "type"
                | "assignee"
                | "reporter"
        );
        if !is_time && !is_known {
            return Err(format!(
                "Field '{field}' does not exist or you do not have permission to view it."
            ));
        }
        let takes = match operator.as_str() {
            "=" | "!=" | "in" | "not in" | "is" | "is not" => true,
            "<" | "<=" | ">" | ">=" => is_time,
            _ => false,
        };
        if !takes {
            return Err(format!(
                "The operator '{operator}' is not supported by the '{field}' field."
            ));
        }
        for value in values {
            if is_time && time(value, viewer).is_none() {
                return Err(format!(
                    "Date value '{value}' for field '{field}' is invalid. Valid formats include: \
                     'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period \
                     format e.g. '-5d', '4w 2d'."
                ));
            }
            let sees = || projects.iter().any(|it| it.eq_ignore_ascii_case(value));
            if field == "project" && !sees() {
                return Err(format!(
                    "The value '{value}' does not exist for the field 'project'."
                ));
            }
        }
        Ok(())
    }

    fn holds(&self, issue: &Issue, viewer: Viewer<'_>) -> bool {
        let at = match self.field.as_str() {
            "created" => Some(issue.created_at),
            "updated" => Some(issue.updated_at),
            _ => None,
        };
        if let Some(at) = at {
            let wanted = self.values.first().and_then(|it| time(it, viewer));
            return wanted.is_some_and(|wanted| match self.operator.as_str() {
                "<" => at < wanted,
                "<=" => at <= wanted,
                ">" => at > wanted,
                ">=" => at >= wanted,
                "!=" => at != wanted,
                _ => at == wanted,
            });
        }
        let matches = |value: &String| match value.to_lowercase().as_str() {
            "empty" | "null" => self.texts(issue).is_empty(),
            "currentuser()" => self.texts(issue).iter().any(|it| it == viewer.account),
            _ => self
                .texts(issue)
                .iter()
                .any(|it| it.eq_ignore_ascii_case(value)),
        };
        let negated = matches!(self.operator.as_str(), "!=" | "not in" | "is not");
        self.values.iter().any(matches) != negated
    }

    /// What the issue has in the field; several spellings of the same.
    fn texts(&self, issue: &Issue) -> Vec<String> {
        let (status, status_id, category) = issue.status();
        let owned = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
        match self.field.as_str() {
            "project" => owned(&[
                &issue.project.1,
                &issue.project.2,
                &super::issues::project_id(issue.project.0),
            ]),
            "key" | "issuekey" | "issue" | "id" => vec![issue.key.clone(), issue.id.to_string()],
            "status" => owned(&[status, status_id]),
            "statuscategory" => owned(&[category, status]),
            "issuetype" | "type" => owned(&[issue.kind()]),
            "assignee" => issue.assignee.iter().cloned().collect(),
            "reporter" => issue.reporter.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }
}

/// A point in time, in the person's zone, to the minute; or a span before or after now.
fn time(value: &str, viewer: Viewer<'_>) -> Option<Timestamp> {
    if value.eq_ignore_ascii_case("now()") {
        return Some(viewer.now);
    }
    let value = value.trim().replace('/', "-");
    let local = civil::DateTime::strptime("%Y-%m-%d %H:%M", &value)
        .or_else(|_| civil::Date::strptime("%Y-%m-%d", &value).map(|it| it.at(0, 0, 0, 0)));
    if let Ok(local) = local {
        let at = TimeZone::UTC.to_timestamp(local).ok()?;
        let ahead = SignedDuration::from_hours(i64::from(viewer.offset_hours).saturating_neg());
        return Some(later(at, ahead));
    }
    let (sign, digits) = match value.strip_prefix('-') {
        Some(rest) => (-1, rest.to_owned()),
        None => (1, value.clone()),
    };
    let mut chars = digits.chars();
    let minutes_each = match chars.next_back()? {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        'w' => 7 * 24 * 60,
        _ => return None,
    };
    let count: i32 = chars.as_str().parse().ok().filter(|it| *it >= 0)?;
    let minutes = i64::from(count).saturating_mul(minutes_each * sign);
    Some(later(
        viewer.now,
        SignedDuration::from_secs(minutes.saturating_mul(60)),
    ))
}
