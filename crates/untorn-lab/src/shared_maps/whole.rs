//! Maps that are read as a whole.

use std::mem;
use std::sync::RwLock;

use arc_swap::ArcSwap;
use untorn::map::DefaultHashBuilder;
use untorn::{Map, Published};

use super::{Plain, SharedMap, Value};
use crate::keys::Key;

impl<K: Key, V: Value> SharedMap<K, V> for Map<K, V> {
    const NAME: &'static str = "Map";

    fn of(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        entries.into_iter().collect()
    }

    fn get(&self, key: &K) -> Option<V> {
        Map::get(self, key)
    }

    fn insert(&self, key: K, value: V) {
        Map::insert(self, key, value);
    }

    fn refresh(&self, source: Vec<(K, V)>) {
        Map::refresh(self, source);
    }
}

/// Returns a copy with one entry inserted.
fn with<K: Key, V: Value>(map: &Plain<K, V>, key: &K, value: &V) -> Plain<K, V> {
    let mut copy = map.clone();
    copy.insert(key.clone(), value.clone());
    copy
}

impl<K: Key, V: Value> SharedMap<K, V> for Published<Plain<K, V>> {
    const NAME: &'static str = "Published of a HashMap";
    const COPIES_ALL: bool = true;

    fn of(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::new(entries.into_iter().collect())
    }

    fn get(&self, key: &K) -> Option<V> {
        self.pin().get(key).cloned()
    }

    fn insert(&self, key: K, value: V) {
        self.update(|map| with(map, &key, &value));
    }

    fn refresh(&self, source: Vec<(K, V)>) {
        self.publish(source.into_iter().collect());
    }
}

impl<K: Key, V: Value> SharedMap<K, V> for ArcSwap<Plain<K, V>> {
    const NAME: &'static str = "ArcSwap of a HashMap";
    const COPIES_ALL: bool = true;

    fn of(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::from_pointee(entries.into_iter().collect())
    }

    fn get(&self, key: &K) -> Option<V> {
        self.load().get(key).cloned()
    }

    fn insert(&self, key: K, value: V) {
        // Copies again if another writer was faster.
        self.rcu(|map| with(map, &key, &value));
    }

    fn refresh(&self, source: Vec<(K, V)>) {
        let fresh: Plain<K, V> = source.into_iter().collect();
        self.store(fresh.into());
    }
}

impl<K: Key, V: Value> SharedMap<K, V> for RwLock<Plain<K, V>> {
    const NAME: &'static str = "std RwLock of a HashMap";

    fn of(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::new(entries.into_iter().collect())
    }

    fn get(&self, key: &K) -> Option<V> {
        self.read().expect("not poisoned").get(key).cloned()
    }

    fn insert(&self, key: K, value: V) {
        self.write().expect("not poisoned").insert(key, value);
    }

    fn refresh(&self, source: Vec<(K, V)>) {
        let fresh = source.into_iter().collect();
        // The old entries are dropped after the lock is released.
        let old = mem::replace(&mut *self.write().expect("not poisoned"), fresh);
        drop(old);
    }
}

impl<K: Key, V: Value> SharedMap<K, V> for parking_lot::RwLock<Plain<K, V>> {
    const NAME: &'static str = "parking_lot RwLock of a HashMap";

    fn of(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::new(entries.into_iter().collect())
    }

    fn get(&self, key: &K) -> Option<V> {
        self.read().get(key).cloned()
    }

    fn insert(&self, key: K, value: V) {
        self.write().insert(key, value);
    }

    fn refresh(&self, source: Vec<(K, V)>) {
        let fresh = source.into_iter().collect();
        let old = mem::replace(&mut *self.write(), fresh);
        drop(old);
    }
}

/// A map whose contents at one moment can be held while writers go on.
pub trait SeenWhole<K: Key, V: Value>: SharedMap<K, V> {
    /// The name of the row in which a view is held.
    const HELD: &'static str;

    /// Runs `work` while a view is held, and returns its result.
    fn hold<R>(&self, work: impl FnOnce() -> R) -> R;
}

impl<K: Key, V: Value> SeenWhole<K, V> for Map<K, V> {
    const HELD: &'static str = "Map, a snapshot held";

    fn hold<R>(&self, work: impl FnOnce() -> R) -> R {
        let _held = self.snapshot();
        work()
    }
}

impl<K: Key, V: Value> SeenWhole<K, V> for ArcSwap<Plain<K, V>> {
    const HELD: &'static str = "ArcSwap of a HashMap, an Arc held";

    fn hold<R>(&self, work: impl FnOnce() -> R) -> R {
        let _held = self.load_full();
        work()
    }
}

/// A pin holds no contents, only what was replaced since: memory as a view, without its guarantee.
impl<K: Key, V: Value> SeenWhole<K, V> for papaya::HashMap<K, V, DefaultHashBuilder> {
    const HELD: &'static str = "papaya, a pin held";

    fn hold<R>(&self, work: impl FnOnce() -> R) -> R {
        let _held = self.pin();
        work()
    }
}
