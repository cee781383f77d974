//! Measures what was promised and writes `docs/benchmarks.md`. Run it with `scripts/bench`, which builds
//! the binary that is measured.
//!
//! Speeds are ratios to something in the same run: machines are noisy. `bench token`, `bench proxy` and
//! `bench retention` run one part alone, to be profiled.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a tool for people, which stops at whatever is odd"
)]

mod door;
mod engine;
mod load;
mod proxy;
mod retention;
mod server;

use std::{fmt::Write as _, path::Path, time::Duration};

use load::Asked;
use server::Server;
use testkit::db::TestDb;

/// How many starts the median is taken of.
const STARTS: usize = 15;

/// How long each route is asked, and how often in turns.
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

/// Connections that ask at once.
const CONNECTIONS: usize = 8;

fn main() {
    log_as_the_product_does();
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["memory"] => return proxy::print_memory(),
        ["token"] => return println!("{}", table(&door::rows())),
        ["proxy"] => return println!("{}", table(&proxy::speeds().unwrap())),
        ["retention"] => return println!("{}", table(&retention::rows())),
        _ => (),
    }
    let [binary, target] = args.as_slice() else {
        panic!("usage: bench BINARY FILE.md, or one part alone: bench token, proxy or retention");
    };
    let binary = Path::new(binary);
    let mut rows = vec![size_of(binary), start(binary), memory(binary)];
    rows.extend(page(binary));
    rows.extend(door::rows());
    rows.extend(proxy::rows(&std::env::current_exe().unwrap()));
    rows.extend(engine::rows());
    rows.extend(retention::rows());
    let table = table(&rows);
    println!("{table}");
    let text = format!(
        "# Benchmarks\n\n\
         Written by `scripts/bench`; run it again to compare. This run: {cores} cores, release build; SQLite where nothing else is said.\n\n\
         {table}\n\
         Requests per second are of one server and one client on the same cores, with {CONNECTIONS} kept\n\
         connections, the routes asked in turns, {ROUNDS} rounds of {seconds} s each; the ratio is of the\n\
         medians. The empty route is `/healthz`: all layers, no work. The route that finds one row is `/account` with a\n\
         session that has ended, and the one that finds none the same with a session that is not known: all layers, one\n\
         SELECT by a unique key.\n{others}",
        cores = std::thread::available_parallelism().map_or(0, usize::from),
        seconds = ROUND.as_secs(),
        others = what_others_wrote(target),
    );
    std::fs::write(target, text).unwrap();
}

/// What is measured in this process is logged as `tformance serve` does, to nowhere. The log that tests keep
/// has every statement in it: writing that is no work of ours.
fn log_as_the_product_does() {
    tracing_subscriber::fmt()
        .with_writer(std::io::sink)
        .with_env_filter("info,sqlx=warn")
        .with_ansi(false)
        .init();
}

/// The parts of the file that people and `scripts/torture` write, as they are.
fn what_others_wrote(file: &str) -> String {
    let before = std::fs::read_to_string(file).unwrap_or_default();
    let part = before.split_once("\n## ");
    part.map_or_else(String::new, |(_, rest)| format!("\n## {rest}"))
}

/// A database as the product opens it.
async fn sqlite() -> TestDb {
    TestDb::sqlite().await.waiting_for_the_disk().await
}

/// The same, where there is a server.
async fn postgres() -> Option<TestDb> {
    Some(TestDb::postgres().await?.waiting_for_the_disk().await)
}

/// One line of the table.
struct Row {
    what: &'static str,
    figure: String,
    goal: &'static str,
}

fn table(rows: &[Row]) -> String {
    let mut text = "| what | figure | goal |\n|---|---|---|\n".to_owned();
    for Row { what, figure, goal } in rows {
        writeln!(text, "| {what} | {figure} | {goal} |").unwrap();
    }
    text
}

fn size_of(binary: &Path) -> Row {
    let bytes = std::fs::metadata(binary).unwrap().len();
    Row {
        what: "release binary",
        figure: format!("{:.1} MB", megabytes(bytes)),
        goal: "under 30 MB",
    }
}

fn start(binary: &Path) -> Row {
    // The first start makes the database; it is not one of those that people wait for.
    let dir = tempfile::tempdir().unwrap();
    drop(Server::serve(binary, dir.path()));
    let times = (0..STARTS).map(|_| Server::serve(binary, dir.path()).started_in);
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    Row {
        what: "`serve`: start to first answered request",
        figure: format!(
            "{} ms (median of {STARTS}; slowest {} ms)",
            times[times.len() / 2].as_millis(),
            times[times.len() - 1].as_millis()
        ),
        goal: "under 150 ms",
    }
}

fn memory(binary: &Path) -> Row {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(binary, dir.path());
    let kilobytes = server.resident_kilobytes();
    Row {
        what: "`serve`: resident memory at rest",
        figure: format!("{:.1} MB", megabytes(kilobytes * 1024)),
        goal: "under 40 MB",
    }
}

fn page(binary: &Path) -> Vec<Row> {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::demo(binary, dir.path());
    let cookie = server.sign_in();
    let page = "/a/acme/integrations/";
    let statements = server.statements_of(page, &cookie);
    let (bytes, requests) = server.first_visit(page, &cookie);
    drop(server);
    // Anew, without the log of statements.
    let quiet = Server::demo_without_log(binary, dir.path());
    let cookie = quiet.sign_in();
    let (mut pages, mut empties) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let empty = Asked::page(quiet.address, "/healthz", &cookie);
        empties.push(load::per_second(&empty, CONNECTIONS, ROUND));
        let page = Asked::page(quiet.address, page, &cookie);
        pages.push(load::per_second(&page, CONNECTIONS, ROUND));
    }
    let (page, empty) = (median(&mut pages), median(&mut empties));
    vec![
        Row {
            what: "integrations page: SQL statements",
            figure: statements.to_string(),
            goal: "at most 4",
        },
        Row {
            what: "integrations page: bytes of a first visit",
            figure: format!("{bytes} in {requests} requests, none to other hosts"),
            goal: "at most 40,000",
        },
        Row {
            what: "integrations page: requests per second, as a ratio to the empty route",
            figure: format!("{:.2} ({page:.0} to {empty:.0})", page / empty),
            goal: "–",
        },
    ]
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
