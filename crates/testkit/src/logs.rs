//! Everything that this process logs, at `debug` and of all crates, kept for searching.

use std::{
    fs::File,
    io::{self, Write},
    sync::{
        Arc, LazyLock, Mutex, Once, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    layer::{Context, SubscriberExt as _},
};

use crate::output::{self, Kind};

/// What was logged, and the file beside it.
#[derive(Clone, Debug, Default)]
pub struct Written(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    text: Vec<u8>,
    file: Option<File>,
}

impl Written {
    /// As text.
    pub fn text(&self) -> String {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&inner.text).into_owned()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.text.extend_from_slice(bytes);
        if let Some(file) = &mut inner.file {
            file.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

static ALL: LazyLock<Written> = LazyLock::new(|| {
    let file = output::file(Kind::Seen, ".log");
    Written(Arc::new(Mutex::new(Inner {
        text: Vec::new(),
        file,
    })))
});

/// How many statements the databases were sent.
static STATEMENTS: AtomicUsize = AtomicUsize::new(0);

/// Counts what `sqlx` says it ran.
struct Statements;

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        STATEMENTS.fetch_add(1, Ordering::SeqCst);
    }
}

fn builder(written: Written) -> impl Subscriber + Send + Sync {
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || written.clone())
        .with_filter(LevelFilter::DEBUG);
    let of_sql = Targets::new().with_target("sqlx::query", LevelFilter::TRACE);
    Registry::default()
        .with(lines)
        .with(Statements.with_filter(of_sql))
}

/// Starts to keep what this process logs, if that was not done before.
pub fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        use tracing_subscriber::util::SubscriberInitExt as _;
        // A test that has a subscriber of its own keeps it.
        let _has_another = builder(ALL.clone()).try_init();
    });
}

/// What this process has logged since [`start`].
pub fn written() -> String {
    ALL.text()
}

/// How many SQL statements this process has run since [`start`], `BEGIN` of a transaction that reads on
/// PostgreSQL among them.
pub fn statements() -> usize {
    STATEMENTS.load(Ordering::SeqCst)
}

/// Runs `work` and gives what it logged on this thread, in the same form; that goes nowhere else.
pub fn aside(work: impl FnOnce()) -> String {
    let written = Written::default();
    tracing::subscriber::with_default(builder(written.clone()), work);
    written.text()
}
