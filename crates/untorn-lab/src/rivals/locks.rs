//! A `HashMap` behind a lock, which is held for both keys; and one that nobody writes to.

use std::sync::{Mutex, RwLock};

use super::{Keys, Pair, Plain, Promise, Rival, first};

fn write_both(map: &mut Plain, refresh: u64) {
    map.insert("1", refresh);
    map.insert("2", refresh);
}

fn read_both(map: &Plain, [one, two]: Keys) -> Option<Pair> {
    Some((*map.get(one)?, *map.get(two)?))
}

/// No map for this traffic, since it is never refreshed: what the reads themselves cost, and what the scheduler adds.
pub(super) struct Unwritten;

impl Rival for Unwritten {
    const NAME: &'static str = "unwritten";
    const IDIOM: &'static str = "HashMap that nobody writes to";
    const PROMISE: Promise = Promise::Pairs;
    const REMARK: Option<&'static str> =
        Some("never refreshed: what the reads cost, and how late threads are without any map");

    type Map = Plain;

    fn map() -> Self::Map {
        first().collect()
    }

    fn writer(_: &Self::Map) -> impl FnMut(u64) {
        |_| {}
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |keys| read_both(map, keys)
    }
}

pub(super) struct StdMutex;

impl Rival for StdMutex {
    const NAME: &'static str = "mutex";
    const IDIOM: &'static str = "Mutex<HashMap> of std";
    const PROMISE: Promise = Promise::Pairs;

    type Map = Mutex<Plain>;

    fn map() -> Self::Map {
        Mutex::new(first().collect())
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| write_both(&mut map.lock().expect("nobody panics"), refresh)
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |keys| read_both(&map.lock().expect("nobody panics"), keys)
    }
}

pub(super) struct StdRwLock;

impl Rival for StdRwLock {
    const NAME: &'static str = "rwlock";
    const IDIOM: &'static str = "RwLock<HashMap> of std";
    const PROMISE: Promise = Promise::Pairs;

    type Map = RwLock<Plain>;

    fn map() -> Self::Map {
        RwLock::new(first().collect())
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| write_both(&mut map.write().expect("nobody panics"), refresh)
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |keys| read_both(&map.read().expect("nobody panics"), keys)
    }
}

pub(super) struct ParkingLot;

impl Rival for ParkingLot {
    const NAME: &'static str = "parking-lot";
    const IDIOM: &'static str = "RwLock<HashMap> of parking_lot";
    const PROMISE: Promise = Promise::Pairs;

    type Map = parking_lot::RwLock<Plain>;

    fn map() -> Self::Map {
        parking_lot::RwLock::new(first().collect())
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| write_both(&mut map.write(), refresh)
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |keys| read_both(&map.read(), keys)
    }
}
