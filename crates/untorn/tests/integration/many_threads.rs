//! Overlaps of many threads, of threads deep in nested accesses, of threads that end: who is named, and how many.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Arc, Barrier};
use std::thread::{Builder, scope};

use crate::support::{Elem, Map, Probe, Valve, attempt, map_of_one};

const SIZES: [usize; 7] = [1, 2, 3, 7, 15, 31, 63];

#[test]
fn a_writer_is_told_how_many_read() {
    for readers in SIZES {
        let valve = Valve::closed(readers);
        let map = map_of_one(&Valve::open());
        let threads: Vec<_> = (0..readers)
            .map(|i| {
                let (map, valve) = (Arc::clone(&map), Arc::clone(&valve));
                untorn::spawn(format!("reader {i}"), move || {
                    attempt(|| map.get_with(&Probe::free(1), |_| valve.pass()))
                })
            })
            .collect();
        valve.wait_for(readers);
        for _ in 0..3 {
            let overlap = attempt(|| map.clear()).expect_err("readers are inside");
            assert_eq!(overlap.additional_readers, readers - 1);
            assert!(overlap.other.thread.starts_with("reader "), "{overlap}");
            let report = overlap.to_string();
            let line = match overlap.additional_readers {
                0 => None,
                1 => Some("\nand 1 more reader\n".to_owned()),
                more => Some(format!("\nand {more} more readers\n")),
            };
            assert_eq!(line.is_none(), !report.contains("\nand "), "{report}");
            assert!(line.is_none_or(|line| report.contains(&line)), "{report}");
        }
        valve.release();
        for thread in threads {
            let read = thread.join().expect("the reader ends well");
            assert!(read.is_ok(), "readers do not disturb each other");
        }
        assert!(attempt(|| map.clear()).is_ok(), "nobody is left inside");
    }
}

#[test]
fn each_of_many_readers_is_told_of_the_writer() {
    for readers in SIZES {
        let valve = Valve::closed(1);
        let map = map_of_one(&Valve::open());
        let start = Barrier::new(readers);
        scope(|s| {
            let writer = s.spawn(|| attempt(|| map.remove(&Probe::new(1, &valve)).is_some()));
            valve.wait_for(1);
            let threads: Vec<_> = (0..readers)
                .map(|_| {
                    s.spawn(|| {
                        start.wait();
                        attempt(|| map.len()).expect_err("the writer is inside")
                    })
                })
                .collect();
            let overlaps: Vec<_> = threads
                .into_iter()
                .map(|thread| thread.join().expect("the reader ends well"))
                .collect();
            valve.release();
            assert!(writer.join().expect("the writer ends well").is_ok());
            let here: HashSet<_> = overlaps.iter().map(|o| o.here.thread_number).collect();
            assert_eq!(here.len(), readers, "each thread has its own number");
            for overlap in overlaps {
                assert_eq!(overlap.other.operation, "GoMap::remove");
                assert!(!here.contains(&overlap.other.thread_number));
                assert_eq!(&*overlap.here.thread, "<unnamed>");
                assert_eq!(overlap.additional_readers, 0);
            }
        });
        assert!(attempt(|| map.clear()).is_ok(), "nobody is left inside");
    }
}

/// Goes `depth` accesses deep, each to another map, and calls `f` at the bottom.
fn nest(maps: &[Arc<Map>], f: &mut dyn FnMut()) {
    match maps {
        [] => f(),
        [map, rest @ ..] => {
            map.get_with(&Probe::free(1), |_| nest(rest, f));
        }
    }
}

/// A record has room for four accesses; a thread deeper than that takes more records.
#[test]
fn every_level_of_nested_accesses_is_seen() {
    for depth in 1..=12 {
        let maps: Vec<_> = (0..depth).map(|_| map_of_one(&Valve::open())).collect();
        let valve = Valve::closed(1);
        scope(|s| {
            let nester = s.spawn(|| nest(&maps, &mut || valve.pass()));
            valve.wait_for(1);
            for map in &maps {
                let overlap = attempt(|| map.clear()).expect_err("the nester is inside");
                assert_eq!(
                    (overlap.additional_readers, overlap.is_reentrant()),
                    (0, false)
                );
            }
            valve.release();
            nester.join().expect("the nester ends well");
        });
        for map in &maps {
            assert!(attempt(|| map.clear()).is_ok(), "nobody is left inside");
        }
    }
}

#[test]
fn nested_accesses_to_one_map_all_count() {
    for depth in 1..=12 {
        let map = map_of_one(&Valve::open());
        let maps = vec![Arc::clone(&map); depth];
        let valve = Valve::closed(1);
        scope(|s| {
            let nester = s.spawn(|| nest(&maps, &mut || valve.pass()));
            valve.wait_for(1);
            let overlap = attempt(|| map.clear()).expect_err("the nester is inside");
            assert_eq!(overlap.additional_readers, depth - 1);
            valve.release();
            nester.join().expect("the nester ends well");
        });
        // The nester itself, on its way out, may write as soon as it is out.
        let out = attempt(|| {
            nest(&maps, &mut || {});
            map.clear();
        });
        assert!(out.is_ok());
    }
}

/// A thread deep in nested accesses notices as well as it is noticed.
#[test]
fn a_deep_access_notices_a_writer() {
    let maps: Vec<_> = (0..9).map(|_| map_of_one(&Valve::open())).collect();
    let valve = Valve::closed(1);
    let written = map_of_one(&Valve::open());
    scope(|s| {
        let writer =
            s.spawn(|| attempt(|| written.insert(Probe::new(1, &valve), Elem::free(1))).map(drop));
        valve.wait_for(1);
        let mut met = None;
        nest(&maps, &mut || met = attempt(|| written.len()).err());
        assert_eq!(
            met.expect("a writer is inside").other.operation,
            "GoMap::insert"
        );
        valve.release();
        assert!(writer.join().expect("the writer ends well").is_ok());
    });
}

#[test]
fn threads_that_ended_leave_nothing_behind() {
    let map = map_of_one(&Valve::open());
    for round in 0..300 {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let map = Arc::clone(&map);
                untorn::spawn("short", move || {
                    let read = attempt(|| nest(&vec![Arc::clone(&map); 6], &mut || {}));
                    assert!(read.is_ok());
                })
            })
            .collect();
        for reader in readers {
            reader.join().expect("the reader ends well");
        }
        let elem = Elem::free(round);
        assert!(attempt(|| map.insert(Probe::free(1), elem)).is_ok());
    }
}

/// Whoever inherits a record goes by its own name, number and creator, however long the name before was.
#[test]
fn a_reused_record_names_its_new_owner() {
    let map = map_of_one(&Valve::open());
    let mut numbers = HashSet::new();
    for (i, len) in [64, 3, 100, 0, 17, 1].into_iter().enumerate() {
        let name = "n".repeat(len);
        let valve = Valve::closed(1);
        let body = {
            let (map, valve) = (Arc::clone(&map), Arc::clone(&valve));
            move || map.iter_with(|_, _| valve.pass())
        };
        let spawned = i % 2 == 0;
        let thread = if spawned {
            untorn::spawn(name.clone(), body)
        } else {
            let thread = Builder::new().name(name.clone()).spawn(body);
            thread.expect("a thread can be started")
        };
        valve.wait_for(1);
        let other = attempt(|| map.clear()).expect_err("it is inside").other;
        valve.release();
        thread.join().expect("the thread ends well");
        let cut = if len > 64 {
            format!("{}…", &name[..61])
        } else {
            name
        };
        assert_eq!(&*other.thread, &*cut);
        assert_eq!(other.created_at.is_some(), spawned);
        assert!(
            numbers.insert(other.thread_number),
            "numbers are not reused"
        );
    }
}

struct LastWords(Box<dyn Fn()>);

impl Drop for LastWords {
    fn drop(&mut self) {
        (self.0)();
    }
}

thread_local! {
    static BEFORE: RefCell<Option<LastWords>> = const { RefCell::new(None) };
    static AFTER: RefCell<Option<LastWords>> = const { RefCell::new(None) };
}

/// Thread-local values are dropped one after the other, some before the crate's own and some after. Maps can be
/// used from all of them, and are watched.
#[test]
fn accesses_of_a_thread_that_is_being_torn_down() {
    for wanted in [&BEFORE, &AFTER] {
        let map = map_of_one(&Valve::open());
        let valve = Valve::closed(1);
        let thread = {
            let (map, valve) = (Arc::clone(&map), Arc::clone(&valve));
            untorn::spawn("ending", move || {
                let last_words = LastWords(Box::new({
                    let map = Arc::clone(&map);
                    move || {
                        map.insert(Probe::free(2), Elem::free(2));
                        map.get_with(&Probe::free(1), |_| valve.pass());
                        let nested = vec![Arc::clone(&map); 6];
                        nest(&nested, &mut || assert_eq!(map.len(), 2));
                    }
                }));
                BEFORE.with(|_| ());
                assert_eq!(map.len(), 1);
                AFTER.with(|_| ());
                wanted.set(Some(last_words));
            })
        };
        valve.wait_for(1);
        let overlap = attempt(|| map.clear()).expect_err("last words are being spoken");
        assert_eq!(overlap.other.operation, "GoMap::get_with");
        assert!(overlap.other.created_at.is_some());
        valve.release();
        thread.join().expect("the thread ends well");
        assert!(attempt(|| map.clear()).is_ok(), "nobody is left inside");
    }
}

#[test]
fn numbers_go_by_creation_not_by_use() {
    let maps = [(); 2].map(|()| map_of_one(&Valve::open()));
    let valve = Valve::closed(2);
    let go = Valve::closed(1);
    let threads = [0, 1].map(|i| {
        let (map, valve, go) = (Arc::clone(&maps[i]), Arc::clone(&valve), Arc::clone(&go));
        untorn::spawn("numbered", move || {
            if i == 0 {
                go.pass();
            }
            map.iter_with(|_, _| valve.pass());
        })
    });
    valve.wait_for(1);
    go.release();
    valve.wait_for(2);
    let numbers = maps.map(|map| {
        let overlap = attempt(|| map.clear()).expect_err("it is inside");
        overlap.other.thread_number
    });
    assert!(numbers[0] < numbers[1], "{numbers:?}");
    valve.release();
    for thread in threads {
        thread.join().expect("it ends well");
    }
}
