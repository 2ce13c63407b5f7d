//! Reports of refusals and recoveries to the program: callbacks, and events of `tracing`. The
//! recovery of a layer is reported after the refusals before it.

use std::sync::Arc;
use std::time::SystemTime;

use untorn::mutants::mutant;

use super::{LayerProgress, Progress, Recorded, Recovery, Refusal};
use crate::error::ConfigError;
use crate::panic;

/// A callback of the program.
type Callback<T> = Arc<dyn Fn(&T) + Send + Sync>;

/// The callbacks of the program.
#[derive(Clone, Default)]
pub(in crate::store) struct Callbacks {
    pub(in crate::store) on_refusal: Option<Callback<Refusal>>,
    pub(in crate::store) on_recovery: Option<Callback<Recovery>>,
}

/// A report to the program about a layer.
#[derive(Clone)]
pub(super) enum Report {
    Refusal(Refusal),
    Recovery {
        recovery: Recovery,
        /// What the layer has is in force.
        is_published: bool,
    },
}

impl Progress {
    /// Records a refusal, and reports it unless the last one had the same reason.
    pub(in crate::store) fn refused(&self, layer: usize, error: &ConfigError) {
        self.report_refusal(&self.record_refusal(layer, error));
    }

    /// Reports a refusal. No lock of the store may be held.
    pub(in crate::store) fn report_refusal(&self, recorded: &Recorded) {
        let layer = recorded.layer;
        let refusal = || Some(self.lock()[layer].refusal()?.error.clone());
        // Another layer's update may take the refused contents at any time.
        if refusal().as_ref() == Some(&recorded.error) {
            // After the refusal, which a wait that this ends looks for.
            panic::contain(|| {
                self.set_reached(layer, |reached| reached.refused = recorded.position);
            });
        }
        // They are in force, unless others have been taken since.
        if refusal().is_none() && self.lock()[layer].taken == recorded.position {
            panic::contain(|| self.reached(layer));
        }
        self.deliver(layer);
    }

    /// Records that the last update of a layer is in force now, so that its recovery can be
    /// reported.
    pub(in crate::store) fn published(&self, layer: usize) {
        for report in &mut self.lock()[layer].reports {
            if let Report::Recovery { is_published, .. } = report {
                *is_published = true;
            }
        }
    }

    /// Reports what there is to report of a layer, unless another call does. No lock of the store
    /// may be held.
    pub(in crate::store) fn deliver(&self, layer: usize) {
        let mut is_mine = false;
        loop {
            // The lock is released before a callback is called.
            let report = self.lock()[layer].next_report(is_mine);
            let Some(report) = report else { return };
            self.report(&report);
            is_mine = true;
        }
    }

    /// Reports an error of the cache.
    pub(in crate::store) fn cache_failed(&self, error: &ConfigError) {
        self.report(&Report::Refusal(Refusal {
            layer: "cache".into(),
            number: None,
            error: error.clone(),
            since: SystemTime::now(),
            times: 1,
        }));
    }

    fn report(&self, report: &Report) {
        panic::contain(|| match report {
            Report::Refusal(refusal) => {
                emit_event(refusal);
                if let Some(on_refusal) = &self.callbacks.on_refusal {
                    on_refusal(refusal);
                }
            }
            Report::Recovery { recovery, .. } => {
                emit_recovery(recovery);
                if let Some(on_recovery) = &self.callbacks.on_recovery {
                    on_recovery(recovery);
                }
            }
        });
    }
}

impl LayerProgress {
    /// Returns what is reported next, unless another call reports. A recovery waits until its
    /// revision is published, and what comes after it too.
    fn next_report(&mut self, is_mine: bool) -> Option<Report> {
        if self.is_reporting && !is_mine && !mutant("live_recovery_passes_its_refusal") {
            return None;
        }
        self.is_reporting = false;
        if let Some(Report::Recovery {
            is_published: false,
            ..
        }) = self.reports.front()
        {
            return None;
        }
        let report = self.reports.pop_front()?;
        self.is_reporting = true;
        if let (Report::Refusal(_), Some(outage)) = (&report, &mut self.outage) {
            outage.is_reported = true;
        }
        Some(report)
    }
}

/// Emits an event (feature `tracing`).
#[cfg(feature = "tracing")]
fn emit_event(refusal: &Refusal) {
    tracing::warn!(
        target: "untorn_live",
        layer = &*refusal.layer,
        error = %refusal.error,
        "a configuration was refused",
    );
}

/// Does nothing without the feature `tracing`.
#[cfg(not(feature = "tracing"))]
fn emit_event(_: &Refusal) {}

/// Emits an event (feature `tracing`).
#[cfg(feature = "tracing")]
fn emit_recovery(recovery: &Recovery) {
    tracing::info!(
        target: "untorn_live",
        layer = &*recovery.layer,
        refusals = recovery.refusals,
        seconds = recovery.duration.as_secs_f64(),
        "a layer has recovered",
    );
}

/// Does nothing without the feature `tracing`.
#[cfg(not(feature = "tracing"))]
fn emit_recovery(_: &Recovery) {}

#[cfg(test)]
mod tests;
