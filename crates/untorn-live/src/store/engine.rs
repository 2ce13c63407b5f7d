//! The engine: merges updates of layers, checks them, and publishes one revision for each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use serde::de::DeserializeOwned;
use untorn::mutants::mutant;
use untorn::poller::{CommitCheck, Rejection};
use untorn::{Pinned, Published, Refreshed, Revision, Snapshot, Subscription};

use super::followers::Followers;
use super::guard::Guard;
use super::merge::{Merge, Merged, Update};
use super::progress::{Progress, Recovery};
use crate::config::{Config, Shared};
use crate::error::{ConfigError, ErrorKind};
use crate::layer::Contents;
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
    /// The layers to fetch again, whatever their position.
    again: Box<[AtomicBool]>,
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
    /// The contents of layers that were refused for what other layers have, or by a check.
    refused: Vec<Option<Contents>>,
    /// The number of keys that the layers have in the cache.
    cached: Vec<usize>,
}

/// A guard of [`Engine::busy`], also if foreign code panics.
struct Busy<'e>(&'e Engine);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set_busy(None);
    }
}

/// Why an update was not published.
pub(super) enum Refused {
    /// It is wrong.
    Wrong(ConfigError),
    /// The poll has passed its deadline.
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
            again: (0..layers).map(|_| AtomicBool::new(false)).collect(),
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

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn snapshot(&self) -> Snapshot<Config> {
        self.published.snapshot()
    }

    /// Merges an update of a layer and publishes it, once all layers have answered.
    pub(super) fn update(
        &self,
        layer: usize,
        update: Update,
        check: Option<CommitCheck<'_>>,
    ) -> Result<Refreshed, Refused> {
        let mut recoveries = Vec::new();
        let result = self.update_locked(layer, update, check, &mut recoveries);
        // The lock is released: a callback may use the store.
        for recovery in &recoveries {
            self.progress.report_recovery(recovery);
        }
        result
    }

    fn update_locked(
        &self,
        layer: usize,
        update: Update,
        mut check: Option<CommitCheck<'_>>,
        recoveries: &mut Vec<Recovery>,
    ) -> Result<Refreshed, Refused> {
        let mut state = self.lock()?;
        let state = &mut *state;
        // The source has other contents now.
        state.refused[layer] = None;
        // Layers that change together are refused one by one, and are right only together.
        let others: Vec<_> = (0..state.refused.len())
            .filter_map(|other| Some((other, Update::Contents(state.refused[other].clone()?))))
            .collect();
        if !others.is_empty() && !mutant("live_layers_are_tried_alone") {
            let mut updates = vec![(layer, update.clone())];
            updates.extend(others);
            match self.try_updates(state, updates, &mut check, recoveries) {
                Err(Refused::Wrong(_)) => {}
                result => return result,
            }
        }
        self.try_updates(state, vec![(layer, update)], &mut check, recoveries)
    }

    /// Merges updates of several layers, the first of which has come just now, and publishes them
    /// as one revision. If they are refused, nothing has changed.
    fn try_updates(
        &self,
        state: &mut State,
        updates: Vec<(usize, Update)>,
        check: &mut Option<CommitCheck<'_>>,
        recoveries: &mut Vec<Recovery>,
    ) -> Result<Refreshed, Refused> {
        let is_alone = updates.len() == 1;
        let before = state.is_loaded.clone();
        let mut taken: Vec<(usize, Merged)> = Vec::new();
        let result = self.merge_updates(state, updates, &mut taken, check);
        match result {
            Ok((mut refreshed, built)) => {
                for (layer, _) in &taken {
                    state.refused[*layer] = None;
                    self.from_cache[*layer].store(false, Ordering::SeqCst);
                    // Before `ready` returns and subscriptions receive it: the status must not list
                    // the layer as missing or refused then.
                    recoveries.extend(self.progress.succeeded(*layer));
                }
                if let Some(config) = built {
                    refreshed.revision = self.publish(config);
                }
                Ok(refreshed)
            }
            Err(refused) => {
                if let (Refused::Wrong(error), [(layer, merged)], true) =
                    (&refused, &*taken, is_alone)
                {
                    let is_candidate = error.kind() != ErrorKind::Guard && merged.is_of_contents;
                    state.refused[*layer] = is_candidate.then(|| state.merge.contents_of(*layer));
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
        let Some((first, merged)) = taken.first() else {
            return Ok((refreshed, None));
        };
        refreshed.added = merged.added;
        refreshed.changed = merged.changed;
        refreshed.removed = merged.removed;
        let entries = merged.before;
        let is_unchanged = taken.iter().all(|(_, merged)| merged.is_unchanged);
        if is_unchanged && (was_loaded[*first] || !is_first) {
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

    /// Stores how many keys the layers have in the cache.
    pub(crate) fn set_cached(&self, layer: usize, keys: usize) {
        self.state().cached[layer] = keys;
    }

    /// Returns whether a layer must be fetched again, whatever its position, and resets that.
    pub(super) fn take_again(&self, layer: usize) -> bool {
        self.again[layer].swap(false, Ordering::SeqCst)
    }

    /// Takes the contents of the layers that have not answered, and publishes the first revision.
    /// If that is refused, since a layer has answered with contents that are wrong, all contents
    /// are taken; if that is refused too, nothing is taken.
    pub(crate) fn take_from_cache(
        &self,
        contents: Vec<(usize, Contents)>,
    ) -> Result<(), ConfigError> {
        let (layers, error) = self.take_locked(contents)?;
        // A callback must not run under the lock.
        if let Some(error) = error {
            for layer in layers {
                self.progress.refused(layer, &error);
            }
        }
        Ok(())
    }

    /// Takes contents from the cache. Returns the layers whose answers they replace, and what was
    /// wrong with these.
    fn take_locked(
        &self,
        contents: Vec<(usize, Contents)>,
    ) -> Result<(Vec<usize>, Option<ConfigError>), ConfigError> {
        let mut state = self.lock()?;
        let state = &mut *state;
        let is_loaded = state.is_loaded.clone();
        let missing = contents.iter().filter(|(layer, _)| !is_loaded[*layer]);
        if missing.clone().next().is_none() {
            return Ok((Vec::new(), None));
        }
        let missing = missing.cloned().collect();
        let Err(error) = self.try_cached(state, missing) else {
            return Ok((Vec::new(), None));
        };
        let are_all_missing = contents.iter().all(|(layer, _)| !is_loaded[*layer]);
        if are_all_missing || mutant("live_wrong_answer_spoils_the_cache") {
            return Err(error);
        }
        let layers = contents.iter().map(|(layer, _)| *layer);
        let replaced: Vec<usize> = layers.filter(|layer| is_loaded[*layer]).collect();
        if self.try_cached(state, contents).is_err() {
            return Err(error);
        }
        for &layer in &replaced {
            // The next answer may not be wrong.
            self.again[layer].store(true, Ordering::SeqCst);
        }
        Ok((replaced, Some(error)))
    }

    fn try_cached(
        &self,
        state: &mut State,
        contents: Vec<(usize, Contents)>,
    ) -> Result<(), ConfigError> {
        let before = state.is_loaded.clone();
        let mut taken = Vec::new();
        let merged = contents.into_iter().try_for_each(|(layer, contents)| {
            taken.push((layer, state.merge.apply(layer, Update::Contents(contents))?));
            state.is_loaded[layer] = true;
            Ok(())
        });
        let is_complete = state.is_loaded.iter().all(|is_loaded| *is_loaded);
        let built = merged
            .and_then(|()| {
                taken
                    .iter()
                    .try_for_each(|(_, merged)| state.merge.check_conflicts(merged))
            })
            .and_then(|()| match is_complete {
                true => self.build(&state.merge, &state.rules, &taken).map(Some),
                false => Ok(None),
            });
        match built {
            Ok(built) => {
                for (layer, _) in taken {
                    self.from_cache[layer].store(true, Ordering::SeqCst);
                }
                if let Some(config) = built {
                    self.publish(config);
                }
                Ok(())
            }
            Err(error) => {
                for (_, merged) in taken.into_iter().rev() {
                    state.merge.undo(merged);
                }
                state.is_loaded = before;
                Err(error)
            }
        }
    }

    /// Returns whether a layer has contents.
    pub(crate) fn has_loaded(&self, layer: usize) -> bool {
        self.state().is_loaded[layer]
    }

    /// Returns whether a layer has its contents from the cache.
    pub(crate) fn is_from_cache(&self) -> bool {
        let mut from_cache = self.from_cache.iter();
        from_cache.any(|is_from_cache| is_from_cache.load(Ordering::SeqCst))
    }

    pub(crate) fn layer_name(&self, layer: usize) -> Arc<str> {
        Arc::clone(&self.shared.layers[layer].name)
    }

    /// Reports an error of the cache.
    pub(crate) fn report_cache(&self, error: &ConfigError) {
        self.progress.cache_failed(error);
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
        emit_event(revision, keys);
        revision
    }

    /// Builds a revision: its sections, and its checks.
    fn build(
        &self,
        merge: &Merge,
        rules: &Rules,
        taken: &[(usize, Merged)],
    ) -> Result<Config, ConfigError> {
        let old = self.published.snapshot();
        let mut config = Config {
            view: merge.view(),
            sections: Arc::clone(&old.sections),
            revision: Revision::from(u64::from(old.revision) + 1),
            shared: Arc::clone(&self.shared),
        };
        let candidate = config.clone();
        let built = self.foreign(|| {
            let mut sections = old.sections.to_vec();
            for section in &mut sections {
                let mut touched = touched(taken);
                let is_touched = touched.any(|key| section.is_for(key));
                if is_touched || !section.has_value() {
                    let path = Arc::clone(&section.path);
                    section.build(&candidate, merge.keys_in(&path))?;
                }
            }
            config.sections = sections.into();
            if rules.are_unknown_keys_refused {
                Self::check_unknown(&config, taken)?;
            }
            for check in &rules.checks {
                check(&config, &old).map_err(|error| {
                    let key = error.key().map(String::from);
                    error.or_place(|| config.place(&key?))
                })?;
            }
            Ok(config)
        });
        // The error of a check, or the text of a panic, may quote a value.
        built.map_err(|error| old.redacted(candidate.redacted(error)))
    }

    /// Refuses a key that no section reads. In the first revision it may be one of any layer.
    fn check_unknown(config: &Config, taken: &[(usize, Merged)]) -> Result<(), ConfigError> {
        let is_first = config.revision == Revision::from(1);
        let unknown = match is_first {
            true => config.keys().find(|key| config.is_unknown(key)),
            false => {
                let mut present = touched(taken).filter(|key| config.contains_key(key));
                present.find(|key| config.is_unknown(key))
            }
        };
        unknown.map_or(Ok(()), |key| Err(config.unknown(key)))
    }

    /// Adds a section, if there is none of this path and type, and builds its value. Returns its
    /// number.
    pub(super) fn add_section<T>(&self, path: &str) -> Result<usize, ConfigError>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let state = self.lock()?;
        let old = self.published.snapshot();
        let mut sections = old.sections.iter();
        if let Some(number) = sections.position(|section| section.is::<T>(path)) {
            return Ok(number);
        }
        if old.revision == Revision::default() {
            return Err(self.not_ready());
        }
        let mut section = Section::new::<T>(path);
        let built = self.foreign(|| section.build(&old, state.merge.keys_in(path)));
        built.map_err(|error| old.redacted(error))?;
        let config = Config {
            sections: old.sections.iter().cloned().chain([section]).collect(),
            revision: Revision::from(u64::from(old.revision) + 1),
            ..Config::clone(&old)
        };
        let _busy = self.busy();
        self.published.publish(config);
        Ok(old.sections.len())
    }

    /// Runs foreign code. A panic is an error.
    fn foreign<R>(&self, f: impl FnOnce() -> Result<R, ConfigError>) -> Result<R, ConfigError> {
        let _busy = self.busy();
        // A panic changes nothing that is used afterward: the update is undone.
        let result = catch_unwind(AssertUnwindSafe(f));
        result.unwrap_or_else(|payload| {
            let text = payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_string());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_else(|| "a value that is no text".into());
            let message = format!("a check or a section panicked: {text}");
            Err(ConfigError::new(ErrorKind::Panic, message))
        })
    }

    /// Stores that this thread runs foreign code, until the guard is dropped.
    fn busy(&self) -> Busy<'_> {
        self.set_busy(Some(thread::current().id()));
        Busy(self)
    }

    fn set_busy(&self, thread: Option<ThreadId>) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, ConfigError> {
        let busy = *self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if busy == Some(thread::current().id()) {
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

/// Returns the keys that updates have changed.
fn touched(taken: &[(usize, Merged)]) -> impl Iterator<Item = &str> {
    let touched = taken.iter().flat_map(|(_, merged)| &merged.touched);
    touched.map(|key| &**key)
}

/// Emits an event (feature `tracing`).
#[cfg(feature = "tracing")]
fn emit_event(revision: Revision, keys: usize) {
    tracing::info!(target: "untorn_live", revision = revision.get(), keys, "a configuration was published");
}

/// Does nothing without the feature `tracing`.
#[cfg(not(feature = "tracing"))]
fn emit_event(_: Revision, _: usize) {}

#[cfg(test)]
mod locks;
#[cfg(test)]
mod tests;
