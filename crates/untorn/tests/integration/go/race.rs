//! `runtime/race/testdata/map_test.go`: which pairs of operations must be reported as a race, and
//! which must not.
//!
//! Go's race detector reports pairs without a happens-before order, whenever they run; the gate
//! reports pairs that overlap. So each first operation is held open while the second one runs, and
//! the answer must be the same.

use std::sync::Arc;
use std::thread::scope;

use untorn::gomap::Key;
use untorn::{AccessKind, GoMap};

use crate::support::{
    BlockingKey, BlockingValue, Latch, Map, OPS, Op, RECORD, attempt, map_of_one,
};

fn op(name: &str) -> &'static Op {
    let op = OPS.iter().find(|op| op.name == format!("GoMap::{name}"));
    op.unwrap_or_else(|| panic!("no operation {name}"))
}

/// Returns whether the second operation was reported while the first was held open.
fn reported(first: &str, second: impl Fn(&Map) + Sync) -> bool {
    let latch = Latch::closed(1);
    let map = map_of_one(&latch);
    let reported = scope(|s| {
        let first = s.spawn(|| attempt(|| (op(first).run)(&map, &latch)));
        latch.wait_for(1);
        let reported = attempt(|| second(&map)).is_err();
        latch.release();
        assert!(
            first
                .join()
                .expect("the first access does not panic")
                .is_ok(),
            "the first access is not reported"
        );
        reported
    });
    assert!(attempt(|| map.clear()).is_ok(), "an access is still open");
    reported
}

fn run(name: &'static str) -> impl Fn(&Map) + Sync {
    move |map| (op(name).run)(map, &Latch::open())
}

#[test]
fn an_insert_and_a_read_are_reported_in_either_order() {
    for read in ["get", "get_or_zero", "get_with", "contains_key"] {
        assert!(reported(read, run("insert")), "{read}, then an insert");
        assert!(reported("insert", run(read)), "an insert, then {read}");
    }
}

#[test]
fn an_insert_and_a_read_of_another_key_are_reported() {
    assert!(reported("get", |map| _ =
        map.insert(BlockingKey::free(2), BlockingValue::free(2))));
    assert!(reported("insert", |map| _ = map.get(&BlockingKey::free(2))));
    assert!(reported("insert", |map| _ = map.contains_key(&BlockingKey::free(2))));
}

#[test]
fn a_write_and_a_range_are_reported() {
    for range in ["cursor", "iter_with", "fmt"] {
        for write in ["insert", "remove", "clear"] {
            assert!(reported(range, run(write)), "{range}, then {write}");
        }
    }
    // Iterations that start during the write.
    for write in ["insert", "remove"] {
        assert!(reported(write, |map| _ = map.cursor()));
        assert!(reported(write, run("iter_with")));
    }
}

#[test]
fn step_of_an_earlier_range_is_reported() {
    let latch = Latch::closed(1);
    let map = map_of_one(&Latch::open());
    let mut cursor = map.cursor();
    scope(|s| {
        s.spawn(|| {
            attempt(|| map.insert(BlockingKey::new(1, &latch), BlockingValue::free(2))).is_ok()
        });
        latch.wait_for(1);
        let overlap = attempt(|| cursor.next()).expect_err("a writer is inside");
        assert_eq!(overlap.here.operation, "GoMap::cursor");
        assert_eq!(overlap.here.kind, AccessKind::Iterate);
        assert_eq!(overlap.other.operation, "GoMap::insert");
        let message = overlap.message();
        assert_eq!(message, "concurrent map iteration and map write");
        latch.release();
    });
    // The refused step did not advance: the entry is still to come, with its new value.
    assert_eq!(cursor.next().map(|(_, elem)| elem.n), Some(2));
}

#[test]
fn len_and_a_write_are_reported() {
    for write in ["insert", "remove"] {
        assert!(reported(write, run("len")), "{write}, then len");
        assert!(reported(write, run("is_empty")), "{write}, then is_empty");
    }
}

#[test]
fn two_writes_are_reported() {
    for first in ["insert", "remove"] {
        for second in ["insert", "remove", "clear"] {
            assert!(reported(first, run(second)), "{first}, then {second}");
        }
    }
}

#[test]
fn a_delete_and_a_read_are_reported_in_either_order() {
    for read in ["get", "contains_key", "cursor"] {
        assert!(reported(read, run("remove")), "{read}, then a delete");
        assert!(reported("remove", run(read)), "a delete, then {read}");
    }
    assert!(reported("remove", |map| _ = map.get(&BlockingKey::free(2))));
}

#[test]
fn a_clone_and_a_write_are_reported_in_either_order() {
    for write in ["insert", "remove"] {
        assert!(reported("deep_clone", run(write)));
        assert!(reported(write, run("deep_clone")));
    }
    assert!(reported("deep_clone", run("clear")));
}

#[test]
fn two_reads_are_not_reported() {
    for first in ["get", "get_with", "get_or_zero", "contains_key", "trace"] {
        for second in ["get", "contains_key", "len", "stats", "deep_clone"] {
            assert!(!reported(first, run(second)), "{first}, then {second}");
        }
    }
}

#[test]
fn ranges_and_reads_are_not_reported() {
    for first in ["cursor", "iter_with", "fmt"] {
        for second in ["cursor", "iter_with", "fmt", "get", "len", "deep_clone"] {
            assert!(!reported(first, run(second)), "{first}, then {second}");
        }
    }
}

type Second<K, V> = fn(&GoMap<K, V>, &K, &V);

/// The table boxes entries above 128 bytes; the rule applies to the map, wherever the bytes are.
#[test]
fn large_keys_and_values_are_reported_alike() {
    fn check<K: Key + Clone + Send + Sync, V: Clone + Send + Sync>(key: &K, value: &V) {
        let map = GoMap::from([(key.clone(), value.clone())]).on_overlap(RECORD);
        let latch = Latch::closed(1);
        let second: [(Second<K, V>, bool); 6] = [
            (
                |map, key, value| _ = map.insert(key.clone(), value.clone()),
                true,
            ),
            (|map, key, _| _ = map.remove(key), true),
            (|map, _, _| map.clear(), true),
            (|map, key, _| _ = map.get(key), false),
            (|map, _, _| _ = map.cursor().next(), false),
            (|map, _, _| _ = map.len(), false),
        ];
        scope(|s| {
            s.spawn(|| map.get_with(key, |_| latch.pass()));
            latch.wait_for(1);
            for (second, expected) in second {
                let met = attempt(|| second(&map, key, value)).is_err();
                assert_eq!(met, expected);
            }
            latch.release();
        });
    }
    check(&[1_u64; 32], &1_u8);
    check(&1_u8, &[1_u64; 32]);
    check(&[1_u64; 32], &[1_u64; 1000]);
}

#[test]
fn accesses_to_two_maps_are_not_reported() {
    let other = Arc::new(Map::new().on_overlap(RECORD));
    assert!(!reported("insert", |_| _ =
        other.insert(BlockingKey::free(1), BlockingValue::free(1))));
    assert!(!reported("cursor", |_| other.clear()));
}
