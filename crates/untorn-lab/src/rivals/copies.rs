//! A `HashMap` that is replaced by a changed copy, or held twice and swapped.

use std::sync::{Mutex, PoisonError};

use arc_swap::{ArcSwap, Cache};
use left_right::{Absorb, ReadHandleFactory, WriteHandle};

use super::{COPIES_ALL, Guarantee, Keys, Pair, Plain, Rival, first};

fn swap() -> ArcSwap<Plain> {
    ArcSwap::from_pointee(first().collect())
}

/// Replaces the map. With one writer, the copy cannot miss another thread's change.
fn clone_and_swap(map: &ArcSwap<Plain>, refresh: u64) {
    let mut copy = Plain::clone(&map.load());
    copy.insert("1", refresh);
    copy.insert("2", refresh);
    map.store(copy.into());
}

pub(super) struct ArcSwapLoad;

impl Rival for ArcSwapLoad {
    const NAME: &'static str = "arc-swap";
    const IDIOM: &'static str = "ArcSwap<HashMap>, one load";
    const GUARANTEE: Guarantee = Guarantee::Pairs;
    const REMARK: Option<&'static str> = Some(COPIES_ALL);

    type Map = ArcSwap<Plain>;

    fn map() -> Self::Map {
        swap()
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| clone_and_swap(map, refresh)
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |[one, two]| {
            let map = map.load();
            Some((*map.get(one)?, *map.get(two)?))
        }
    }
}

pub(super) struct ArcSwapCache;

impl Rival for ArcSwapCache {
    const NAME: &'static str = "arc-swap-cache";
    const IDIOM: &'static str = "ArcSwap<HashMap>, a Cache each";
    const GUARANTEE: Guarantee = Guarantee::Pairs;
    const REMARK: Option<&'static str> = Some(COPIES_ALL);

    type Map = ArcSwap<Plain>;

    fn map() -> Self::Map {
        swap()
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| clone_and_swap(map, refresh)
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        let mut cache = Cache::new(map);
        move |[one, two]| {
            let map = cache.load();
            Some((*map.get(one)?, *map.get(two)?))
        }
    }
}

/// The value that [`left_right`] holds twice. (`evmap` builds on it, but holds a bag of values for
/// each key.)
#[derive(Clone)]
pub(super) struct Side(Plain);

/// Sets the value of a key.
pub(super) struct Insert(&'static str, u64);

impl Absorb<Insert> for Side {
    fn absorb_first(&mut self, Insert(key, refresh): &mut Insert, _: &Self) {
        self.0.insert(key, *refresh);
    }

    fn sync_with(&mut self, first: &Self) {
        self.clone_from(first);
    }
}

pub(super) struct LeftRight;

impl Rival for LeftRight {
    const NAME: &'static str = "left-right";
    const IDIOM: &'static str = "HashMap held twice, one enter";
    const GUARANTEE: Guarantee = Guarantee::Pairs;
    const REMARK: Option<&'static str> = Some(
        "each write is done twice, in two copies, and a refresh blocks until all readers that were inside have left",
    );

    type Map = (Mutex<WriteHandle<Side, Insert>>, ReadHandleFactory<Side>);

    fn map() -> Self::Map {
        let (mut writer, reader) = left_right::new_from_empty(Side(first().collect()));
        writer.publish();
        (Mutex::new(writer), reader.factory())
    }

    fn writer((writer, _): &Self::Map) -> impl FnMut(u64) {
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        move |refresh| {
            writer.append(Insert("1", refresh));
            writer.append(Insert("2", refresh));
            writer.publish();
        }
    }

    fn reader((_, readers): &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        let reader = readers.handle();
        move |[one, two]| {
            let map = reader.enter()?;
            Some((*map.0.get(one)?, *map.0.get(two)?))
        }
    }
}
