//! What services ask for, and how it is kept.

use domain::usage::{Answer, Call};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::door::KeyError;

/// What a service asked for, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabel {
    call: &'static str,
    answer: &'static str,
}

/// Why a key opened nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabel {
    reason: &'static str,
}

/// Who answered a call through the proxy, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProxyLabel {
    source: &'static str,
    class: &'static str,
}

/// Who may have answered.
const SOURCES: [&str; 2] = ["upstream", "self"];

/// The classes of statuses; what is none of them does not come.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

fn proxy_label(is_upstream: bool, status: u16) -> ProxyLabel {
    let source = if is_upstream { "upstream" } else { "self" };
    let class = usize::from(status / 100).checked_sub(1);
    let class = class.and_then(|it| CLASSES.get(it)).unwrap_or(&"5xx");
    ProxyLabel { source, class }
}

/// The metrics of calls.
#[derive(Debug)]
pub(super) struct CallMetrics {
    reads: Family<CallLabel, Counter>,
    status_calls: Family<CallLabel, Counter>,
    refused_keys: Family<RefusedLabel, Counter>,
    proxy_answers: Family<ProxyLabel, Counter>,
    broken_answers: Counter,
    unwritten: Gauge,
}

impl CallMetrics {
    /// All at zero.
    pub(super) fn new() -> Self {
        let metrics = Self {
            reads: Family::default(),
            status_calls: Family::default(),
            refused_keys: Family::default(),
            proxy_answers: Family::default(),
            broken_answers: Counter::default(),
            unwritten: Gauge::default(),
        };
        for call in Call::ALL {
            for answer in Answer::ALL {
                drop(metrics.of(call).get_or_create(&label(call, answer)));
            }
        }
        for reason in KeyError::REASONS {
            drop(metrics.refused_keys.get_or_create(&RefusedLabel { reason }));
        }
        for source in SOURCES {
            for class in CLASSES {
                let label = ProxyLabel { source, class };
                drop(metrics.proxy_answers.get_or_create(&label));
            }
        }
        metrics
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "reads",
            "Calls of services that need a valid token, by what came of them: token, rejected and proxy",
            self.reads.clone(),
        );
        registry.register(
            "status_calls",
            "Calls of services that ask for the state of a connection",
            self.status_calls.clone(),
        );
        registry.register(
            "refused_keys",
            "Calls with a key that opened nothing, by why",
            self.refused_keys.clone(),
        );
        registry.register(
            "proxy_answers",
            "Calls through the proxy, by who answered (upstream is Atlassian) and with which class of status",
            self.proxy_answers.clone(),
        );
        registry.register(
            "proxy_broken_answers",
            "Answers of Atlassian that broke off on the way through the proxy",
            self.broken_answers.clone(),
        );
        registry.register(
            "unwritten_usage_rows",
            "Rows of counted calls that the database has not taken; they are tried again each second",
            self.unwritten.clone(),
        );
    }

    const fn of(&self, call: Call) -> &Family<CallLabel, Counter> {
        if call.is_read() {
            &self.reads
        } else {
            &self.status_calls
        }
    }
}

const fn label(call: Call, answer: Answer) -> CallLabel {
    CallLabel {
        call: call.as_str(),
        answer: answer.as_str(),
    }
}

impl super::Metrics {
    /// A service with a good key was answered.
    pub(crate) fn called(&self, call: Call, answer: Answer) {
        let family = self.calls.of(call);
        family.get_or_create(&label(call, answer)).inc();
    }

    /// A call through the proxy was answered, by the gateway or by us.
    pub(crate) fn proxied(&self, is_upstream: bool, status: u16) {
        let label = proxy_label(is_upstream, status);
        self.calls.proxy_answers.get_or_create(&label).inc();
    }

    /// An answer broke off while it was passed on.
    pub(super) fn answer_broke_off(&self) {
        self.calls.broken_answers.inc();
    }

    /// A key opened nothing.
    pub(crate) fn key_refused(&self, why: &KeyError) {
        let label = RefusedLabel {
            reason: why.reason(),
        };
        self.calls.refused_keys.get_or_create(&label).inc();
    }

    /// So many rows wait in memory after a round of writing.
    pub(crate) fn set_unwritten_usage(&self, rows: usize) {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.calls.unwritten.set(rows);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;
    use crate::door::KeyEnded;

    #[test]
    fn every_series_of_calls_is_there_from_the_start_and_counts() {
        let metrics = Metrics::new();
        let text = metrics.text().unwrap();
        for answer in Answer::ALL {
            let answer = answer.as_str();
            for line in [
                format!("tformance_reads_total{{call=\"token\",answer=\"{answer}\"}} 0"),
                format!("tformance_reads_total{{call=\"rejected\",answer=\"{answer}\"}} 0"),
                format!("tformance_reads_total{{call=\"proxy\",answer=\"{answer}\"}} 0"),
                format!("tformance_status_calls_total{{call=\"status\",answer=\"{answer}\"}} 0"),
            ] {
                assert!(text.contains(&line), "{line}\n{text}");
            }
        }
        metrics.called(Call::Token, Answer::Served);
        metrics.called(Call::Status, Answer::OurFault);
        metrics.key_refused(&KeyEnded::Revoked.into());
        metrics.set_unwritten_usage(3);
        metrics.proxied(true, 204);
        metrics.proxied(false, 503);
        metrics.answer_broke_off();
        let text = metrics.text().unwrap();
        for line in [
            "tformance_reads_total{call=\"token\",answer=\"served\"} 1",
            "tformance_status_calls_total{call=\"status\",answer=\"our_fault\"} 1",
            "tformance_refused_keys_total{reason=\"revoked\"} 1",
            "tformance_refused_keys_total{reason=\"malformed\"} 0",
            "tformance_unwritten_usage_rows 3",
            "tformance_proxy_answers_total{source=\"upstream\",class=\"2xx\"} 1",
            "tformance_proxy_answers_total{source=\"self\",class=\"5xx\"} 1",
            "tformance_proxy_answers_total{source=\"upstream\",class=\"5xx\"} 0",
            "tformance_proxy_broken_answers_total 1",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
