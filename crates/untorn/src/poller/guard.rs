//! The guard: contents that would remove too much are refused.

use std::fmt;

use crate::Refreshed;
use crate::mutants::mutant;

/// The contents that a poller refuses.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    allow_empty: bool,
    /// The largest share of the keys that one poll may remove, from 0 to 1.
    max_removed: f64,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            allow_empty: false,
            max_removed: 1.0,
        }
    }
}

impl Guard {
    pub(super) fn allow_empty(&mut self) {
        self.allow_empty = true;
    }

    #[track_caller]
    pub(super) fn set_max_removed(&mut self, fraction: f64) {
        assert!(
            (0.0..=1.0).contains(&fraction),
            "the share of keys that may be removed must be from 0 to 1, and is {fraction}"
        );
        self.max_removed = fraction;
    }

    /// Checks the changes to a map that has `entries` entries before them.
    pub(super) fn check(&self, entries: usize, changes: &Refreshed) -> Result<(), Refusal> {
        let removed = changes.removed;
        let is_emptied = removed > 0 && entries + changes.added == removed;
        // Rounding must not refuse 29 of 100 keys for a share of 0.29.
        let most = (entries as f64 * self.max_removed + 1e-9) as usize;
        let rule = if is_emptied && !self.allow_empty {
            Rule::NotEmpty
        } else if removed > most {
            Rule::MaxRemoved { most }
        } else {
            return Ok(());
        };
        if mutant("poller_refuses_nothing") {
            return Ok(());
        }
        Err(Refusal {
            entries,
            removed,
            rule,
        })
    }
}

/// The contents that a poller refused, in [`FailureKind::Refused`](super::FailureKind::Refused).
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use untorn::poller::{FailureKind, RefreshError};
/// use untorn::{Map, Poller};
///
/// let config = Arc::new(Map::from([("low", 10), ("high", 20)]));
/// let read = || Ok::<_, String>([("low", 10)]); // half of the response
/// let poller = Poller::every(Duration::from_secs(10), read).max_removed(0.2).start(&config)?;
/// match poller.refresh_now(Duration::from_secs(60)) {
///     Err(RefreshError::Failed(failure)) => {
///         let FailureKind::Refused(refusal) = failure.kind else { unreachable!() };
///         assert_eq!((refusal.removed, refusal.entries), (1, 2));
///     }
///     other => unreachable!("{other:?}"),
/// }
/// assert_eq!(config.len(), 2);
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The number of entries that the map has.
    pub entries: usize,
    /// The number of keys that the contents would have removed.
    pub removed: usize,
    rule: Rule,
}

/// The rule that refused contents.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    NotEmpty,
    /// The most keys that may be removed.
    MaxRemoved {
        most: usize,
    },
}

impl fmt::Display for Refusal {
    /// Formats what was refused, the reason, and the next step.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, removed) = (self.entries, self.removed);
        match self.rule {
            Rule::NotEmpty => {
                f.write_str("refused contents that would remove ")?;
                match entries {
                    1 => f.write_str("the only key")?,
                    _ => write!(f, "all {entries} keys")?,
                }
                f.write_str(
                    " of the map; if they are right, call `accept_next`, or build the poller with \
                     `allow_empty`",
                )
            }
            Rule::MaxRemoved { most } => write!(
                f,
                "refused contents that would remove {removed} of {entries} keys: at most {most} \
                 may be removed at once; if they are right, call `accept_next`, or build the \
                 poller with a larger `max_removed`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Revision;

    fn check(guard: &Guard, entries: usize, added: usize, removed: usize) -> Result<(), String> {
        let changes = Refreshed {
            revision: Revision::FIRST,
            added,
            changed: 0,
            removed,
            duplicates: 0,
        };
        let checked = guard.check(entries, &changes);
        checked.map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn only_emptying_is_refused_by_default() {
        let guard = Guard::default();
        let refused = check(&guard, 1_000, 0, 1_000).expect_err("it is emptied");
        assert!(
            refused.starts_with("refused contents that would remove all 1000 keys of the map; ")
        );
        let refused = check(&guard, 1, 0, 1).expect_err("it is emptied");
        assert!(
            refused.starts_with("refused contents that would remove the only key of the map; ")
        );
        for (entries, added, removed) in [(0, 0, 0), (0, 5, 0), (1_000, 0, 999), (7, 1, 7)] {
            assert_eq!(check(&guard, entries, added, removed), Ok(()));
        }
    }

    #[test]
    fn share_of_removed_keys_is_limited() {
        let mut guard = Guard::default();
        guard.set_max_removed(0.29);
        assert_eq!(check(&guard, 100, 0, 29), Ok(()));
        let refused = check(&guard, 100, 50, 30).expect_err("one too many");
        let start = "refused contents that would remove 30 of 100 keys: at most 29 may be removed";
        assert!(refused.starts_with(start), "{refused}");
        assert!(check(&guard, 3, 0, 1).is_err());
        guard.set_max_removed(0.0);
        assert!(check(&guard, usize::MAX, 0, 1).is_err());
        assert_eq!(check(&guard, 100, 50, 0), Ok(()));
    }

    #[test]
    fn both_rules_apply_by_themselves() {
        let mut guard = Guard::default();
        guard.allow_empty();
        assert_eq!(check(&guard, 3, 0, 3), Ok(()));
        guard.set_max_removed(0.9);
        assert!(check(&guard, 3, 0, 3).is_err());
    }
}
