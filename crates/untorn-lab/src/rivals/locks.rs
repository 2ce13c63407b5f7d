//! A `HashMap` behind a lock, which is held for both keys; and one that is not written to.

use std::sync::{Mutex, RwLock};

use super::{Guarantee, Keys, Pair, Plain, Rival, first};

fn write_both(map: &mut Plain, refresh: u64) {
    map.insert("1", refresh);
    map.insert("2", refresh);
}

fn read_both(map: &Plain, [one, two]: Keys) -> Option<Pair> {
    Some((*map.get(one)?, *map.get(two)?))
}

/// Not a map for this traffic, since it is never refreshed: it shows the cost of the reads alone,
/// and the delays of the scheduler.
pub(super) struct Unwritten;

impl Rival for Unwritten {
    const NAME: &'static str = "unwritten";
    const IDIOM: &'static str = "HashMap without writes";
    const GUARANTEE: Guarantee = Guarantee::Pairs;
    const REMARK: Option<&'static str> =
        Some("never refreshed: the cost of the reads, and the lateness of threads without any map");

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
    const GUARANTEE: Guarantee = Guarantee::Pairs;

    type Map = Mutex<Plain>;

    fn map() -> Self::Map {
        Mutex::new(first().collect())
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| write_both(&mut map.lock().expect("not poisoned"), refresh)
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |keys| read_both(&map.lock().expect("not poisoned"), keys)
    }
}

pub(super) struct StdRwLock;

impl Rival for StdRwLock {
    const NAME: &'static str = "rwlock";
    const IDIOM: &'static str = "RwLock<HashMap> of std";
    const GUARANTEE: Guarantee = Guarantee::Pairs;

    type Map = RwLock<Plain>;

    fn map() -> Self::Map {
        RwLock::new(first().collect())
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| write_both(&mut map.write().expect("not poisoned"), refresh)
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |keys| read_both(&map.read().expect("not poisoned"), keys)
    }
}

pub(super) struct ParkingLot;

impl Rival for ParkingLot {
    const NAME: &'static str = "parking-lot";
    const IDIOM: &'static str = "RwLock<HashMap> of parking_lot";
    const GUARANTEE: Guarantee = Guarantee::Pairs;

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
