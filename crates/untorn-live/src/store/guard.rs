//! The guard: contents that would remove too much of a layer are refused.

use untorn::mutants::mutant;

use super::merge::Merged;
use crate::error::{ConfigError, ErrorKind};

/// What a store refuses.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub(super) is_empty_allowed: bool,
    /// The largest share of the keys of a layer that one update may remove, from 0 to 1.
    pub(super) max_removed: f64,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            is_empty_allowed: false,
            max_removed: 1.0,
        }
    }
}

impl Guard {
    /// Checks an update of a layer. `cached` is the number of keys that the layer has in the cache,
    /// if this is its first update.
    pub(super) fn check(&self, merged: &Merged, cached: usize) -> Result<(), ConfigError> {
        if mutant("live_guard_allows_all") {
            return Ok(());
        }
        let (mut before, mut added, mut removed) = (merged.before, merged.added, merged.removed);
        if before == 0 && !mutant("live_guard_forgets_the_cache") {
            // What the source lost while the program did not run counts too.
            (before, removed, added) = (cached, cached.saturating_sub(added), 0);
        }
        let is_emptied = removed > 0 && before + added == removed;
        // Rounding must not refuse 29 of 100 keys for a share of 0.29.
        let most = (before as f64 * self.max_removed + 1e-9) as usize;
        let (message, help) = if is_emptied && !self.is_empty_allowed {
            let keys = if before == 1 {
                "the only key"
            } else {
                &*format!("all {before} keys")
            };
            let message = format!(
                "refused to remove {keys}, since an empty source is more often a \
                 mistake"
            );
            let help = "let it pass with `Store::accept`, or set `allow_empty`";
            (message, help)
        } else if removed > most {
            let message = format!(
                "refused to remove {removed} of {before} keys: at most {most} may go \
                 at once"
            );
            (message, "let it pass with `Store::accept`")
        } else {
            return Ok(());
        };
        let error = ConfigError::new(ErrorKind::Guard, message).with_help(help);
        Err(error.with_update(merged.loss()))
    }
}
