//! Maps that are concurrent key by key: none can write, or read, two keys atomically.

use scc::Guard;
use scc::hash_index::Entry;
use untorn::map::DefaultHashBuilder;

use super::{Guarantee, Keys, Pair, Rival, first};

pub(super) struct DashMap;

impl Rival for DashMap {
    const NAME: &'static str = "dashmap";
    const IDIOM: &'static str = "DashMap, two gets";
    const GUARANTEE: Guarantee = Guarantee::PerKey;

    type Map = dashmap::DashMap<&'static str, u64, DefaultHashBuilder>;

    fn map() -> Self::Map {
        first().collect()
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| {
            map.insert("1", refresh);
            map.insert("2", refresh);
        }
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        // Each reference is a read lock of a shard; it is dropped before the next one is taken.
        |[one, two]| {
            let one = *map.get(one)?;
            let two = *map.get(two)?;
            Some((one, two))
        }
    }
}

pub(super) struct Papaya;

impl Rival for Papaya {
    const NAME: &'static str = "papaya";
    const IDIOM: &'static str = "HashMap, one pin, two gets";
    const GUARANTEE: Guarantee = Guarantee::PerKey;

    type Map = papaya::HashMap<&'static str, u64, DefaultHashBuilder>;

    fn map() -> Self::Map {
        first().collect()
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| {
            let map = map.pin();
            map.insert("1", refresh);
            map.insert("2", refresh);
        }
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |[one, two]| {
            let map = map.pin();
            Some((*map.get(one)?, *map.get(two)?))
        }
    }
}

pub(super) struct Scc;

impl Rival for Scc {
    const NAME: &'static str = "scc";
    const IDIOM: &'static str = "HashMap, two read_sync";
    const GUARANTEE: Guarantee = Guarantee::PerKey;

    type Map = scc::HashMap<&'static str, u64, DefaultHashBuilder>;

    fn map() -> Self::Map {
        let map = Self::Map::default();
        for (key, refresh) in first() {
            map.upsert_sync(key, refresh);
        }
        map
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| {
            map.upsert_sync("1", refresh);
            map.upsert_sync("2", refresh);
        }
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |[one, two]| {
            let one = map.read_sync(one, |_, refresh| *refresh)?;
            let two = map.read_sync(two, |_, refresh| *refresh)?;
            Some((one, two))
        }
    }
}

pub(super) struct SccIndex;

impl Rival for SccIndex {
    const NAME: &'static str = "scc-index";
    const IDIOM: &'static str = "HashIndex, one guard, two peeks";
    const GUARANTEE: Guarantee = Guarantee::PerKey;
    const REMARK: Option<&'static str> = Some(
        "made for values that seldom change: an update is an insert and a removal, and a peek in between may find neither",
    );

    type Map = scc::HashIndex<&'static str, u64, DefaultHashBuilder>;

    fn map() -> Self::Map {
        let map = Self::Map::default();
        for (key, refresh) in first() {
            map.entry_sync(key).or_insert(refresh);
        }
        map
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        let update = |key, refresh| match map.entry_sync(key) {
            Entry::Occupied(mut entry) => entry.update(refresh),
            Entry::Vacant(entry) => drop(entry.insert_entry(refresh)),
        };
        move |refresh| {
            update("1", refresh);
            update("2", refresh);
        }
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |[one, two]| {
            let guard = Guard::new();
            Some((*map.peek(one, &guard)?, *map.peek(two, &guard)?))
        }
    }
}
