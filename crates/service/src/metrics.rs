//! What an operator's monitoring asks: each metric, in one place.
//!
//! A value, not a global: each server, and each test, has its own. Every set of labels is closed and there
//! from the start, so that an alarm never waits for a series that was not seen yet. No label names a team, a
//! person or a site.

use std::{fmt, sync::atomic::AtomicU64, time::Duration};

use atlassian::Observer;
use domain::{credential::RefreshOutcome, state::ConnectionState};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

mod calls;

use calls::CallMetrics;

/// What a refresh came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// In which state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

/// What Atlassian was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: &'static str,
}

/// An answer of Atlassian's takes this long, in seconds: some are slow for half a minute.
const ANSWER_BUCKETS: [f64; 11] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0];

/// Another process holds a lease for this long.
const WAIT_BUCKETS: [f64; 9] = [0.05, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0];

/// All of them.
pub struct Metrics {
    registry: Registry,
    refreshes: Family<OutcomeLabel, Counter>,
    held_back: Counter,
    answers: Family<OperationLabel, Histogram, fn() -> Histogram>,
    lease_waits: Histogram,
    connections: Family<StateLabel, Gauge>,
    oldest_due: Gauge<f64, AtomicU64>,
    clock_apart: Gauge<f64, AtomicU64>,
    unsaved_pairs: Gauge,
    calls: CallMetrics,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let answer: fn() -> Histogram = || Histogram::new(ANSWER_BUCKETS);
        let mut metrics = Self {
            registry: Registry::with_prefix("tformance"),
            refreshes: Family::default(),
            held_back: Counter::default(),
            answers: Family::new_with_constructor(answer),
            lease_waits: Histogram::new(WAIT_BUCKETS),
            connections: Family::default(),
            oldest_due: Gauge::default(),
            clock_apart: Gauge::default(),
            unsaved_pairs: Gauge::default(),
            calls: CallMetrics::new(),
        };
        for outcome in RefreshOutcome::ALL {
            drop(metrics.refreshes.get_or_create(&outcome_label(outcome)));
        }
        for state in ConnectionState::ALL {
            drop(metrics.connections.get_or_create(&state_label(state)));
        }
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "refreshes",
            "Attempts to refresh a token, by what they came to",
            self.refreshes.clone(),
        );
        registry.register(
            "refreshes_held_back",
            "Exchanges that were not sent because the lease had become stale",
            self.held_back.clone(),
        );
        registry.register_with_unit(
            "provider_answer",
            "How long Atlassian took to answer, or not to",
            Unit::Seconds,
            self.answers.clone(),
        );
        registry.register_with_unit(
            "lease_wait",
            "How long a refresh waited for one of another process",
            Unit::Seconds,
            self.lease_waits.clone(),
        );
        registry.register(
            "connections",
            "Connections that were ever made, by state; looked at once a minute",
            self.connections.clone(),
        );
        registry.register_with_unit(
            "oldest_due_refresh_age",
            "For how long the refresh that waits longest is due; looked at once a minute",
            Unit::Seconds,
            self.oldest_due.clone(),
        );
        registry.register_with_unit(
            "database_clock_apart",
            "How far this process's clock is ahead of the database's; looked at once a minute",
            Unit::Seconds,
            self.clock_apart.clone(),
        );
        registry.register(
            "unsaved_pairs",
            "Token pairs that are in this process's memory alone, because the database does not take them",
            self.unsaved_pairs.clone(),
        );
        self.calls.register(registry);
    }

    /// An attempt to refresh has ended.
    pub(crate) fn refreshed(&self, outcome: RefreshOutcome) {
        self.refreshes.get_or_create(&outcome_label(outcome)).inc();
    }

    /// An exchange was not sent.
    pub(crate) fn held_back(&self) {
        self.held_back.inc();
    }

    /// Somebody waited for another process.
    pub(crate) fn waited_for_lease(&self, how_long: Duration) {
        self.lease_waits.observe(how_long.as_secs_f64());
    }

    /// How many connections are in which state.
    pub(crate) fn set_connections(&self, count: impl Fn(ConnectionState) -> i64) {
        for state in ConnectionState::ALL {
            self.connections
                .get_or_create(&state_label(state))
                .set(count(state));
        }
    }

    /// For how many seconds the oldest due refresh is due, and how many the clocks are apart.
    pub(crate) fn set_ages(&self, oldest_due_secs: f64, clock_apart_secs: f64) {
        self.oldest_due.set(oldest_due_secs);
        self.clock_apart.set(clock_apart_secs);
    }

    /// How many pairs the store does not take.
    pub(crate) fn set_unsaved_pairs(&self, count: usize) {
        self.unsaved_pairs
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The text that Prometheus reads (`OpenMetrics` 1.0).
    ///
    /// # Errors
    ///
    /// If a value cannot be written as text.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Observer for Metrics {
    fn answered(&self, operation: &'static str, took: Duration) {
        self.answers
            .get_or_create(&OperationLabel { operation })
            .observe(took.as_secs_f64());
    }
}

const fn outcome_label(outcome: RefreshOutcome) -> OutcomeLabel {
    OutcomeLabel {
        outcome: outcome.as_str(),
    }
}

const fn state_label(state: ConnectionState) -> StateLabel {
    StateLabel {
        state: state.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_there_from_the_start() {
        let text = Metrics::new().text().unwrap();
        for outcome in RefreshOutcome::ALL {
            let line = format!(
                "tformance_refreshes_total{{outcome=\"{}\"}} 0",
                outcome.as_str()
            );
            assert!(text.contains(&line), "{text}");
        }
        for state in ConnectionState::ALL {
            let line = format!("tformance_connections{{state=\"{}\"}} 0", state.as_str());
            assert!(text.contains(&line), "{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn what_happens_is_counted() {
        let metrics = Metrics::new();
        metrics.refreshed(RefreshOutcome::Ambiguous);
        metrics.held_back();
        metrics.waited_for_lease(Duration::from_millis(300));
        metrics.answered("refresh", Duration::from_secs(3));
        metrics.set_ages(12.5, -6.0);
        let text = metrics.text().unwrap();
        for line in [
            "tformance_refreshes_total{outcome=\"ambiguous\"} 1",
            "tformance_refreshes_held_back_total 1",
            "tformance_lease_wait_seconds_count 1",
            "tformance_provider_answer_seconds_sum{operation=\"refresh\"} 3.0",
            "tformance_oldest_due_refresh_age_seconds 12.5",
            "tformance_database_clock_apart_seconds -6.0",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
