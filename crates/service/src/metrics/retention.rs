//! What was removed because it was old enough.

use domain::retention::Kept;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// From which table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TableLabel {
    table: &'static str,
}

/// The metrics of retention.
#[derive(Debug)]
pub(super) struct RetentionMetrics {
    removed: Family<TableLabel, Counter>,
    behind: Gauge,
}

impl RetentionMetrics {
    /// All at zero.
    pub(super) fn new() -> Self {
        let metrics = Self {
            removed: Family::default(),
            behind: Gauge::default(),
        };
        for kept in Kept::ALL {
            drop(metrics.removed.get_or_create(&label(kept)));
        }
        metrics
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "removed_rows",
            "Rows that were removed because they were kept for long enough, by table",
            self.removed.clone(),
        );
        registry.register(
            "retention_behind",
            "1 while more is to be removed than the last round had time for",
            self.behind.clone(),
        );
    }
}

const fn label(kept: Kept) -> TableLabel {
    TableLabel {
        table: kept.as_str(),
    }
}

impl super::Metrics {
    /// So many rows were removed.
    pub(crate) fn removed(&self, kept: Kept, rows: u64) {
        let family = &self.retention.removed;
        family.get_or_create(&label(kept)).inc_by(rows);
    }

    /// Whether the last round left something.
    pub(crate) fn set_retention_behind(&self, is_behind: bool) {
        self.retention.behind.set(is_behind.into());
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Metrics, *};

    #[test]
    fn every_table_is_there_from_the_start() {
        let metrics = Metrics::new();
        metrics.removed(Kept::Outbox, 7);
        metrics.set_retention_behind(true);
        let text = metrics.text().unwrap();
        for kept in Kept::ALL {
            let count = if kept == Kept::Outbox { 7 } else { 0 };
            let table = kept.as_str();
            let line = format!("tformance_removed_rows_total{{table=\"{table}\"}} {count}");
            assert!(text.contains(&line), "{line}\n{text}");
        }
        assert!(text.contains("tformance_retention_behind 1"), "{text}");
    }
}
