//! What an operator's monitoring asks: each metric, in one place.
//!
//! A value, not a global: each server, and each test, has its own. Every set of labels is closed and there
//! from the start, so that an alarm never waits for a series that was not seen yet. No label names a team, a
//! person or a site.

use std::{fmt, sync::atomic::AtomicU64, time::Duration};

use atlassian::Observer;
use domain::{
    credential::RefreshOutcome, incident::IncidentKind, outbox::Channel, state::ConnectionState,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

mod budgets;
mod calls;
mod retention;

use budgets::BudgetMetrics;
use calls::CallMetrics;
use retention::RetentionMetrics;

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

/// By which way a notice goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChannelLabel {
    channel: &'static str,
}

/// By which way a notice went, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NoticeLabel {
    channel: &'static str,
    outcome: &'static str,
}

/// What an attempt to send a notice comes to; `failed` is tried again.
const NOTICE_OUTCOMES: [&str; 4] = ["sent", "failed", "given_up", "dropped"];

/// What people are needed for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
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
    budgets: BudgetMetrics,
    calls: CallMetrics,
    notices: Family<NoticeLabel, Counter>,
    waiting_notices: Family<ChannelLabel, Gauge>,
    oldest_notice: Family<ChannelLabel, Gauge<f64, AtomicU64>>,
    receiver_disabled: Gauge,
    incidents_opened: Family<KindLabel, Counter>,
    incidents_open: Family<KindLabel, Gauge>,
    retention: RetentionMetrics,
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
            budgets: BudgetMetrics::new(),
            calls: CallMetrics::new(),
            notices: Family::default(),
            waiting_notices: Family::default(),
            oldest_notice: Family::default(),
            receiver_disabled: Gauge::default(),
            incidents_opened: Family::default(),
            incidents_open: Family::default(),
            retention: RetentionMetrics::new(),
        };
        for kind in IncidentKind::ALL {
            drop(metrics.incidents_opened.get_or_create(&kind_label(kind)));
            drop(metrics.incidents_open.get_or_create(&kind_label(kind)));
        }
        for outcome in RefreshOutcome::ALL {
            drop(metrics.refreshes.get_or_create(&outcome_label(outcome)));
        }
        for state in ConnectionState::ALL {
            drop(metrics.connections.get_or_create(&state_label(state)));
        }
        for channel in Channel::ALL {
            for outcome in NOTICE_OUTCOMES {
                drop(
                    metrics
                        .notices
                        .get_or_create(&notice_label(channel, outcome)),
                );
            }
        }
        metrics.set_waiting_notices(|_| (0, 0.0));
        metrics.register();
        metrics.register_notices();
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
        self.budgets.register(registry);
        self.calls.register(registry);
        self.retention.register(registry);
        registry.register(
            "incidents_opened",
            "Incidents that this process opened, by what people are needed for",
            self.incidents_opened.clone(),
        );
        registry.register(
            "incidents_open",
            "Incidents that are open, of all teams and the operator's; looked at once a minute",
            self.incidents_open.clone(),
        );
    }

    /// An incident opened.
    pub(crate) fn incident_opened(&self, kind: IncidentKind) {
        self.incidents_opened.get_or_create(&kind_label(kind)).inc();
    }

    /// How many incidents are open, of each kind.
    pub(crate) fn set_open_incidents(&self, count: impl Fn(IncidentKind) -> i64) {
        for kind in IncidentKind::ALL {
            self.incidents_open
                .get_or_create(&kind_label(kind))
                .set(count(kind));
        }
    }

    fn register_notices(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "notices",
            "Attempts to send mails and webhooks of the outbox, by what they came to",
            self.notices.clone(),
        );
        registry.register(
            "notices_waiting",
            "Mails and webhooks that are still to be sent; looked at once a minute",
            self.waiting_notices.clone(),
        );
        registry.register_with_unit(
            "oldest_waiting_notice_age",
            "For how long the mail or webhook waits that waits longest; looked at once a minute",
            Unit::Seconds,
            self.oldest_notice.clone(),
        );
        registry.register(
            "webhook_receiver_disabled",
            "Whether the receiver of webhooks is switched off; looked at once a minute",
            self.receiver_disabled.clone(),
        );
    }

    /// A notice was sent, or not: one of [`NOTICE_OUTCOMES`].
    pub(crate) fn attended(&self, channel: Channel, outcome: &'static str) {
        self.notices
            .get_or_create(&notice_label(channel, outcome))
            .inc();
    }

    /// How many notices wait, and for how many seconds the oldest.
    pub(crate) fn set_waiting_notices(&self, of: impl Fn(Channel) -> (i64, f64)) {
        for channel in Channel::ALL {
            let label = ChannelLabel {
                channel: channel.as_str(),
            };
            let (count, secs) = of(channel);
            self.waiting_notices.get_or_create(&label).set(count);
            self.oldest_notice.get_or_create(&label).set(secs);
        }
    }

    /// Whether the receiver of webhooks is switched off.
    pub(crate) fn set_receiver_disabled(&self, is_disabled: bool) {
        self.receiver_disabled.set(is_disabled.into());
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

    fn broke_off(&self) {
        self.answer_broke_off();
    }
}

const fn outcome_label(outcome: RefreshOutcome) -> OutcomeLabel {
    OutcomeLabel {
        outcome: outcome.as_str(),
    }
}

const fn notice_label(channel: Channel, outcome: &'static str) -> NoticeLabel {
    NoticeLabel {
        channel: channel.as_str(),
        outcome,
    }
}

const fn state_label(state: ConnectionState) -> StateLabel {
    StateLabel {
        state: state.as_str(),
    }
}

const fn kind_label(kind: IncidentKind) -> KindLabel {
    KindLabel {
        kind: kind.as_str(),
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
        for line in [
            "tformance_notices_total{channel=\"mail\",outcome=\"given_up\"} 0",
            "tformance_notices_total{channel=\"webhook\",outcome=\"sent\"} 0",
            "tformance_notices_waiting{channel=\"mail\"} 0",
            "tformance_oldest_waiting_notice_age_seconds{channel=\"webhook\"} 0.0",
            "tformance_webhook_receiver_disabled 0",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        for kind in IncidentKind::ALL {
            let kind = kind.as_str();
            for line in [
                format!("tformance_incidents_opened_total{{kind=\"{kind}\"}} 0"),
                format!("tformance_incidents_open{{kind=\"{kind}\"}} 0"),
            ] {
                assert!(text.contains(&line), "{text}");
            }
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
