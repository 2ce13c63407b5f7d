//! Reports of refusals and recoveries to the program: callbacks, and events of `tracing`. The
//! recovery of a layer is reported after the refusals before it.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use untorn::mutants::mutant;

use super::{Progress, Recorded, Recovery, Refusal};
use crate::error::ConfigError;

/// A callback of the program.
type Callback<T> = Arc<dyn Fn(&T) + Send + Sync>;

/// The callbacks of the program.
#[derive(Clone, Default)]
pub(in crate::store) struct Callbacks {
    pub(in crate::store) on_refusal: Option<Callback<Refusal>>,
    pub(in crate::store) on_recovery: Option<Callback<Recovery>>,
}

impl Progress {
    /// Records a refusal, and reports it unless the last one had the same reason.
    pub(in crate::store) fn refused(&self, layer: usize, error: &ConfigError) {
        self.report_refusal(self.record_refusal(layer, error));
    }

    /// Reports a refusal. No lock of the store may be held.
    pub(in crate::store) fn report_refusal(&self, recorded: Recorded) {
        let Recorded {
            layer,
            error,
            pending,
            new,
        } = recorded;
        // Another layer's update may take the refused contents at any time.
        let is_refused = |is_reported: bool| {
            let progress = &mut self.lock()[layer];
            let outage = progress.outage.as_mut();
            let Some(outage) = outage.filter(|outage| outage.refusal.error == error) else {
                return false;
            };
            if is_reported {
                outage.is_reported = true;
                progress.reporting += 1;
            }
            true
        };
        if is_refused(false) {
            // After the refusal, which a wait that this ends looks for.
            self.set_reached(layer, |reached| reached.refused = pending);
        }
        if !is_refused(new.is_some()) {
            // The refused contents are in force, unless the source has answered since.
            if self.pending(layer) == pending {
                self.reached(layer);
            }
        } else if let Some(refusal) = new {
            self.report(&refusal);
            self.end_report(layer);
        }
    }

    /// Reports the recoveries that came while a refusal was reported.
    fn end_report(&self, layer: usize) {
        let recoveries = {
            let layer = &mut self.lock()[layer];
            layer.reporting -= 1;
            match layer.reporting {
                0 => mem::take(&mut layer.recoveries),
                _ => Vec::new(),
            }
        };
        for recovery in &recoveries {
            self.deliver_recovery(recovery);
        }
    }

    /// Reports a recovery of a layer, after all reports of refusals that have begun. No lock of the
    /// store may be held.
    pub(in crate::store) fn report_recovery(&self, layer: usize, recovery: Recovery) {
        {
            let layer = &mut self.lock()[layer];
            if layer.reporting > 0 && !mutant("live_recovery_passes_its_refusal") {
                layer.recoveries.push(recovery);
                return;
            }
        }
        self.deliver_recovery(&recovery);
    }

    fn deliver_recovery(&self, recovery: &Recovery) {
        foreign(|| {
            emit_recovery(recovery);
            if let Some(on_recovery) = &self.callbacks.on_recovery {
                on_recovery(recovery);
            }
        });
    }

    /// Reports an error of the cache.
    pub(in crate::store) fn cache_failed(&self, error: &ConfigError) {
        self.report(&Refusal {
            layer: "cache".into(),
            number: None,
            error: error.clone(),
            since: SystemTime::now(),
            times: 1,
        });
    }

    fn report(&self, refusal: &Refusal) {
        foreign(|| {
            emit_event(refusal);
            if let Some(on_refusal) = &self.callbacks.on_refusal {
                on_refusal(refusal);
            }
        });
    }
}

/// Calls code of the program. The panic hook reports its panic, which is no failure of the source.
fn foreign(report: impl FnOnce()) {
    _ = catch_unwind(AssertUnwindSafe(report));
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
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Mutex, OnceLock};

    use super::*;
    use crate::error::ErrorKind;

    /// A refusal that ends before it is reported, since another layer takes the contents.
    #[test]
    fn recovery_follows_a_reported_refusal_only() {
        let reports = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&reports);
        let callbacks = Callbacks {
            on_refusal: Some(Arc::new(move |_| _ = count.fetch_add(1, Ordering::SeqCst))),
            on_recovery: None,
        };
        let progress = Progress::new(["one".into()], callbacks);
        let error = ConfigError::new(ErrorKind::Check, "no");
        let recorded = progress.record_refusal(0, &error);
        assert!(progress.succeeded(0).is_none());
        progress.report_refusal(recorded);
        assert_eq!(reports.load(Ordering::SeqCst), 0);

        progress.refused(0, &error);
        assert_eq!(reports.load(Ordering::SeqCst), 1);
        // Of another reason, and not reported yet.
        let recorded = progress.record_refusal(0, &ConfigError::new(ErrorKind::Check, "never"));
        assert_eq!(
            progress.succeeded(0).map(|recovery| recovery.refusals),
            Some(2)
        );
        progress.report_refusal(recorded);
        assert_eq!(reports.load(Ordering::SeqCst), 1);
    }

    /// Another layer's update takes the refused contents while the refusal is reported.
    #[test]
    fn recovery_is_reported_after_its_refusal() {
        let shared = Arc::new(OnceLock::<Progress>::new());
        let reports = Arc::new(Mutex::new(Vec::new()));
        let (progress, refusals) = (Arc::clone(&shared), Arc::clone(&reports));
        let recoveries = Arc::clone(&reports);
        let callbacks = Callbacks {
            on_refusal: Some(Arc::new(move |_| {
                let progress = progress.get().expect("it is there");
                let recovery = progress.succeeded(0).expect("a reported refusal");
                progress.report_recovery(0, recovery);
                refusals.lock().expect("no panic").push("refusal");
            })),
            on_recovery: Some(Arc::new(move |_| {
                recoveries.lock().expect("no panic").push("recovery");
            })),
        };
        let progress = shared.get_or_init(|| Progress::new(["one".into()], callbacks));
        for _ in 0..2 {
            progress.refused(0, &ConfigError::new(ErrorKind::Check, "no"));
            let reports = std::mem::take(&mut *reports.lock().expect("no panic"));
            assert_eq!(reports, ["refusal", "recovery"]);
        }
    }
}
