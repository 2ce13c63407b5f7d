//! untorn, in the ways it can be used.

use untorn::Map;

use super::{COPIES_ALL, Guarantee, Keys, Pair, Plain, Rival, first};

type Config = Map<&'static str, u64>;

const COPIES_SOME: &str = "each refresh copies the segments that it writes to";

fn write_together(map: &Config, refresh: u64) {
    map.batch(|batch| {
        batch.insert("1", refresh);
        batch.insert("2", refresh);
    });
}

pub(super) struct Pinned;

impl Rival for Pinned {
    const NAME: &'static str = "untorn";
    const IDIOM: &'static str = "Map, one batch, one pin";
    const GUARANTEE: Guarantee = Guarantee::Pairs;
    const REMARK: Option<&'static str> = Some(COPIES_SOME);

    type Map = Config;

    fn map() -> Self::Map {
        first().collect()
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| write_together(map, refresh)
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |[one, two]| {
            let view = map.pin();
            Some((*view.get(one)?, *view.get(two)?))
        }
    }
}

pub(super) struct ByReader;

impl Rival for ByReader {
    const NAME: &'static str = "untorn-reader";
    const IDIOM: &'static str = "Map, one batch, a Reader each";
    const GUARANTEE: Guarantee = Guarantee::Pairs;
    const REMARK: Option<&'static str> = Some(COPIES_SOME);

    type Map = Config;

    fn map() -> Self::Map {
        first().collect()
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| write_together(map, refresh)
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        let mut reader = map.reader();
        move |[one, two]| {
            let view = reader.latest();
            Some((*view.get(one)?, *view.get(two)?))
        }
    }
}

/// The note's program with one word changed: each insert is a commit, and each get reads the newest
/// version by itself.
pub(super) struct OneWord;

impl Rival for OneWord {
    const NAME: &'static str = "untorn-one-word";
    const IDIOM: &'static str = "Map, two inserts, two gets";
    const GUARANTEE: Guarantee = Guarantee::PerKey;
    const REMARK: Option<&'static str> = Some(COPIES_SOME);

    type Map = Config;

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
        |[one, two]| {
            let one = map.get(one)?;
            let two = map.get(two)?;
            Some((one, two))
        }
    }
}

pub(super) struct Published;

impl Rival for Published {
    const NAME: &'static str = "untorn-published";
    const IDIOM: &'static str = "Published<HashMap>, a Reader each";
    const GUARANTEE: Guarantee = Guarantee::Pairs;
    const REMARK: Option<&'static str> = Some(COPIES_ALL);

    type Map = untorn::Published<Plain>;

    fn map() -> Self::Map {
        untorn::Published::new(first().collect())
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| {
            map.update(|map| {
                let mut copy = map.clone();
                copy.insert("1", refresh);
                copy.insert("2", refresh);
                copy
            });
        }
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        let mut reader = map.reader();
        move |[one, two]| {
            let map = reader.latest();
            Some((*map.get(one)?, *map.get(two)?))
        }
    }
}
