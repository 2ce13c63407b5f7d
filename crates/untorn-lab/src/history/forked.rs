//! A fork as plain contents, for maps that have none of their own.

use super::model::{Contents, Key, Value, len};
use super::subject::{BatchOps, Keep};

/// The contents of a fork.
pub(super) struct Forked(pub(super) Contents);

impl BatchOps for Forked {
    fn get(&self, key: Key) -> Option<Value> {
        self.0[usize::from(key)]
    }
    fn contains_key(&self, key: Key) -> bool {
        self.get(key).is_some()
    }
    fn len(&self) -> usize {
        len(&self.0)
    }
    fn insert(&mut self, key: Key, value: Value) -> Option<Value> {
        self.0[usize::from(key)].replace(value)
    }
    fn remove(&mut self, key: Key) -> Option<Value> {
        self.0[usize::from(key)].take()
    }
    fn clear(&mut self) {
        self.0 = Contents::default();
    }
    fn retain(&mut self, keep: &mut Keep<'_>) {
        for (key, entry) in (0..).zip(&mut self.0) {
            *entry = entry.filter(|value| keep(key, *value));
        }
    }
}
