//! `runtime/race/testdata/map_test.go`: which pairs of operations must be reported as a race, and which must not.
//!
//! Go's race detector reports pairs that nothing orders, whenever they happen; the gate reports pairs that overlap. So
//! here each first operation is kept open while the second one comes, and the answer must be the same.

use std::sync::Arc;
use std::thread::scope;

use untorn::gomap::Key;
use untorn::{AccessKind, GoMap};

use crate::support::{Elem, Map, NOTE, OPS, Op, Probe, Valve, attempt, map_of_one};

fn op(name: &str) -> &'static Op {
    let op = OPS.iter().find(|op| op.name == format!("GoMap::{name}"));
    op.unwrap_or_else(|| panic!("no operation {name}"))
}

/// Whether the second operation was reported while the first was kept open.
fn reported(first: &str, second: impl Fn(&Map) + Sync) -> bool {
    let valve = Valve::closed(1);
    let map = map_of_one(&valve);
    let reported = scope(|s| {
        let first = s.spawn(|| attempt(|| (op(first).run)(&map, &valve)));
        valve.wait_for(1);
        let reported = attempt(|| second(&map)).is_err();
        valve.release();
        assert!(first.join().expect("it ends").is_ok(), "it was first");
        reported
    });
    assert!(attempt(|| map.clear()).is_ok(), "nobody is left inside");
    reported
}

fn run(name: &'static str) -> impl Fn(&Map) + Sync {
    move |map| (op(name).run)(map, &Valve::open())
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
    assert!(reported("get", |map| _ = map.insert(Probe::free(2), Elem::free(2))));
    assert!(reported("insert", |map| _ = map.get(&Probe::free(2))));
    assert!(reported("insert", |map| _ = map.contains_key(&Probe::free(2))));
}

#[test]
fn a_write_and_a_range_are_reported() {
    for range in ["cursor", "iter_with", "fmt"] {
        for write in ["insert", "remove", "clear"] {
            assert!(reported(range, run(write)), "{range}, then {write}");
        }
    }
    // Begun before the write, or only beginning.
    for write in ["insert", "remove"] {
        assert!(reported(write, |map| _ = map.cursor()));
        assert!(reported(write, run("iter_with")));
    }
}

#[test]
fn a_step_of_a_range_that_began_before_the_write_is_reported() {
    let valve = Valve::closed(1);
    let map = map_of_one(&Valve::open());
    let mut cursor = map.cursor();
    scope(|s| {
        s.spawn(|| attempt(|| map.insert(Probe::new(1, &valve), Elem::free(2))).is_ok());
        valve.wait_for(1);
        let overlap = attempt(|| cursor.next()).expect_err("a writer is inside");
        assert_eq!(overlap.here.operation, "GoMap::cursor");
        assert_eq!(overlap.here.kind, AccessKind::Iterate);
        assert_eq!(overlap.other.operation, "GoMap::insert");
        let message = overlap.message();
        assert_eq!(message, "concurrent map iteration and map write");
        valve.release();
    });
    // The step did not count: the entry is still to come, with its new value.
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
    assert!(reported("remove", |map| _ = map.get(&Probe::free(2))));
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
fn two_ranges_and_a_range_and_a_read_are_not_reported() {
    for first in ["cursor", "iter_with", "fmt"] {
        for second in ["cursor", "iter_with", "fmt", "get", "len", "deep_clone"] {
            assert!(!reported(first, run(second)), "{first}, then {second}");
        }
    }
}

type Second<K, V> = fn(&GoMap<K, V>, &K, &V);

/// The table boxes what is larger than 128 bytes; the rule is about the map, wherever the bytes are.
#[test]
fn large_keys_and_large_values_make_no_difference() {
    fn check<K: Key + Clone + Send + Sync, V: Clone + Send + Sync>(key: &K, value: &V) {
        let map = GoMap::from([(key.clone(), value.clone())]).on_overlap(NOTE);
        let valve = Valve::closed(1);
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
            s.spawn(|| map.get_with(key, |_| valve.pass()));
            valve.wait_for(1);
            for (second, expected) in second {
                let met = attempt(|| second(&map, key, value)).is_err();
                assert_eq!(met, expected);
            }
            valve.release();
        });
    }
    check(&[1_u64; 32], &1_u8);
    check(&1_u8, &[1_u64; 32]);
    check(&[1_u64; 32], &[1_u64; 1000]);
}

#[test]
fn two_maps_are_two_places() {
    let other = Arc::new(Map::new().on_overlap(NOTE));
    assert!(!reported("insert", |_| _ =
        other.insert(Probe::free(1), Elem::free(1))));
    assert!(!reported("cursor", |_| other.clear()));
}
