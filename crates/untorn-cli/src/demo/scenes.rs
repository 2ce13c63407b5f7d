//! Prepared tables, one for each branch of a look-up, in the order of the note's source.

use std::borrow::Borrow;
use std::hash::Hasher;

use untorn::gomap::{Key, Lookup, SeededBuildHasher, Step, Table};

use untorn::Overlap;

use super::meeting;

/// A table, a key to ask it for, and what the look-up tells.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    /// What the table holds.
    pub(crate) table: &'static str,
    /// What is looked up.
    pub(crate) asked: &'static str,
    pub(crate) look_up: fn() -> Told,
    /// The step that the scene is for, where it is told by steps.
    #[cfg_attr(not(test), allow(dead_code, reason = "a test compares"))]
    pub(crate) shows: fn(&Step) -> bool,
}

/// What a look-up came to.
pub(crate) enum Told {
    Path(Lookup),
    /// The look-up met a writer.
    Report(Box<Overlap>),
}

/// Hashes a number to itself, so that a scene can choose bucket (low bits) and tophash (top eight bits).
#[derive(Clone, Copy, Default)]
struct Chosen;

impl SeededBuildHasher for Chosen {
    type Hasher = ChosenHasher;

    fn build_hasher(&self, _hash0: u64) -> ChosenHasher {
        ChosenHasher(0)
    }
}

struct ChosenHasher(u64);

impl Hasher for ChosenHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("the scenes hash numbers");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// A number with this tophash in bucket `bucket`, told apart by `n`.
const fn number(tophash: u64, bucket: u64, n: u64) -> u64 {
    tophash << 56 | n << 16 | bucket
}

type Numbers = Table<u64, &'static str, Chosen>;

fn numbers(keys: impl IntoIterator<Item = u64>) -> Numbers {
    keys.into_iter().map(|key| (key, "elem")).collect()
}

/// Twenty-seven bytes in the middle that do not matter to the ends of a long key.
const MIDDLE: &str = "-a-rather-long-middle-part-";

fn long(start: &str, middle: &str, end: &str) -> String {
    format!("{start}{MIDDLE}{middle}{end}")
}

fn path<K, V, S, Q>(table: &Table<K, V, S>, key: &Q) -> Told
where
    K: Key + Borrow<Q>,
    S: SeededBuildHasher,
    Q: Key + ?Sized,
{
    Told::Path(table.trace(key))
}

/// Every scene, in the order of the note's source.
pub(crate) fn all() -> Vec<Scene> {
    let mut scenes = before_the_buckets();
    scenes.extend(one_bucket());
    scenes.extend(hashed());
    scenes.extend(growing());
    scenes
}

/// The name of every scene, in order.
pub(crate) fn names() -> Vec<&'static str> {
    all().iter().map(|scene| scene.name).collect()
}

fn before_the_buckets() -> Vec<Scene> {
    vec![
        Scene {
            name: "nil",
            table: "a nil map",
            asked: "any key",
            look_up: || path(&Table::<&str, u8>::nil(), "1"),
            shows: |step| *step == Step::Nil,
        },
        Scene {
            name: "empty",
            table: "a map without entries",
            asked: "any key",
            look_up: || path(&Table::<&str, u8>::new(), "1"),
            shows: |step| *step == Step::Empty,
        },
        Scene {
            name: "hash_writing",
            table: "a map that another thread is writing to",
            asked: "any key: this is the branch that the note's program dies in",
            look_up: || Told::Report(Box::new(meeting::meet_a_writer())),
            shows: |_| false,
        },
    ]
}

fn one_bucket() -> Vec<Scene> {
    let is = |name, table, asked, look_up, shows| Scene {
        name,
        table,
        asked,
        look_up,
        shows,
    };
    vec![
        is(
            "short-key",
            "\"1\", \"2\" and \"long\": one bucket",
            "\"2\", another string of the same bytes: length, then bytes",
            || {
                let table = Table::from([("1", 1), ("long", 0), ("2", 2)]);
                path(&table, &*String::from("2"))
            },
            |step| matches!(step, Step::BytesCompared { equal: true, .. }),
        ),
        is(
            "same-pointer",
            "the same three keys",
            "the very string that is stored: its bytes are not looked at",
            || {
                let stored = "2";
                path(&Table::from([("1", 1), (stored, 2)]), stored)
            },
            |step| matches!(step, Step::SamePointer { .. }),
        ),
        is(
            "short-missing",
            "\"1\", \"2\", \"3\", and \"2\" deleted",
            "\"4\": the empty slot is passed, empty_rest ends the scan",
            || {
                let mut table = Table::from([("1", 1), ("2", 2), ("3", 3)]);
                table.remove("2");
                path(&table, "4")
            },
            |step| matches!(step, Step::EmptySlot { rest: true, .. }),
        ),
        is(
            "31-bytes",
            "two keys of 31 bytes",
            "a third of 31 bytes: still a short key, compared with both",
            || {
                let table = Table::from([31, 32].map(|n| (format!("{n:031}"), n)));
                path(&table, &*format!("{:031}", 33))
            },
            |step| matches!(step, Step::BytesCompared { equal: false, .. }),
        ),
        is(
            "long-key",
            "three long keys of one length, two of which differ at an end",
            "a long key: length, first four and last four bytes; one candidate is remembered (keymaybe)",
            || {
                let keys = [
                    long("aaaa", "1", "zzzz"),
                    long("head", "1", "zzzz"),
                    long("head", "1", "tail"),
                ];
                let table: Table<_, _> = keys.into_iter().zip(0..).collect();
                path(&table, &*long("head", "1", "tail"))
            },
            |step| matches!(step, Step::KeyMaybeCompared { equal: true, .. }),
        ),
        is(
            "keymaybe-fails",
            "one long key that looks like the one asked for",
            "the candidate is compared once, and is not the key",
            || {
                let table = Table::from([(long("head", "1", "tail"), 1)]);
                path(&table, &*long("head", "2", "tail"))
            },
            |step| matches!(step, Step::KeyMaybeCompared { equal: false, .. }),
        ),
        is(
            "second-candidate",
            "two long keys that differ in the middle only",
            "the second: a second candidate, so goto dohash",
            || {
                let keys = [long("head", "1", "tail"), long("head", "2", "tail")];
                let table: Table<_, _> = keys.into_iter().zip(0..).collect();
                path(&table, &*long("head", "2", "tail"))
            },
            |step| matches!(step, Step::SecondCandidate { .. }),
        ),
        is(
            "word-key",
            "three numbers: one bucket",
            "a key of eight bytes (mapaccess1_fast64): compared as a word, never hashed",
            || path(&Table::from([(1_u64, 1), (2, 2), (3, 3)]), &2_u64),
            |step| *step == Step::OneBucketWord,
        ),
    ]
}

fn hashed() -> Vec<Scene> {
    vec![
        Scene {
            name: "hashed",
            table: "nine keys: two buckets",
            asked: "one of them: the low bit chooses the bucket, the tophash the slot",
            look_up: || {
                let table = settled(9);
                path(&table, &number(0x24, 0, 4))
            },
            shows: |step| matches!(step, Step::Compared { equal: true, .. }),
        },
        Scene {
            name: "hashed-missing",
            table: "the same",
            asked: "a key whose tophash is in its bucket already: compared, and different",
            look_up: || path(&settled(9), &number(0x24, 0, 99)),
            shows: |step| matches!(step, Step::Compared { equal: false, .. }),
        },
        Scene {
            name: "overflow",
            table: "ten keys of one bucket, two of the other: eight fit, two hang behind",
            asked: "the tenth: on to the overflow bucket",
            look_up: || {
                let here = (0..10).map(|n| number(0x20 + n, 0, n));
                let there = (0..2).map(|n| number(0x20 + n, 1, n));
                let table = numbers(here.chain(there));
                path(&table, &number(0x29, 0, 9))
            },
            shows: |step| *step == Step::Overflow,
        },
    ]
}

/// A table of `count` numbers over two buckets that is not growing any more.
fn settled(count: u64) -> Numbers {
    let mut table = numbers((0..count).map(|n| number(0x20 + n, n & 1, n)));
    while table.stats().growth.is_some() {
        // A write that changes nothing still evacuates.
        table.remove(&number(0xff, 1, 77));
    }
    table
}

/// Twenty-seven numbers: the last began the doubling of four buckets to eight and evacuated two of them.
fn doubling() -> Numbers {
    numbers((0..27).map(|n| number(0x20 + n, n & 7, n)))
}

/// A key that is still read in its old bucket.
fn waiting_key(table: &Numbers) -> u64 {
    let waits = |key: &&u64| {
        let read_there = |step: &Step| {
            matches!(
                step,
                Step::OldBucket {
                    evacuated: false,
                    ..
                }
            )
        };
        table.trace(*key).steps().iter().any(read_there)
    };
    *table
        .keys()
        .find(waits)
        .expect("some old buckets are waiting")
}

fn growing() -> Vec<Scene> {
    vec![
        Scene {
            name: "old-bucket",
            table: "a table in the middle of doubling from four buckets to eight",
            asked: "a key whose old bucket is not evacuated: it is read there, the mask one bit shorter",
            look_up: || {
                let table = doubling();
                path(&table, &waiting_key(&table))
            },
            shows: |step| {
                matches!(
                    step,
                    Step::OldBucket {
                        same_size: false,
                        evacuated: false,
                        ..
                    }
                )
            },
        },
        Scene {
            name: "evacuated",
            table: "the same",
            asked: "a key whose old bucket is evacuated: it is read in the new one",
            look_up: || path(&doubling(), &number(0x20 + 26, 26 & 7, 26)),
            shows: |step| {
                matches!(
                    step,
                    Step::OldBucket {
                        evacuated: true,
                        ..
                    }
                )
            },
        },
        Scene {
            name: "same-size",
            table: "many overflow buckets and few entries: growing to the same size",
            asked: "a key of an old bucket: the mask is the same",
            look_up: || {
                let table = growing_to_the_same_size();
                path(&table, &waiting_key(&table))
            },
            shows: |step| {
                matches!(
                    step,
                    Step::OldBucket {
                        same_size: true,
                        evacuated: false,
                        ..
                    }
                )
            },
        },
    ]
}

/// A table whose chains were filled one after another and emptied again but for their last entries.
fn growing_to_the_same_size() -> Numbers {
    let mut table: Numbers = Table::with_hint_and_hasher(26, Chosen);
    // From the last bucket down: the growth begins at the front, so the last one waits.
    for bucket in (0..4).rev() {
        for n in 0..20 {
            table.insert(number(0x20 + n, bucket, n), "elem");
            if table.stats().growth.is_some() {
                return table;
            }
        }
        for n in 0..18 {
            table.remove(&number(0x20 + n, bucket, n));
        }
    }
    unreachable!("four buckets with two overflow buckets each are too many");
}

#[cfg(test)]
mod tests {
    use super::{Told, all, names};

    #[test]
    fn every_scene_shows_its_branch() {
        for scene in all() {
            match (scene.look_up)() {
                Told::Path(lookup) => assert!(
                    lookup.steps().iter().any(scene.shows),
                    "{}: {lookup}",
                    scene.name
                ),
                Told::Report(overlap) => {
                    assert_eq!(scene.name, "hash_writing");
                    assert_eq!(overlap.other.thread.to_string(), "poller");
                }
            }
        }
    }

    #[test]
    fn scenes_have_names_of_their_own() {
        let mut names = names();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
