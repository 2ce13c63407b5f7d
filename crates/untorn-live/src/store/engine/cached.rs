//! What the engine has from the cache.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use untorn::mutants::mutant;

use super::{Engine, Recorded, State, Update};
use crate::error::ConfigError;
use crate::layer::Contents;
use crate::panic;

impl Engine {
    /// Stores how many keys the layers have in the cache.
    pub(crate) fn set_cached(&self, layer: usize, keys: usize) {
        self.state().cached[layer] = keys;
    }

    /// Takes the contents of the layers that have not answered, and publishes the first revision.
    /// If that is refused, since a layer has answered with contents that are wrong, all contents
    /// are taken; if that is refused too, nothing is taken.
    pub(crate) fn take_from_cache(
        &self,
        contents: Vec<(usize, Contents)>,
    ) -> Result<(), ConfigError> {
        // A callback must not run under the lock.
        for refusal in self.take_locked(contents)? {
            self.progress.report_refusal(&refusal);
        }
        Ok(())
    }

    /// Takes contents from the cache. Records the refusals of the answers that they replace, and
    /// returns these.
    fn take_locked(&self, contents: Vec<(usize, Contents)>) -> Result<Vec<Recorded>, ConfigError> {
        let mut state = self.lock()?;
        let state = &mut *state;
        let is_loaded = state.is_loaded.clone();
        let missing = contents.iter().filter(|(layer, _)| !is_loaded[*layer]);
        if missing.clone().next().is_none() {
            return Ok(Vec::new());
        }
        let missing = missing.cloned().collect();
        let Err(error) = self.try_cached(state, missing, &[]) else {
            return Ok(Vec::new());
        };
        let are_all_missing = contents.iter().all(|(layer, _)| !is_loaded[*layer]);
        if are_all_missing || mutant("live_wrong_answer_spoils_the_cache") {
            return Err(error);
        }
        let layers = contents.iter().map(|(layer, _)| *layer);
        let replaced: Vec<_> = layers.filter(|layer| is_loaded[*layer]).collect();
        let Ok(positions) = self.try_cached(state, contents, &replaced) else {
            return Err(error);
        };
        let record = |(layer, position)| {
            let error = self.of_layer(layer, error.clone());
            let mut recorded = self.progress.record_refusal(layer, &error);
            recorded.position = position;
            recorded
        };
        let replaced = replaced.into_iter().zip(positions);
        Ok(replaced.map(record).collect())
    }

    /// Merges contents of the cache, and publishes them once there are those of all layers. Returns
    /// the positions of the answers that they have `replaced`.
    fn try_cached(
        &self,
        state: &mut State,
        contents: Vec<(usize, Contents)>,
        replaced: &[usize],
    ) -> Result<Vec<Option<u64>>, ConfigError> {
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
                // Those that wait for a position are foreign code too.
                let _busy = self.busy();
                let replaced = replaced.iter().map(|&layer| {
                    // The source may still have what was replaced, and it may be right by then.
                    self.whole[layer].store(true, Ordering::SeqCst);
                    self.progress.replaced(layer)
                });
                let positions = replaced.collect();
                if let Some(config) = built {
                    // It is in force also if what it wakes panics.
                    panic::contain(|| _ = self.publish(config));
                }
                Ok(positions)
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

    /// Returns whether all of these layers have their contents from the cache.
    pub(crate) fn are_from_cache(&self, layers: &[usize]) -> bool {
        let mut layers = layers.iter();
        layers.all(|layer| self.from_cache[*layer].load(Ordering::SeqCst))
    }

    /// Returns the time of the oldest contents of these layers, as far as they have answered.
    pub(crate) fn oldest(&self, layers: &[usize]) -> Option<SystemTime> {
        self.progress.oldest(layers)
    }

    /// Returns whether a layer has its contents from the cache.
    pub(crate) fn is_from_cache(&self) -> bool {
        let mut from_cache = self.from_cache.iter();
        from_cache.any(|is_from_cache| is_from_cache.load(Ordering::SeqCst))
    }

    /// Reports an error of the cache.
    pub(crate) fn report_cache(&self, error: &ConfigError) {
        self.progress.cache_failed(error);
    }
}
