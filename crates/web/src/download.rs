//! Tables as files, row by row: CSV (RFC 4180, UTF-8) and JSON lines. However long a table is, one batch of it is
//! held at a time; who reads slowly is waited for, and who leaves ends it.

use std::{convert::Infallible, io, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use csv::{Terminator, WriterBuilder};
use futures_util::stream;
use serde_json::Value;
use service::Error;

use crate::problem::Problem;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    JsonLines,
}

impl Format {
    const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl; charset=utf-8",
        }
    }

    /// What stands before the first row.
    fn head(self, columns: &[&str]) -> io::Result<Vec<u8>> {
        match self {
            Self::Csv => records([columns.iter().map(|it| (*it).to_owned()).collect()]),
            Self::JsonLines => Ok(Vec::new()),
        }
    }

    fn rows(self, columns: &[&str], rows: &[Vec<Value>]) -> io::Result<Vec<u8>> {
        match self {
            Self::Csv => records(rows.iter().map(|row| row.iter().map(cell).collect())),
            Self::JsonLines => {
                // By hand, since a map would forget the order of the columns.
                let line = |row: &Vec<Value>| {
                    let pairs = columns.iter().zip(row);
                    let pairs =
                        pairs.map(|(name, value)| format!("{}:{value}", Value::from(*name)));
                    format!("{{{}}}\n", pairs.collect::<Vec<_>>().join(","))
                };
                let text: String = rows.iter().map(line).collect();
                Ok(text.into_bytes())
            }
        }
    }
}

/// By the end of the address, of which there are as many as routes.
impl<S: Sync> FromRequestParts<S> for Format {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let end = format!(".{}", Self::Csv.extension());
        let is_csv = parts.uri.path().ends_with(&end);
        Ok(if is_csv { Self::Csv } else { Self::JsonLines })
    }
}

/// A table: its columns, and how a row's cells and its place are had.
pub(crate) struct Table<T, P> {
    /// The name of the file, without its end.
    pub(crate) name: String,
    pub(crate) columns: &'static [&'static str],
    /// So many rows are in a batch that is full. One with fewer is the last.
    pub(crate) at_once: usize,
    pub(crate) cells: fn(&T) -> Vec<Value>,
    pub(crate) place: fn(&T) -> P,
}

/// Where a file is.
enum Step<T, P> {
    First(Vec<T>),
    After(P),
    End,
}

/// Answers with the whole table. `batch` gives the rows after a place; the first are read before anything is
/// answered, so that a database that is away is a page of its own.
pub(crate) async fn download<T, P, B, F>(
    table: Table<T, P>,
    format: Format,
    batch: B,
) -> Result<Response, Problem>
where
    T: Send + 'static,
    P: Send + 'static,
    B: Fn(Option<P>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Vec<T>, Error>> + Send,
{
    let disposition = format!(
        "attachment; filename=\"{}.{}\"",
        table.name,
        format.extension()
    );
    let first = batch(None).await?;
    let (table, batch) = (Arc::new(table), Arc::new(batch));
    let chunks = stream::try_unfold(Step::First(first), move |step| {
        let (table, batch) = (Arc::clone(&table), Arc::clone(&batch));
        async move {
            let (mut text, rows) = match step {
                Step::First(rows) => (format.head(table.columns)?, rows),
                Step::After(place) => (Vec::new(), batch(Some(place)).await.map_err(broken_off)?),
                Step::End => return Ok(None),
            };
            let last = rows.last().filter(|_| rows.len() >= table.at_once);
            let next = last.map(table.place).map_or(Step::End, Step::After);
            let cells: Vec<_> = rows.iter().map(table.cells).collect();
            text.extend(format.rows(table.columns, &cells)?);
            Ok::<_, io::Error>(Some((Bytes::from(text), next)))
        }
    });
    let mut res = Body::from_stream(chunks).into_response();
    let headers = res.headers_mut();
    let kind = HeaderValue::from_static(format.content_type());
    headers.insert(header::CONTENT_TYPE, kind);
    // A slug has letters, digits and hyphens only.
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(res)
}

/// The answer has begun: all that is left is to end it in a way that the other side sees.
fn broken_off(err: Error) -> io::Error {
    tracing::error!(error = %err, "a file was not sent to its end");
    io::Error::other(err)
}

fn records(rows: impl IntoIterator<Item = Vec<String>>) -> io::Result<Vec<u8>> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    writer
        .into_inner()
        .map_err(|err| io::Error::other(err.to_string()))
}

/// A value as a cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => guarded(text),
        other => other.to_string(),
    }
}

/// A text with an apostrophe before whatever a spreadsheet would take for the beginning of a formula (OWASP, "CSV
/// Injection"). Where a comma is no separator, lines are parted at semicolons or tabs, also inside of our quotes, which
/// are none there unless they begin a cell; and line breaks inside of them end a line.
fn guarded(text: &str) -> String {
    let mut guarded = String::with_capacity(text.len());
    if text.starts_with(['\t', '\r', '\n']) {
        guarded.push('\'');
    }
    let mut begins = true;
    for it in text.chars() {
        // The wide forms are read as the plain ones where people write in them.
        if begins && "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(it) {
            guarded.push('\'');
        }
        begins = match it {
            ';' | '\t' | '\r' | '\n' => true,
            // Quotes are taken away before a cell is read, and blanks may be.
            '"' | ' ' => begins,
            _ => false,
        };
        guarded.push(it);
    }
    guarded
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::StreamExt as _;
    use serde_json::json;

    use super::*;

    const COLUMNS: [&str; 3] = ["name", "said", "count"];

    fn rows() -> Vec<Vec<Value>> {
        vec![
            vec![json!("a, \"b\""), json!("one\r\ntwo"), json!(7)],
            vec![json!("=1+1"), Value::Null, json!(0)],
            vec![json!("Zoë"), json!(""), json!(1_000_000)],
        ]
    }

    #[test]
    fn csv_comes_back_as_it_was_but_for_what_would_be_a_formula() {
        let mut text = Format::Csv.head(&COLUMNS).unwrap();
        text.extend(Format::Csv.rows(&COLUMNS, &rows()).unwrap());
        assert_eq!(
            String::from_utf8(text.clone()).unwrap(),
            "name,said,count\r\n\"a, \"\"b\"\"\",\"one\r\ntwo\",7\r\n'=1+1,,0\r\nZoë,,1000000\r\n"
        );
        let mut reader = csv::Reader::from_reader(text.as_slice());
        let read: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(read[0], vec!["a, \"b\"", "one\r\ntwo", "7"]);
        assert_eq!(read[2], vec!["Zoë", "", "1000000"]);
    }

    #[test]
    fn no_cell_begins_as_a_formula_does_wherever_a_spreadsheet_parts_the_line() {
        for text in ["=x", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\u{ff1d}x"] {
            assert_eq!(cell(&json!(text)), format!("'{text}"));
        }
        for (text, guarded) in [
            ("a;=x", "a;'=x"),
            ("a;+1;-1;@x", "a;'+1;'-1;'@x"),
            ("a;\u{ff0b}1", "a;'\u{ff0b}1"),
            ("a\t=x", "a\t'=x"),
            ("a\r\n=x", "a\r\n'=x"),
            // Quotes and blanks are taken away before the cell is read.
            ("a;\"=x\"", "a;\"'=x\""),
            ("a; =x", "a; '=x"),
            (" =x", " '=x"),
        ] {
            assert_eq!(cell(&json!(text)), guarded, "{text}");
        }
        for text in ["", "'=x", "a=b", "a;b=c", "a; b-c;", "one\r\ntwo", "a, =x"] {
            assert_eq!(cell(&json!(text)), text);
        }
        assert_eq!(cell(&json!(-1)), "-1", "a number is none");
    }

    #[test]
    fn a_line_that_is_parted_at_semicolons_has_no_formula() {
        let row = vec![json!("a;=x"), json!("b, \";=x\""), json!("c\n=x")];
        let text = Format::Csv.rows(&COLUMNS, &[row]).unwrap();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(b';')
            .from_reader(text.as_slice());
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        let cells: Vec<_> = records.iter().flatten().collect();
        assert!(cells.len() >= 4, "{cells:?}");
        assert!(cells.iter().all(|it| !it.starts_with('=')), "{cells:?}");
    }

    fn numbers() -> Table<u64, u64> {
        Table {
            name: "numbers".to_owned(),
            columns: &["n"],
            at_once: 3,
            cells: |n| vec![json!(n)],
            place: |n| *n,
        }
    }

    #[tokio::test]
    async fn a_batch_is_read_when_the_one_before_it_was_taken() {
        // Of six rows the second batch is full, so that only a third one tells the end.
        for (rows, batches) in [(8, 3), (6, 3), (2, 1), (0, 1)] {
            let read = Arc::new(AtomicU64::new(0));
            let counted = Arc::clone(&read);
            let batch = move |place: Option<u64>| {
                counted.fetch_add(1, Ordering::Relaxed);
                let from = place.map_or(0, |it| it + 1);
                async move { Ok((from..(from + 3).min(rows)).collect()) }
            };
            let res = download(numbers(), Format::Csv, batch).await.unwrap();
            assert_eq!(
                res.headers()["content-disposition"],
                "attachment; filename=\"numbers.csv\""
            );
            let mut body = res.into_body().into_data_stream();
            let mut text = Vec::new();
            for reads in 1..=batches {
                text.extend(body.next().await.unwrap().unwrap());
                assert_eq!(read.load(Ordering::Relaxed), reads, "of {rows}");
            }
            assert!(body.next().await.is_none(), "of {rows}");
            assert_eq!(read.load(Ordering::Relaxed), batches, "of {rows}");
            let mut lines: Vec<_> = (0..rows).map(|it| it.to_string()).collect();
            lines.insert(0, "n".to_owned());
            let told = String::from_utf8(text).unwrap();
            assert_eq!(told, lines.join("\r\n") + "\r\n");
        }
    }

    #[tokio::test]
    async fn what_breaks_off_is_seen_to() {
        let batch = |place: Option<u64>| async move {
            match place {
                None => Ok(vec![1, 2, 3]),
                Some(_) => Err(Error::Internal(std::io::Error::other("gone").into())),
            }
        };
        let res = download(numbers(), Format::JsonLines, batch).await.unwrap();
        let mut body = res.into_body().into_data_stream();
        assert_eq!(
            body.next().await.unwrap().unwrap(),
            "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n"
        );
        assert!(
            body.next().await.unwrap().is_err(),
            "a file that ends as a whole one does"
        );
        let at_once =
            |_: Option<u64>| async { Err(Error::Internal(std::io::Error::other("gone").into())) };
        assert!(download(numbers(), Format::Csv, at_once).await.is_err());
    }

    #[test]
    fn a_json_line_has_the_columns_in_their_order() {
        let text = Format::JsonLines.rows(&COLUMNS, &rows()).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], r#"{"name":"=1+1","said":null,"count":0}"#);
        let read: Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!(read["said"], "one\r\ntwo");
    }
}
