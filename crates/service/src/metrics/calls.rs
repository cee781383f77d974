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

/// The metrics of calls.
#[derive(Debug)]
pub(super) struct CallMetrics {
    reads: Family<CallLabel, Counter>,
    status_calls: Family<CallLabel, Counter>,
    refused_keys: Family<RefusedLabel, Counter>,
    unwritten: Gauge,
}

impl CallMetrics {
    /// All at zero.
    pub(super) fn new() -> Self {
        let metrics = Self {
            reads: Family::default(),
            status_calls: Family::default(),
            refused_keys: Family::default(),
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
        metrics.key_refused(&KeyError::Revoked);
        metrics.set_unwritten_usage(3);
        let text = metrics.text().unwrap();
        for line in [
            "tformance_reads_total{call=\"token\",answer=\"served\"} 1",
            "tformance_status_calls_total{call=\"status\",answer=\"our_fault\"} 1",
            "tformance_refused_keys_total{reason=\"revoked\"} 1",
            "tformance_refused_keys_total{reason=\"malformed\"} 0",
            "tformance_unwritten_usage_rows 3",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
