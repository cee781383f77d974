//! The command line: help, keys, and what each mistake is told as: one line, and nothing written.

use std::path::Path;

use secrecy::SecretString;
use testkit::{db::TestDb, db_tests, world::World};
use vault::KeyRing;

use crate::process::{Ended, Running, run, tformance};

/// The key ring of `World`s, and another one.
pub(crate) const KEYS: &str = "tests:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const OTHER_KEYS: &str = "tests:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The one line that a command ended with.
#[track_caller]
fn failed(ended: &Ended, code: i32) -> String {
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    assert_eq!(
        ended.stdout, "",
        "data goes to standard output, talk does not"
    );
    let line = ended.stderr.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "more than one line: {line}");
    line.strip_prefix("tformance: ").unwrap().to_owned()
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().unwrap().next().is_none()
}

#[test]
fn the_version_names_the_commit() {
    let ended = run(folder().path(), &["--version"], &[]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    let rest = ended.stdout.strip_prefix("tformance ").unwrap();
    let (version, commit) = rest.trim_end().split_once(" (").unwrap();
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    let commit = commit.strip_suffix(')').unwrap();
    let is_hash = commit.len() == 12 && commit.bytes().all(|it| it.is_ascii_hexdigit());
    assert!(is_hash || commit == "unknown", "{commit}");
}

/// The names under "Commands:", without `help`.
fn commands_in(help: &str) -> Vec<&str> {
    let listed = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    let lines = listed.lines().take_while(|it| !it.is_empty());
    // Of what is longer than a line, the rest is indented further.
    let names = lines.filter(|it| it.starts_with("  ") && !it.starts_with("   "));
    let names = names.filter_map(|it| it.split_whitespace().next());
    names.filter(|it| *it != "help").collect()
}

#[test]
fn the_help_is_the_manual() {
    let folder = folder();
    let mut commands = vec![Vec::new()];
    while let Some(command) = commands.pop() {
        let args = [&command[..], &["--help".to_owned()]].concat();
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let ended = run(folder.path(), &args, &[]);
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{command:?}");
        for name in commands_in(&ended.stdout) {
            commands.push([&command[..], &[name.to_owned()]].concat());
        }
        let name = [&["help".to_owned()], &command[..]].concat().join("_");
        insta::assert_snapshot!(name, ended.stdout);
    }
    let nothing = run(folder.path(), &[], &[]);
    assert_eq!(nothing.code, Some(2));
    assert!(
        nothing.stderr.contains("Usage: tformance"),
        "said what there is"
    );
    assert_eq!(run(folder.path(), &["srve"], &[]).code, Some(2));
    assert!(is_empty(folder.path()));
}

#[test]
fn the_help_does_not_repeat_what_is_set() {
    let vars = [
        ("DATABASE_URL", "postgres://user:a-password-of-mine@db/x"),
        ("ENCRYPTION_KEYS", KEYS),
        ("JIRA_CLIENT_SECRET", "a-secret-of-mine"),
    ];
    for args in [&["serve", "--help"][..], &["migrate", "--help"]] {
        let shown = run(folder().path(), args, &vars).stdout;
        assert!(!shown.contains("of-mine") && !shown.contains("AQEB"));
    }
}

#[test]
fn a_generated_key_can_be_used_and_is_another_one_each_time() {
    let folder = folder();
    let generate = |args: &[&str]| {
        let ended = run(folder.path(), &[&["keys", "generate"], args].concat(), &[]);
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
        ended.stdout.strip_suffix('\n').unwrap().to_owned()
    };
    let (one, other) = (generate(&[]), generate(&["--id", "other_1"]));
    assert!(other.starts_with("other_1:") && one.starts_with('k'));
    assert!(one.split_once(':').unwrap().1 != other.split_once(':').unwrap().1);
    for text in [&one, &other, &format!("{one},{other}")] {
        KeyRing::parse(&SecretString::from(text.as_str())).unwrap();
    }
    let bad = run(folder.path(), &["keys", "generate", "--id", "No Id"], &[]);
    assert!(failed(&bad, 2).starts_with("the id must be 1 to 16 of a-z, 0-9, _ and -"));
    assert!(is_empty(folder.path()));
}

#[test]
fn a_wrong_setting_is_one_line_that_names_it() {
    let folder = folder();
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = empty.path().to_str().unwrap();
    let keys = "ENCRYPTION_KEYS";
    let short = "k1:c2hvcnRzaG9ydHNob3J0c2hvcnQ=";
    let good = KEYS.split_once(':').unwrap().1;
    let (twice, shouting) = (format!("k1:{good},k1:{good}"), format!("K1:{good}"));
    let cases: &[(&str, &[(&str, &str)])] = &[
        (keys, &[(keys, "")]),
        (keys, &[(keys, short)]),
        (keys, &[(keys, "k1:not base64 at all, is it?")]),
        (keys, &[(keys, "k1")]),
        (keys, &[(keys, &shouting)]),
        (keys, &[(keys, "a-key-with-too-long-an-id:AQEB")]),
        (keys, &[(keys, &twice)]),
        (keys, &[(keys, KEYS), ("ENCRYPTION_KEYS_FILE", empty)]),
        (
            "ENCRYPTION_KEYS_FILE",
            &[(keys, ""), ("ENCRYPTION_KEYS_FILE", empty)],
        ),
        (
            "ENCRYPTION_KEYS_FILE",
            &[(keys, ""), ("ENCRYPTION_KEYS_FILE", "/nowhere/keys")],
        ),
        ("BASE_URL", &[("BASE_URL", "tformance.example.com")]),
        ("BASE_URL", &[("BASE_URL", "ftp://tformance.example.com")]),
        (
            "BASE_URL",
            &[("BASE_URL", "https://tformance.example.com/path")],
        ),
        (
            "BASE_URL",
            &[("BASE_URL", "https://user:pass@tformance.example.com")],
        ),
        ("BASE_URL", &[("BASE_URL", "http://tformance.example.com")]),
        ("ALLOW_PLAIN_HTTP", &[("ALLOW_PLAIN_HTTP", "perhaps")]),
        ("LISTEN", &[("LISTEN", "8000")]),
        ("LISTEN", &[("LISTEN", "localhost")]),
        ("JIRA_CLIENT_ID", &[("JIRA_CLIENT_SECRET", "secretive")]),
        ("JIRA_CLIENT_SECRET", &[("JIRA_CLIENT_ID", "id")]),
        (
            "JIRA_CLIENT_SECRET",
            &[
                ("JIRA_CLIENT_ID", "id"),
                ("JIRA_CLIENT_SECRET", "secretive,b,c"),
            ],
        ),
        (
            "JIRA_CLIENT_SECRET_FILE",
            &[
                ("JIRA_CLIENT_ID", "id"),
                ("JIRA_CLIENT_SECRET_FILE", "/nowhere/secret"),
            ],
        ),
        ("JIRA_AUTH_URL", &[("JIRA_AUTH_URL", "auth.atlassian.com")]),
        (
            "JIRA_API_URL",
            &[("JIRA_API_URL", "https://api.atlassian.com/ex")],
        ),
        ("ALLOW_SIGNUP", &[("ALLOW_SIGNUP", "2")]),
        ("SHUTDOWN_SECONDS", &[("SHUTDOWN_SECONDS", "-1")]),
        ("SHUTDOWN_SECONDS", &[("SHUTDOWN_SECONDS", "a minute")]),
        ("TRUSTED_PROXIES", &[("TRUSTED_PROXIES", "the proxy")]),
        ("DATABASE_URL", &[("DATABASE_URL", "mysql://db/tformance")]),
        ("DATABASE_URL", &[("DATABASE_URL", "sqlite://")]),
        ("DATABASE_URL", &[("DATABASE_URL", "sqlite::memory:")]),
        (
            "SMTP_URL",
            &[
                ("SMTP_URL", "smtp://u:secretive@mail.example.com"),
                ("MAIL_FROM", "a@example.com"),
            ],
        ),
        ("RUST_LOG", &[("RUST_LOG", "info,=,=loud")]),
        ("LOG_FORMAT", &[("LOG_FORMAT", "xml")]),
    ];
    for (name, vars) in cases {
        let vars = [&[(keys, KEYS)], *vars].concat();
        let line = failed(&run(folder.path(), &["serve"], &vars), 2);
        assert!(line.starts_with(&format!("{name} ")), "{line}");
        assert!(line.contains(&format!("; for example {name}=")), "{line}");
        let secrets = ["AQEB", "c2hvcnR", "secretive", "user:pass@"];
        assert!(!secrets.iter().any(|it| line.contains(it)), "{line}");
        assert!(is_empty(folder.path()), "{name}: something was written");
    }
    let dotenv = tempfile::tempdir().unwrap();
    std::fs::write(dotenv.path().join(".env"), "no secretive line\n").unwrap();
    let line = failed(&run(dotenv.path(), &["serve"], &[(keys, KEYS)]), 2);
    assert!(
        line.starts_with(".env has a line that is not NAME=value") && !line.contains("secretive"),
        "{line}"
    );
    // A password does not belong where everybody on the machine can read it.
    let args = ["serve", "--database-url", "postgres://user:pass@db/x"];
    let line = failed(&run(folder.path(), &args, &[(keys, KEYS)]), 2);
    assert!(
        line.starts_with("DATABASE_URL has a password on the command line")
            && !line.contains("user:pass")
    );
}

#[test]
fn a_database_that_cannot_be_reached_is_one_line() {
    let folder = folder();
    for url in [
        "sqlite:///nowhere/at/all/x.db",
        "postgres://user:a-password-of-mine@127.0.0.1:1/x",
        "postgres://user:a-password-of-mine@127.0.0.1:port/x",
    ] {
        let vars = [("ENCRYPTION_KEYS", KEYS), ("DATABASE_URL", url)];
        for command in ["serve", "migrate"] {
            let line = failed(&run(folder.path(), &[command], &vars), 1);
            assert!(line.starts_with("DATABASE_URL "), "{line}");
            assert!(!line.contains("of-mine"), "{line}");
        }
    }
}

#[test]
fn a_second_process_on_the_same_file_is_refused() {
    let folder = folder();
    let vars = [("ENCRYPTION_KEYS", KEYS), ("LISTEN", "127.0.0.1:0")];
    let mut first = Running::start(tformance(folder.path(), &["serve"], &vars));
    first.logs("serving");
    let line = failed(&run(folder.path(), &["serve"], &vars), 1);
    assert_eq!(
        line,
        "another process serves tformance.db; SQLite is for one process, PostgreSQL for several"
    );
    // However the first one ends, the right to serve is free at once.
    first.signal("KILL");
    assert_eq!(first.wait().code, None);
    let mut second = Running::start(tformance(folder.path(), &["serve"], &vars));
    second.logs("serving");
    second.signal("TERM");
    assert_eq!(second.wait().code, Some(0));
}

#[test]
fn a_port_that_is_taken_is_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let vars = [("ENCRYPTION_KEYS", KEYS), ("LISTEN", &*address)];
    let folder = folder();
    let ended = run(folder.path(), &["serve", "--log", "warn"], &vars);
    assert!(failed(&ended, 1).starts_with(&format!("LISTEN is {address}, which cannot be had")));
    let port = address.rsplit_once(':').unwrap().1;
    let ended = run(folder.path(), &["demo", "--port", port], &[]);
    assert!(failed(&ended, 1).starts_with(&format!("port {port} cannot be had")));
}

#[test]
fn the_simulator_says_how_to_use_it() {
    let folder = folder();
    let free = ["--auth-port", "0", "--api-port", "0", "--control-port", "0"];
    let args = [&["simulator"], &free[..]].concat();
    let mut simulator = Running::start(tformance(folder.path(), &args, &[]));
    for name in ["JIRA_AUTH_URL", "JIRA_API_URL"] {
        let url = simulator.says(&format!("{name}="));
        assert!(
            url.starts_with("http://localhost:") && !url.ends_with('/'),
            "{url}"
        );
    }
    assert!(!simulator.says("JIRA_CLIENT_ID=").is_empty());
    assert!(!simulator.says("JIRA_CLIENT_SECRET=").is_empty());
    assert!(
        simulator
            .says("# clock and faults: ")
            .starts_with("http://localhost:")
    );
    simulator.signal("INT");
    let ended = simulator.wait();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    assert!(is_empty(folder.path()));
}

/// Every row of every table, so that nothing that was written goes unseen.
async fn all_rows(db: &TestDb) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for table in db.tables().await {
        all.push(db.rows(&table).await);
    }
    all
}

async fn run_beside(args: &'static [&str], vars: Vec<(&'static str, String)>) -> Ended {
    let work = move || {
        let vars: Vec<_> = vars.iter().map(|(name, value)| (*name, &**value)).collect();
        run(folder().path(), args, &vars)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

db_tests! {
    async fn a_wrong_key_ring_is_refused_and_nothing_is_written(db: TestDb) {
        let world = World::new(db).await;
        let ada = world.admin("Ada", "Acme").await;
        world.connect(&ada, "Sam One").await.unwrap();
        let before = all_rows(&world.db).await;
        for keys in [OTHER_KEYS, "other:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="] {
            let vars = vec![("DATABASE_URL", world.db.url.clone()), ("ENCRYPTION_KEYS", keys.to_owned())];
            let line = failed(&run_beside(&["serve"], vars).await, 1);
            assert!(line.starts_with("ENCRYPTION_KEYS is not the key ring of this database"), "{line}");
        }
        assert!(all_rows(&world.db).await == before);
    }
}

#[tokio::test]
async fn an_old_schema_of_postgresql_is_migrated_when_it_is_asked_for() {
    let Some(db) = TestDb::empty_postgres().await else {
        return;
    };
    let vars = |url: &str| {
        vec![
            ("DATABASE_URL", url.to_owned()),
            ("ENCRYPTION_KEYS", KEYS.to_owned()),
            ("LISTEN", "127.0.0.1:0".to_owned()),
        ]
    };
    let line = failed(&run_beside(&["serve"], vars(&db.url)).await, 1);
    assert!(
        line.contains("run `tformance migrate`, or `tformance serve --migrate`"),
        "{line}"
    );
    assert_eq!(db.dump().await, "", "no table was made");

    let migrated = run_beside(&["migrate", "--log", "warn"], vars(&db.url)).await;
    assert_eq!((migrated.code, &*migrated.stderr), (Some(0), ""));
    assert_eq!(migrated.stdout, "the schema is up to date\n");
    for args in [&["serve"][..], &["serve", "--migrate"]] {
        let url = db.url.clone();
        let serve = move || {
            let folder = folder();
            let vars = vars(&url);
            let vars: Vec<_> = vars.iter().map(|(name, value)| (*name, &**value)).collect();
            let mut serving = Running::start(tformance(folder.path(), args, &vars));
            serving.logs("serving");
            serving.signal("TERM");
            assert_eq!(serving.wait().code, Some(0));
        };
        tokio::task::spawn_blocking(serve).await.unwrap();
    }
}
