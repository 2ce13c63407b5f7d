//! The engine: merges updates of layers, checks them, and publishes one revision for each.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use untorn::mutants::mutant;
use untorn::poller::{CommitCheck, Rejection};
use untorn::{Pinned, Published, Refreshed, Revision, Snapshot, Subscription};

use super::followers::Followers;
use super::guard::Guard;
use super::merge::{Merge, Merged, Update};
use super::progress::{Progress, Recorded};
use crate::config::{Config, Shared};
use crate::error::{ConfigError, ErrorKind, Place};
use crate::layer::Contents;
use crate::panic;
use crate::typed::Section;

/// A check of a new configuration beside the one in force.
pub(super) type Check = Box<dyn Fn(&Config, &Config) -> Result<(), ConfigError> + Send + Sync>;

/// The rules of a store.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) sections: Vec<Section>,
    pub(super) checks: Vec<Check>,
    pub(super) guard: Guard,
    pub(super) are_unknown_keys_refused: bool,
}

pub(crate) struct Engine {
    pub(super) published: Published<Config>,
    pub(super) shared: Arc<Shared>,
    pub(super) progress: Progress,
    /// The layers whose contents are from the cache.
    from_cache: Box<[AtomicBool]>,
    /// The layers whose contents are not those of their last poll that was taken, since they were
    /// taken with another layer or are from the cache. The position of that poll says nothing about
    /// them, so they are fetched whole until a poll of their own is taken.
    whole: Box<[AtomicBool]>,
    state: Mutex<State>,
    /// The subscriptions of the program.
    pub(super) followers: Followers,
    /// Those that wait for the first revision.
    pub(super) waiters: Followers,
    /// Its sources are followed no more.
    has_ended: AtomicBool,
    /// The thread that runs foreign code under the lock of the state, which must not wait for
    /// itself: checks, types of sections, and what a publication drops and wakes.
    busy: Mutex<Option<ThreadId>>,
}

struct State {
    merge: Merge,
    rules: Rules,
    /// The layers that have contents.
    is_loaded: Vec<bool>,
    /// The contents of layers that were refused for what other layers have, or by a check, and
    /// their positions in the sources.
    refused: Vec<Option<(Contents, Option<u64>)>>,
    /// The number of keys that the layers have in the cache.
    cached: Vec<usize>,
}

/// Stores again who was busy before [`Engine::busy`], also if foreign code panics.
struct Busy<'e>(&'e Engine, Option<ThreadId>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set_busy(self.1);
    }
}

/// What an update leads to for callbacks and waits, delivered when the lock is released.
#[derive(Default)]
struct Reports {
    /// The layers whose contents were taken.
    taken: Vec<usize>,
    /// Those of them whose refused contents were taken, and the positions of these.
    of_refused: Vec<(usize, Option<u64>)>,
    refusal: Option<Recorded>,
}

impl Reports {
    fn deliver(self, progress: &Progress) {
        // Callbacks may be slow, and those that wait need not wait for them.
        for (layer, position) in self.of_refused {
            panic::contain(|| progress.taken_with_another(layer, position));
        }
        if let Some(&updated) = self.taken.first() {
            panic::contain(|| progress.reached(updated));
        }
        for layer in self.taken {
            progress.deliver(layer);
        }
        if let Some(refusal) = self.refusal {
            progress.report_refusal(&refusal);
        }
    }
}

/// Why an update was not published.
pub(super) enum Refused {
    /// It is wrong.
    Wrong(ConfigError),
    /// The poll has passed its deadline, or other contents were taken meanwhile.
    Late(Rejection),
}

impl Refused {
    /// Returns the error.
    pub(super) fn into_error(self) -> ConfigError {
        match self {
            Self::Wrong(error) => error,
            Self::Late(rejection) => ConfigError::new(ErrorKind::Deadline, rejection.to_string()),
        }
    }
}

impl From<ConfigError> for Refused {
    fn from(error: ConfigError) -> Self {
        Self::Wrong(error)
    }
}

impl Engine {
    pub(super) fn new(shared: Shared, rules: Rules, progress: Progress) -> Self {
        let shared = Arc::new(shared);
        let merge = Merge::new(&shared);
        let layers = shared.layers.len();
        let empty = Config {
            view: merge.view(),
            sections: rules.sections.clone().into(),
            revision: Revision::default(),
            shared: Arc::clone(&shared),
        };
        Self {
            published: Published::new(empty),
            shared,
            progress,
            from_cache: (0..layers).map(|_| AtomicBool::new(false)).collect(),
            whole: (0..layers).map(|_| AtomicBool::new(false)).collect(),
            followers: Followers::default(),
            waiters: Followers::default(),
            has_ended: AtomicBool::new(false),
            state: Mutex::new(State {
                merge,
                rules,
                is_loaded: vec![false; layers],
                refused: vec![None; layers],
                cached: vec![0; layers],
            }),
            busy: Mutex::new(None),
        }
    }

    pub(crate) fn pin(&self) -> Pinned<'_, Config> {
        if mutant("live_pin_takes_a_lock") {
            drop(self.state());
        }
        self.published.pin()
    }

    /// Records that the source of a layer has what is in force, and reports a recovery.
    pub(super) fn polled(&self, layer: usize) {
        {
            let _state = self.state();
            // The contents in force have come from elsewhere since.
            if self.must_fetch_whole(layer) {
                return;
            }
            let position = self.progress.pending(layer);
            self.progress.succeeded(layer, position);
            self.progress.published(layer);
        }
        panic::contain(|| self.progress.reached(layer));
        self.progress.deliver(layer);
    }

    /// Removes the values of secrets from an error that foreign code has made.
    pub(super) fn redacted(&self, error: ConfigError) -> ConfigError {
        let config = self.pin();
        let error = config.redacted(error);
        if config.revision() > Revision::default() || self.is_busy_here() {
            return error;
        }
        // The first revision is not published, and the source may know what other layers have.
        let loaded = Config {
            view: self.state().merge.view(),
            sections: Arc::default(),
            revision: Revision::default(),
            shared: Arc::clone(&self.shared),
        };
        loaded.redacted(error)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn snapshot(&self) -> Snapshot<Config> {
        self.published.snapshot()
    }

    /// Merges an update of a layer and publishes it, once all layers have answered. Records and
    /// reports a refusal.
    pub(super) fn update(
        &self,
        layer: usize,
        update: Update,
        check: Option<CommitCheck<'_>>,
    ) -> Result<Refreshed, Refused> {
        let mut reports = Reports::default();
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.update_locked(layer, update, check, &mut reports)
        }));
        // The lock is released: a callback may use the store. Also if what the publication drops
        // or wakes has panicked: what was taken is in force.
        reports.deliver(&self.progress);
        result.unwrap_or_else(|payload| resume_unwind(payload))
    }

    fn update_locked(
        &self,
        layer: usize,
        update: Update,
        check: Option<CommitCheck<'_>>,
        reports: &mut Reports,
    ) -> Result<Refreshed, Refused> {
        let mut state = match self.lock() {
            Ok(state) => state,
            // Not a refusal of the layer: nothing was tried, and no callback may run here.
            Err(error) => return Err(self.of_layer(layer, error).into()),
        };
        let result = self.try_update(&mut state, layer, update, check, reports);
        // Before another layer can take the refused contents, which ends the refusal.
        result.map_err(|refused| self.record(layer, refused, reports))
    }

    /// Merges the contents of a layer that does not change, at the start.
    pub(super) fn load(&self, layer: usize, contents: Contents) -> Result<(), Refused> {
        let update = Update::Contents(contents);
        let mut reports = Reports::default();
        self.try_update(&mut self.state(), layer, update, None, &mut reports)?;
        Ok(())
    }

    /// Returns an error whose place is the layer, if it has no other.
    fn of_layer(&self, layer: usize, error: ConfigError) -> ConfigError {
        error.or_place(|| Some(Place::of_layer(&self.shared.layers[layer].name)))
    }

    /// Records a refusal, unless the poll was too late.
    fn record(&self, layer: usize, refused: Refused, reports: &mut Reports) -> Refused {
        let Refused::Wrong(error) = refused else {
            return refused;
        };
        let error = self.of_layer(layer, error);
        reports.refusal = Some(self.progress.record_refusal(layer, &error));
        Refused::Wrong(error)
    }

    fn try_update(
        &self,
        state: &mut State,
        layer: usize,
        update: Update,
        mut check: Option<CommitCheck<'_>>,
        reports: &mut Reports,
    ) -> Result<Refreshed, Refused> {
        // The source has other contents now.
        state.refused[layer] = None;
        if matches!(update, Update::Changes(_)) && self.must_fetch_whole(layer) {
            // They are changes of contents that are not in force any more.
            let rejection = Rejection::new("other contents were taken meanwhile; fetching all");
            return Err(Refused::Late(rejection));
        }
        // Layers that change together are refused one by one, and are right only together.
        for others in others_to_try(&state.refused) {
            if mutant("live_layers_are_tried_alone") {
                break;
            }
            let mut updates = vec![(layer, update.clone())];
            updates.extend(others.into_iter().filter_map(|other| {
                let (contents, _) = state.refused[other].clone()?;
                Some((other, Update::Contents(contents)))
            }));
            match self.try_updates(state, updates, &mut check, reports) {
                Err(Refused::Wrong(_)) => {}
                result => return result,
            }
        }
        self.try_updates(state, vec![(layer, update)], &mut check, reports)
    }

    /// Merges updates of several layers, the first of which has come just now, and publishes them
    /// as one revision. If they are refused, nothing has changed.
    fn try_updates(
        &self,
        state: &mut State,
        updates: Vec<(usize, Update)>,
        check: &mut Option<CommitCheck<'_>>,
        reports: &mut Reports,
    ) -> Result<Refreshed, Refused> {
        let is_alone = updates.len() == 1;
        let before = state.is_loaded.clone();
        let mut taken: Vec<(usize, Merged)> = Vec::new();
        let result = self.merge_updates(state, updates, &mut taken, check);
        match result {
            Ok((mut refreshed, built)) => {
                for (number, (layer, _)) in taken.iter().enumerate() {
                    reports.taken.push(*layer);
                    let mut position = self.progress.pending(*layer);
                    if let Some((_, of_refused)) = state.refused[*layer].take() {
                        reports.of_refused.push((*layer, of_refused));
                        position = of_refused;
                    }
                    let is_of_another = number > 0 && !mutant("live_position_of_refused_is_kept");
                    self.whole[*layer].store(is_of_another, Ordering::SeqCst);
                    self.from_cache[*layer].store(false, Ordering::SeqCst);
                    // Before `ready` returns and subscriptions receive it: the status must not list
                    // the layer as missing or refused then.
                    self.progress.succeeded(*layer, position);
                }
                let publish = || built.map(|config| self.publish(config));
                let published = catch_unwind(AssertUnwindSafe(publish));
                for (layer, _) in &taken {
                    self.progress.published(*layer);
                }
                match published {
                    Ok(Some(revision)) => refreshed.revision = revision,
                    Ok(None) => {}
                    // It is in force all the same.
                    Err(payload) => resume_unwind(payload),
                }
                Ok(refreshed)
            }
            Err(refused) => {
                if let (Refused::Wrong(error), [(layer, merged)], true) =
                    (&refused, &*taken, is_alone)
                {
                    let is_candidate = error.kind() != ErrorKind::Guard && merged.is_of_contents;
                    state.refused[*layer] = is_candidate.then(|| {
                        let position = self.progress.pending(*layer);
                        (state.merge.contents_of(*layer), position)
                    });
                }
                if !mutant("live_refused_update_stays") {
                    for (_, merged) in taken.into_iter().rev() {
                        state.merge.undo(merged);
                    }
                }
                state.is_loaded = before;
                Err(refused)
            }
        }
    }

    /// Merges and checks updates. Those in `taken` have been merged when this returns. Returns no
    /// configuration if there is nothing to publish.
    fn merge_updates(
        &self,
        state: &mut State,
        updates: Vec<(usize, Update)>,
        taken: &mut Vec<(usize, Merged)>,
        check: &mut Option<CommitCheck<'_>>,
    ) -> Result<(Refreshed, Option<Config>), Refused> {
        let was_loaded = state.is_loaded.clone();
        let is_first = self.published.revision() == Revision::default();
        for (layer, update) in updates {
            taken.push((layer, state.merge.apply(layer, update)?));
            state.is_loaded[layer] = true;
        }
        for (layer, merged) in &*taken {
            state.merge.check_conflicts(merged)?;
            let cached = if was_loaded[*layer] {
                0
            } else {
                state.cached[*layer]
            };
            if let Err(error) = state.rules.guard.check(merged, cached)
                && !self.progress.is_accepted(*layer, &error)
            {
                return Err(error.into());
            }
        }
        let mut refreshed = Refreshed::unchanged_at(self.published.revision());
        let Some((_, merged)) = taken.first() else {
            return Ok((refreshed, None));
        };
        refreshed.added = merged.added;
        refreshed.changed = merged.changed;
        refreshed.removed = merged.removed;
        let entries = merged.before;
        let is_unchanged = taken.iter().all(|(_, merged)| merged.is_unchanged);
        // Empty contents change nothing, and may still lack something that is required.
        let were_loaded = taken.iter().all(|(layer, _)| was_loaded[*layer]);
        if is_unchanged && (were_loaded || !is_first) {
            return Ok((refreshed, None));
        }
        // What the first revision lacks is known only when every layer has answered.
        let config = match state.is_loaded.iter().all(|is_loaded| *is_loaded) {
            true => Some(self.build(&state.merge, &state.rules, taken)?),
            false => None,
        };
        if let Some(check) = check.take() {
            check.permit(entries, &refreshed).map_err(Refused::Late)?;
        }
        Ok((refreshed, config))
    }

    /// Forgets the refused contents of a layer, since its source has others now.
    pub(super) fn forget_refused(&self, layer: usize) {
        self.state().refused[layer] = None;
    }

    /// Returns whether a layer must be fetched whole, whatever the position of its last poll.
    pub(super) fn must_fetch_whole(&self, layer: usize) -> bool {
        self.whole[layer].load(Ordering::SeqCst)
    }

    pub(crate) fn layer_name(&self, layer: usize) -> Arc<str> {
        Arc::clone(&self.shared.layers[layer].name)
    }

    pub(crate) fn subscribe(&self) -> Subscription<Config> {
        self.published.subscribe()
    }

    /// Marks the store as ended, and wakes the threads that wait for its first revision.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
        if !mutant("live_end_leaves_waiters") {
            self.waiters.close();
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    fn publish(&self, config: Config) -> Revision {
        let keys = config.len();
        let _busy = (!mutant("live_publication_is_not_marked")).then(|| self.busy());
        let revision = self.published.publish(config);
        panic::contain(|| emit_event(revision, keys));
        revision
    }

    /// Stores that this thread runs foreign code, until the guard is dropped.
    fn busy(&self) -> Busy<'_> {
        Busy(self, self.set_busy(Some(thread::current().id())))
    }

    /// Stores the thread that runs foreign code, and returns the one before.
    fn set_busy(&self, thread: Option<ThreadId>) -> Option<ThreadId> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        mem::replace(&mut busy, thread)
    }

    /// Returns whether this thread runs a check, or something else under the lock of the state.
    pub(super) fn is_busy_here(&self) -> bool {
        let busy = *self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy == Some(thread::current().id())
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, ConfigError> {
        if self.is_busy_here() {
            let message = "cannot write to the store inside its own check or section, or in what a \
                           publication drops or wakes: this would deadlock";
            return Err(ConfigError::new(ErrorKind::Check, message));
        }
        Ok(self.state())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the sets of layers whose refused contents may be right together with an update: all, and
/// each alone, since one that is wrong by itself must not keep the others out.
fn others_to_try<T>(refused: &[Option<T>]) -> Vec<Vec<usize>> {
    let all: Vec<_> = (0..refused.len())
        .filter(|layer| refused[*layer].is_some())
        .collect();
    let mut sets: Vec<_> = all.iter().map(|layer| vec![*layer]).collect();
    if all.len() > 1 {
        sets.insert(0, all);
    }
    sets
}

/// Emits an event (feature `tracing`).
#[cfg(feature = "tracing")]
fn emit_event(revision: Revision, keys: usize) {
    tracing::info!(target: "untorn_live", revision = revision.get(), keys, "a configuration was published");
}

/// Does nothing without the feature `tracing`.
#[cfg(not(feature = "tracing"))]
fn emit_event(_: Revision, _: usize) {}

mod build;
mod cached;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod tests;
