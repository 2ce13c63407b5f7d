//! Prepared tables, one for each branch of a lookup, in the order of Go's source.

use std::borrow::Borrow;
use std::hash::Hasher;

use untorn::Overlap;
use untorn::gomap::{Key, Lookup, SeededBuildHasher, Step, Table};

use super::concurrent_lookup;

/// A table and a lookup in it.
pub(crate) struct LookupCase {
    pub(crate) name: &'static str,
    /// The contents of the table.
    pub(crate) table: &'static str,
    /// The key that is looked up, and the branch that it takes.
    pub(crate) key: &'static str,
    pub(crate) run: fn() -> Outcome,
    /// The step that this case demonstrates, if its outcome is a path.
    #[cfg_attr(not(test), allow(dead_code, reason = "a test compares"))]
    pub(crate) shows: fn(&Step) -> bool,
}

/// The result of a lookup.
pub(crate) enum Outcome {
    /// The branches that it took.
    Path(Lookup),
    /// The lookup overlapped a write.
    Report(Box<Overlap>),
}

/// Hashes a number to itself, so that a case can choose the bucket (low bits) and the tophash (top
/// eight bits).
#[derive(Clone, Copy, Default)]
struct Identity;

impl SeededBuildHasher for Identity {
    type Hasher = IdentityHasher;

    fn build_hasher(&self, _hash0: u64) -> IdentityHasher {
        IdentityHasher(0)
    }
}

struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only numbers are hashed");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Returns a number with this tophash and bucket; `n` distinguishes numbers that share both.
const fn number(tophash: u64, bucket: u64, n: u64) -> u64 {
    tophash << 56 | n << 16 | bucket
}

type Numbers = Table<u64, &'static str, Identity>;

fn numbers(keys: impl IntoIterator<Item = u64>) -> Numbers {
    keys.into_iter().map(|key| (key, "elem")).collect()
}

/// The middle of a long key: 27 bytes between the four at each end that are compared first.
const MIDDLE: &str = "-a-rather-long-middle-part-";

fn long(start: &str, middle: &str, end: &str) -> String {
    format!("{start}{MIDDLE}{middle}{end}")
}

fn path<K, V, S, Q>(table: &Table<K, V, S>, key: &Q) -> Outcome
where
    K: Key + Borrow<Q>,
    S: SeededBuildHasher,
    Q: Key + ?Sized,
{
    Outcome::Path(table.trace(key))
}

/// Returns every case, in the order of Go's source.
pub(crate) fn all() -> Vec<LookupCase> {
    let mut cases = before_the_buckets();
    cases.extend(one_bucket());
    cases.extend(hashed());
    cases.extend(growing());
    cases
}

/// Returns the name of every case, in order.
pub(crate) fn names() -> Vec<&'static str> {
    all().iter().map(|case| case.name).collect()
}

fn before_the_buckets() -> Vec<LookupCase> {
    vec![
        LookupCase {
            name: "nil",
            table: "a nil map",
            key: "any key",
            run: || path(&Table::<&str, u8>::nil(), "1"),
            shows: |step| *step == Step::Nil,
        },
        LookupCase {
            name: "empty",
            table: "a map without entries",
            key: "any key",
            run: || path(&Table::<&str, u8>::new(), "1"),
            shows: |step| *step == Step::Empty,
        },
        LookupCase {
            name: "hash_writing",
            table: "a map that another thread is writing to",
            key: "any key: the branch in which the note's program crashes",
            run: || Outcome::Report(Box::new(concurrent_lookup::overlap_with_a_write())),
            shows: |_| false,
        },
    ]
}

fn one_bucket() -> Vec<LookupCase> {
    let case = |name, table, key, run, shows| LookupCase {
        name,
        table,
        key,
        run,
        shows,
    };
    vec![
        case(
            "short-key",
            "\"1\", \"2\" and \"long\": one bucket",
            "\"2\", in a string of its own: the lengths are compared, then the bytes",
            || {
                let table = Table::from([("1", 1), ("long", 0), ("2", 2)]);
                path(&table, &*String::from("2"))
            },
            |step| matches!(step, Step::BytesCompared { equal: true, .. }),
        ),
        case(
            "same-pointer",
            "\"1\" and \"2\": one bucket",
            "the stored string itself: equal pointers, so no bytes are compared",
            || {
                let stored = "2";
                path(&Table::from([("1", 1), (stored, 2)]), stored)
            },
            |step| matches!(step, Step::SamePointer { .. }),
        ),
        case(
            "short-missing",
            "\"1\", \"2\", \"3\", and \"2\" deleted",
            "\"4\": the empty slot is skipped, empty_rest ends the scan",
            || {
                let mut table = Table::from([("1", 1), ("2", 2), ("3", 3)]);
                table.remove("2");
                path(&table, "4")
            },
            |step| matches!(step, Step::EmptySlot { rest: true, .. }),
        ),
        case(
            "31-bytes",
            "two keys of 31 bytes",
            "a third one of 31 bytes: still a short key, compared with both",
            || {
                let table = Table::from([31, 32].map(|n| (format!("{n:031}"), n)));
                path(&table, &*format!("{:031}", 33))
            },
            |step| matches!(step, Step::BytesCompared { equal: false, .. }),
        ),
        case(
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
        case(
            "keymaybe-fails",
            "one long key",
            "another one of the same length and ends: the candidate is compared once and differs",
            || {
                let table = Table::from([(long("head", "1", "tail"), 1)]);
                path(&table, &*long("head", "2", "tail"))
            },
            |step| matches!(step, Step::KeyMaybeCompared { equal: false, .. }),
        ),
        case(
            "second-candidate",
            "two long keys that differ only in the middle",
            "the second one: a second candidate, so goto dohash",
            || {
                let keys = [long("head", "1", "tail"), long("head", "2", "tail")];
                let table: Table<_, _> = keys.into_iter().zip(0..).collect();
                path(&table, &*long("head", "2", "tail"))
            },
            |step| matches!(step, Step::SecondCandidate { .. }),
        ),
        case(
            "word-key",
            "three numbers: one bucket",
            "a key of eight bytes (mapaccess1_fast64): compared as a word, never hashed",
            || path(&Table::from([(1_u64, 1), (2, 2), (3, 3)]), &2_u64),
            |step| *step == Step::OneBucketWord,
        ),
    ]
}

fn hashed() -> Vec<LookupCase> {
    vec![
        LookupCase {
            name: "hashed",
            table: "nine keys: two buckets",
            key: "one of them: the low bit selects the bucket, the tophash the slot",
            run: || {
                let table = settled(9);
                path(&table, &number(0x24, 0, 4))
            },
            shows: |step| matches!(step, Step::Compared { equal: true, .. }),
        },
        LookupCase {
            name: "hashed-missing",
            table: "nine keys: two buckets",
            key: "a missing key whose tophash is in its bucket: compared, and different",
            run: || path(&settled(9), &number(0x24, 0, 99)),
            shows: |step| matches!(step, Step::Compared { equal: false, .. }),
        },
        LookupCase {
            name: "overflow",
            table: "ten keys in one bucket, two in the other: eight fit, two are in an overflow bucket",
            key: "the tenth: found in the overflow bucket",
            run: || {
                let here = (0..10).map(|n| number(0x20 + n, 0, n));
                let there = (0..2).map(|n| number(0x20 + n, 1, n));
                let table = numbers(here.chain(there));
                path(&table, &number(0x29, 0, 9))
            },
            shows: |step| *step == Step::Overflow,
        },
    ]
}

/// Returns a table of `count` numbers in two buckets whose growth is complete.
fn settled(count: u64) -> Numbers {
    let mut table = numbers((0..count).map(|n| number(0x20 + n, n & 1, n)));
    while table.stats().growth.is_some() {
        // A write that changes nothing still evacuates a bucket.
        table.remove(&number(0xff, 1, 77));
    }
    table
}

/// Returns a table of 27 numbers: the last one started the doubling from four buckets to eight and
/// evacuated two of them.
fn doubling() -> Numbers {
    numbers((0..27).map(|n| number(0x20 + n, n & 7, n)))
}

/// Returns a key that is still read from its old bucket.
fn unevacuated_key(table: &Numbers) -> u64 {
    let is_unevacuated = |key: &&u64| {
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
        .find(is_unevacuated)
        .expect("some old buckets are not evacuated")
}

fn growing() -> Vec<LookupCase> {
    vec![
        LookupCase {
            name: "old-bucket",
            table: "a table in the middle of doubling from four buckets to eight",
            key: "a key whose old bucket is not evacuated: read there, with a mask one bit shorter",
            run: || {
                let table = doubling();
                path(&table, &unevacuated_key(&table))
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
        LookupCase {
            name: "evacuated",
            table: "a table in the middle of doubling from four buckets to eight",
            key: "a key whose old bucket is evacuated: read from the new one",
            run: || path(&doubling(), &number(0x20 + 26, 26 & 7, 26)),
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
        LookupCase {
            name: "same-size",
            table: "many overflow buckets and few entries: growing to the same size",
            key: "a key in an old bucket: the mask stays the same",
            run: || {
                let table = growing_to_the_same_size();
                path(&table, &unevacuated_key(&table))
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

/// Returns a table whose chains were filled one by one, then emptied except for their last entries.
fn growing_to_the_same_size() -> Numbers {
    let mut table: Numbers = Table::with_hint_and_hasher(26, Identity);
    // From the last bucket down: evacuation starts at the front, so the last one remains old.
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
    use super::{Outcome, all, names};

    #[test]
    fn every_case_shows_its_branch() {
        for case in all() {
            match (case.run)() {
                Outcome::Path(lookup) => assert!(
                    lookup.steps().iter().any(case.shows),
                    "{}: {lookup}",
                    case.name
                ),
                Outcome::Report(overlap) => {
                    assert_eq!(case.name, "hash_writing");
                    assert_eq!(overlap.other.thread.to_string(), "poller");
                }
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names = names();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
