//! What the layers have achieved: successes, refusals with their reasons, and recoveries.

mod reports;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::{Serialize, Serializer};
use untorn::Published;
use untorn::mutants::mutant;

use crate::error::ConfigError;
use crate::panic;

pub(super) use self::reports::Callbacks;
use self::reports::Report;

/// A refused update of a layer: the configuration in force stays.
///
/// # Examples
/// ```
/// # #[cfg(feature = "file")] {
/// use untorn_live::Store;
///
/// let store = Store::manual();
/// store.publish_text("app.toml", "port = 80").unwrap();
/// store.publish_text("app.toml", "port = ").unwrap_err();
/// let status = store.status();
/// let refusal = status.layers[0].refusal.as_ref().unwrap();
/// assert!(refusal.error.to_string().starts_with("app.toml:1: "));
/// assert_eq!(refusal.times, 1);
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The name of the layer, or `cache`.
    pub layer: Arc<str>,
    /// The number of the layer; `None` for the cache.
    #[serde(skip)]
    pub(super) number: Option<usize>,
    /// The error, with its place and its key.
    pub error: ConfigError,
    /// The time of the first refusal for this reason.
    #[serde(serialize_with = "crate::store::status::as_unix_time")]
    pub since: SystemTime,
    /// How often the update was refused for this reason, in a row.
    pub times: u64,
}

/// A layer whose updates were refused is taken again, or its source has again what is in force.
///
/// # Examples
/// See [`StoreBuilder::on_recovery`](crate::StoreBuilder::on_recovery).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Recovery {
    /// The name of the layer.
    pub layer: Arc<str>,
    /// The last refusal.
    pub refusal: Refusal,
    /// The number of refusals since the layer was taken before, for all reasons together.
    pub refusals: u64,
    /// The time since the first of them.
    #[serde(rename = "duration_seconds", serialize_with = "as_seconds")]
    pub duration: Duration,
}

fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    duration.as_secs_f64().serialize(serializer)
}

/// The progress of all layers. No foreign code runs while it is locked.
pub(super) struct Progress {
    layers: Mutex<Vec<LayerProgress>>,
    /// How far each layer has come; published again at the end of the store.
    reached: Vec<Published<Reached>>,
    callbacks: Callbacks,
}

#[derive(Clone)]
pub(super) struct LayerProgress {
    pub(super) name: Arc<str>,
    /// When it was taken last, or had not changed.
    good_at: Option<SystemTime>,
    /// The refusals since the last success.
    outage: Option<Outage>,
    /// The refusal of the guard that an operator has accepted.
    accepted: Option<ConfigError>,
    /// The position of the source that the last answer leads to.
    pending: Option<u64>,
    /// The position of the contents that were taken last; `None` if they are those of the cache.
    taken: Option<u64>,
    /// The reports that are due, in their order.
    reports: VecDeque<Report>,
    /// A thread reports, and will report what comes meanwhile.
    is_reporting: bool,
}

/// How far a layer has come in the positions of its source.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Reached {
    /// The position in force; `None` if there is none, or the source has begun anew since.
    served: Option<u64>,
    /// The position of the last answer, if it was refused.
    refused: Option<u64>,
}

/// Why a wait for a position has ended without it.
pub(super) enum Missed {
    TimedOut,
    Refused,
    Ended,
}

/// A refusal that has been recorded and not reported.
pub(super) struct Recorded {
    layer: usize,
    error: ConfigError,
    /// The position of the refused answer.
    pub(super) position: Option<u64>,
}

#[derive(Clone)]
struct Outage {
    /// The last refusal.
    refusal: Refusal,
    refusals: u64,
    began: Instant,
    /// It was reported to the program. One that ends before that has no recovery either.
    is_reported: bool,
}

impl LayerProgress {
    pub(super) fn has_answered(&self) -> bool {
        self.good_at.is_some()
    }

    /// Returns why the last update was refused.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        self.outage.as_ref().map(|outage| &outage.refusal)
    }
}

impl Reached {
    /// Returns how a wait for a position has ended; `None` if it has not.
    fn outcome(&self, position: u64) -> Option<Result<(), Missed>> {
        if self.served >= Some(position) {
            Some(Ok(()))
        } else if self.refused >= Some(position) && !mutant("live_refused_revision_is_waited_for") {
            Some(Err(Missed::Refused))
        } else {
            None
        }
    }
}

impl Progress {
    pub(super) fn new(names: impl IntoIterator<Item = Arc<str>>, callbacks: Callbacks) -> Self {
        let layers = names.into_iter().map(|name| LayerProgress {
            name,
            good_at: None,
            outage: None,
            accepted: None,
            pending: None,
            taken: None,
            reports: VecDeque::new(),
            is_reporting: false,
        });
        let layers: Vec<_> = layers.collect();
        Self {
            reached: layers.iter().map(|_| Published::default()).collect(),
            layers: Mutex::new(layers),
            callbacks,
        }
    }

    /// Records an update of this position that was taken, or a source that has not changed since.
    /// The recovery, if the update before was refused, is reported after
    /// [`published`](Self::published).
    pub(super) fn succeeded(&self, layer: usize, position: Option<u64>) {
        let progress = &mut self.lock()[layer];
        progress.taken = position;
        progress.good_at = Some(SystemTime::now());
        if !mutant("live_acceptance_stays") {
            progress.accepted = None;
        }
        let Some(outage) = progress.outage.take() else {
            return;
        };
        // What has ended is not reported any more.
        let reports = &mut progress.reports;
        reports.retain(|report| matches!(report, Report::Recovery { .. }));
        if outage.is_reported || mutant("live_recovery_without_a_refusal") {
            let recovery = Recovery {
                layer: Arc::clone(&progress.name),
                refusal: outage.refusal,
                refusals: outage.refusals,
                duration: outage.began.elapsed(),
            };
            reports.push_back(Report::Recovery {
                recovery,
                is_published: false,
            });
        }
    }

    /// Returns the time of the oldest contents of these layers, as far as they have answered.
    pub(super) fn oldest(&self, layers: &[usize]) -> Option<SystemTime> {
        let progress = self.lock();
        let times = layers.iter().filter_map(|layer| progress[*layer].good_at);
        times.min()
    }

    /// Records the position that the answer of a source leads to. A smaller one than that in force
    /// is of a source that has begun anew: the one in force cannot be compared with later ones.
    pub(super) fn set_pending(&self, layer: usize, position: Option<u64>) {
        self.lock()[layer].pending = position;
        if position.is_some() && position < self.position(layer) {
            self.set_reached(layer, |reached| reached.served = None);
        }
    }

    /// Returns the position that the last answer of a source leads to.
    pub(super) fn pending(&self, layer: usize) -> Option<u64> {
        self.lock()[layer].pending
    }

    /// Lets waits end for the position of the contents that were taken last.
    pub(super) fn reached(&self, layer: usize) {
        self.set_reached(layer, |reached| {
            *reached = Reached {
                served: self.lock()[layer].taken,
                refused: None,
            };
        });
    }

    /// Returns the position of the source that is in force.
    pub(super) fn position(&self, layer: usize) -> Option<u64> {
        self.reached[layer].pin().served
    }

    fn set_reached(&self, layer: usize, set: impl Fn(&mut Reached)) {
        let changed = |reached: &Reached| {
            let mut changed = *reached;
            set(&mut changed);
            changed
        };
        let now = *self.reached[layer].pin();
        if changed(&now) != now {
            self.reached[layer].update(changed);
        }
    }

    /// Wakes all that wait, after the store has been marked as ended.
    pub(super) fn wake_waiters(&self) {
        for reached in &self.reached {
            reached.update(|reached| *reached);
        }
    }

    /// Blocks until a layer has reached a position of its source, or an answer that has it was
    /// refused.
    pub(super) fn wait_for(
        &self,
        layer: usize,
        position: u64,
        timeout: Duration,
        has_ended: impl Fn() -> bool,
    ) -> Result<(), Missed> {
        let is_over = |reached: &Reached| reached.outcome(position).is_some() || has_ended();
        match self.reached[layer].wait_until(is_over, timeout) {
            Ok(reached) => reached.outcome(position).unwrap_or(Err(Missed::Ended)),
            Err(_) => Err(Missed::TimedOut),
        }
    }

    /// Completes when [`wait_for`](Self::wait_for) would return.
    pub(super) async fn wait_for_async(
        &self,
        layer: usize,
        position: u64,
        has_ended: impl Fn() -> bool,
    ) -> Result<(), Missed> {
        let is_over = |reached: &Reached| reached.outcome(position).is_some() || has_ended();
        let reached = self.reached[layer].wait_until_async(is_over).await;
        reached.outcome(position).unwrap_or(Err(Missed::Ended))
    }

    /// Lets the update of a layer pass that was refused with this error, until another one is
    /// taken.
    pub(super) fn accept(&self, layer: usize, error: &ConfigError) {
        self.lock()[layer].accepted = Some(error.clone());
    }

    /// Returns whether an error of the guard was accepted, for this update.
    pub(super) fn is_accepted(&self, layer: usize, error: &ConfigError) -> bool {
        let accepted = &self.lock()[layer].accepted;
        accepted.as_ref().is_some_and(|accepted| {
            accepted.is_of_the_update_of(error) || mutant("live_acceptance_is_for_any_loss")
        })
    }

    /// Records that the refused answer of a source, of this position, was taken with that of
    /// another layer.
    pub(super) fn taken_with_another(&self, layer: usize, position: Option<u64>) {
        self.set_reached(layer, |reached| {
            // Otherwise the source has answered since, or the refusal is yet to be reported.
            if reached.refused == position {
                *reached = Reached {
                    served: position,
                    refused: None,
                };
            }
        });
    }

    /// Records that the contents of a layer, which were never published, are replaced by those of
    /// the cache, whose position is unknown. Returns the position that they had.
    pub(super) fn replaced(&self, layer: usize) -> Option<u64> {
        if mutant("live_replaced_position_stays") {
            return self.lock()[layer].taken;
        }
        let position = self.lock()[layer].taken.take();
        // Its wakers are foreign code, and what replaces it is published next. Always an update,
        // so that one that has begun before is over.
        let forget = |reached: &Reached| Reached {
            served: None,
            ..*reached
        };
        panic::contain(|| _ = self.reached[layer].update(forget));
        position
    }

    /// Records a refusal.
    #[must_use = "a refusal is reported when no lock is held"]
    pub(super) fn record_refusal(&self, layer: usize, error: &ConfigError) -> Recorded {
        let mut layers = self.lock();
        let progress = &mut layers[layer];
        let recorded = Recorded {
            layer,
            error: error.clone(),
            position: progress.pending,
        };
        if let Some(outage) = &mut progress.outage
            && outage.refusal.error == *error
        {
            outage.refusals += 1;
            outage.refusal.times += 1;
            return recorded;
        }
        let refusal = Refusal {
            layer: Arc::clone(&progress.name),
            number: Some(layer),
            error: error.clone(),
            since: SystemTime::now(),
            times: 1,
        };
        let earlier = progress.outage.take();
        let earlier = earlier.filter(|_| !mutant("live_recovery_has_one_reason"));
        progress.outage = Some(Outage {
            refusal: refusal.clone(),
            refusals: earlier.as_ref().map_or(0, |outage| outage.refusals) + 1,
            is_reported: earlier.as_ref().is_some_and(|outage| outage.is_reported),
            began: earlier.map_or_else(Instant::now, |outage| outage.began),
        });
        progress.reports.push_back(Report::Refusal(refusal));
        recorded
    }

    pub(super) fn layers(&self) -> Vec<LayerProgress> {
        self.lock().clone()
    }

    /// Returns the layers that have not answered.
    pub(super) fn waiting(&self) -> Vec<LayerProgress> {
        let layers = self.lock();
        let waiting = layers.iter().filter(|layer| !layer.has_answered());
        waiting.cloned().collect()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Vec<LayerProgress>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
