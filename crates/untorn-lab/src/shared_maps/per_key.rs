//! Maps that are concurrent key by key: none has batches, or views of more than one key.

use dashmap::DashMap;
use untorn::map::DefaultHashBuilder;

use super::{SharedMap, Value, wanted};
use crate::keys::Key;

impl<K: Key, V: Value> SharedMap<K, V> for papaya::HashMap<K, V, DefaultHashBuilder> {
    const NAME: &'static str = "papaya";

    fn of(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        entries.into_iter().collect()
    }

    fn get(&self, key: &K) -> Option<V> {
        self.pin().get(key).cloned()
    }

    fn insert(&self, key: K, value: V) {
        self.pin().insert(key, value);
    }

    fn refresh(&self, source: Vec<(K, V)>) {
        let map = self.pin();
        let wanted = wanted(&source);
        map.retain(|key, _| wanted.contains(key));
        drop(wanted);
        for (key, value) in source {
            if map.get(&key) != Some(&value) {
                map.insert(key, value);
            }
        }
    }
}

impl<K: Key, V: Value> SharedMap<K, V> for DashMap<K, V, DefaultHashBuilder> {
    const NAME: &'static str = "dashmap";

    fn of(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        entries.into_iter().collect()
    }

    fn get(&self, key: &K) -> Option<V> {
        DashMap::get(self, key).map(|value| value.clone())
    }

    fn insert(&self, key: K, value: V) {
        DashMap::insert(self, key, value);
    }

    fn refresh(&self, source: Vec<(K, V)>) {
        use dashmap::Entry::{Occupied, Vacant};
        let wanted = wanted(&source);
        self.retain(|key, _| wanted.contains(key));
        drop(wanted);
        for (key, value) in source {
            match self.entry(key) {
                Occupied(entry) if *entry.get() == value => {}
                Occupied(mut entry) => drop(entry.insert(value)),
                Vacant(entry) => drop(entry.insert(value)),
            }
        }
    }
}

impl<K: Key, V: Value> SharedMap<K, V> for scc::HashMap<K, V, DefaultHashBuilder> {
    const NAME: &'static str = "scc::HashMap";

    fn of(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let map = Self::default();
        for (key, value) in entries {
            map.upsert_sync(key, value);
        }
        map
    }

    fn get(&self, key: &K) -> Option<V> {
        self.read_sync(key, |_, value| value.clone())
    }

    fn insert(&self, key: K, value: V) {
        self.upsert_sync(key, value);
    }

    fn refresh(&self, source: Vec<(K, V)>) {
        use scc::hash_map::Entry::{Occupied, Vacant};
        let wanted = wanted(&source);
        self.retain_sync(|key, _| wanted.contains(key));
        drop(wanted);
        for (key, value) in source {
            match self.entry_sync(key) {
                Occupied(entry) if *entry.get() == value => {}
                Occupied(mut entry) => drop(entry.insert(value)),
                Vacant(entry) => drop(entry.insert_entry(value)),
            }
        }
    }
}
