//! Changes of keys: between two revisions, or two configurations.

use serde::Serialize;
use untorn_live::{Config, Value};

use super::load::Reading;
use super::shown::Shown;
use crate::escaped::Escaped;
use crate::output::Output;

/// A change of a key.
#[derive(Serialize)]
pub(super) struct KeyChange<'c> {
    change: Kind,
    key: &'c str,
    is_secret: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Shown<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Shown<'c>>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Added,
    Changed,
    Removed,
}

impl<'c> KeyChange<'c> {
    fn new(key: &'c str, old: Option<&'c Value>, new: Option<&'c Value>, is_secret: bool) -> Self {
        let shown = |value| Shown { value, is_secret };
        Self {
            change: match (old, new) {
                (None, _) => Kind::Added,
                (_, None) => Kind::Removed,
                _ => Kind::Changed,
            },
            key,
            is_secret,
            old: old.map(shown),
            new: new.map(shown),
        }
    }

    pub(super) fn key(&self) -> &'c str {
        self.key
    }

    /// Prints it as a line: `~ port: 80 → 81`.
    pub(super) fn show(&self, output: &Output) {
        let key = self.key;
        match (self.old, self.new) {
            (Some(old), Some(new)) => {
                output.changed(Escaped(format_args!("{key}: {old} → {new}")));
            }
            (None, Some(new)) => output.added(Escaped(format_args!("{key}: {new}"))),
            (Some(old), None) => output.removed(Escaped(format_args!("{key}: {old}"))),
            (None, None) => {}
        }
    }
}

/// Returns the changes between two revisions of one store, in the order of the keys.
pub(super) fn since<'c>(old: &'c Config, new: &'c Config) -> Vec<KeyChange<'c>> {
    let changes = new.changes_since(old);
    sorted(
        changes
            .map(|change| KeyChange::new(change.key, change.old, change.new, change.is_secret))
            .collect(),
    )
}

/// Returns the changes between two configurations, or from none, in the order of the keys.
pub(super) fn between<'c>(
    old: Option<&'c Config>,
    new: &'c Config,
    reading: &Reading,
) -> Vec<KeyChange<'c>> {
    let of_new = new.iter().filter_map(|(key, value)| {
        let before = old.and_then(|old| old.get(key));
        let is_secret = || reading.is_secret(new, key);
        (before != Some(value)).then(|| KeyChange::new(key, before, Some(value), is_secret()))
    });
    let removed = old.into_iter().flat_map(|old| {
        let keys = old.iter().filter(|(key, _)| !new.contains_key(key));
        keys.map(|(key, value)| KeyChange::new(key, Some(value), None, reading.is_secret(old, key)))
    });
    sorted(of_new.chain(removed).collect())
}

fn sorted(mut changes: Vec<KeyChange<'_>>) -> Vec<KeyChange<'_>> {
    changes.sort_unstable_by_key(KeyChange::key);
    changes
}
