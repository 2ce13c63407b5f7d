//! Overlaps of many threads, of nested accesses, and of threads that exit: the named sides and the
//! counts.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::{Arc, Barrier};
use std::thread::{Builder, scope};

use crate::support::{BlockingKey, BlockingValue, Latch, Map, attempt, map_of_one};

const SIZES: [usize; 7] = [1, 2, 3, 7, 15, 31, 63];

#[test]
fn writer_report_counts_readers() {
    for readers in SIZES {
        let latch = Latch::closed(readers);
        let map = map_of_one(&Latch::open());
        let threads: Vec<_> = (0..readers)
            .map(|i| {
                let (map, latch) = (Arc::clone(&map), Arc::clone(&latch));
                untorn::spawn(format!("reader {i}"), move || {
                    attempt(|| map.get_with(&BlockingKey::free(1), |_| latch.pass()))
                })
            })
            .collect();
        latch.wait_for(readers);
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
        latch.release();
        for thread in threads {
            let read = thread.join().expect("the reader does not panic");
            assert!(read.is_ok(), "reads do not conflict");
        }
        assert!(attempt(|| map.clear()).is_ok(), "an access is still open");
    }
}

#[test]
fn each_of_many_readers_reports_the_writer() {
    for readers in SIZES {
        let latch = Latch::closed(1);
        let map = map_of_one(&Latch::open());
        let start = Barrier::new(readers);
        scope(|s| {
            let writer = s.spawn(|| attempt(|| map.remove(&BlockingKey::new(1, &latch)).is_some()));
            latch.wait_for(1);
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
                .map(|thread| thread.join().expect("the reader does not panic"))
                .collect();
            latch.release();
            assert!(writer.join().expect("the writer does not panic").is_ok());
            let here: HashSet<_> = overlaps.iter().map(|o| o.here.thread_number).collect();
            assert_eq!(here.len(), readers, "each thread has its own number");
            for overlap in overlaps {
                assert_eq!(overlap.other.operation, "GoMap::remove");
                assert!(!here.contains(&overlap.other.thread_number));
                assert_eq!(&*overlap.here.thread, "<unnamed>");
                assert_eq!(overlap.additional_readers, 0);
            }
        });
        assert!(attempt(|| map.clear()).is_ok(), "an access is still open");
    }
}

/// Nests one access per map and calls `f` inside the innermost.
fn nest(maps: &[Arc<Map>], f: &mut dyn FnMut()) {
    match maps {
        [] => f(),
        [map, rest @ ..] => {
            map.get_with(&BlockingKey::free(1), |_| nest(rest, f));
        }
    }
}

/// A record has room for four accesses; a thread with more takes further records.
#[test]
fn every_nested_access_is_detected() {
    for depth in 1..=12 {
        let maps: Vec<_> = (0..depth).map(|_| map_of_one(&Latch::open())).collect();
        let latch = Latch::closed(1);
        scope(|s| {
            let nested = s.spawn(|| nest(&maps, &mut || latch.pass()));
            latch.wait_for(1);
            for map in &maps {
                let overlap = attempt(|| map.clear()).expect_err("the nested accesses are open");
                assert_eq!(
                    (overlap.additional_readers, overlap.is_reentrant()),
                    (0, false)
                );
            }
            latch.release();
            nested.join().expect("the nested accesses do not panic");
        });
        for map in &maps {
            assert!(attempt(|| map.clear()).is_ok(), "an access is still open");
        }
    }
}

#[test]
fn nested_accesses_to_one_map_are_counted() {
    for depth in 1..=12 {
        let map = map_of_one(&Latch::open());
        let maps = vec![Arc::clone(&map); depth];
        let latch = Latch::closed(1);
        scope(|s| {
            let nested = s.spawn(|| nest(&maps, &mut || latch.pass()));
            latch.wait_for(1);
            let overlap = attempt(|| map.clear()).expect_err("the nested accesses are open");
            assert_eq!(overlap.additional_readers, depth - 1);
            latch.release();
            nested.join().expect("the nested accesses do not panic");
        });
        // A thread may write as soon as its own nested accesses have ended.
        let out = attempt(|| {
            nest(&maps, &mut || {});
            map.clear();
        });
        assert!(out.is_ok());
    }
}

/// A thread with nested accesses also detects the accesses of others.
#[test]
fn nested_access_detects_a_writer() {
    let maps: Vec<_> = (0..9).map(|_| map_of_one(&Latch::open())).collect();
    let latch = Latch::closed(1);
    let written = map_of_one(&Latch::open());
    scope(|s| {
        let writer = s.spawn(|| {
            attempt(|| written.insert(BlockingKey::new(1, &latch), BlockingValue::free(1)))
                .map(drop)
        });
        latch.wait_for(1);
        let mut met = None;
        nest(&maps, &mut || met = attempt(|| written.len()).err());
        assert_eq!(
            met.expect("a writer is inside").other.operation,
            "GoMap::insert"
        );
        latch.release();
        assert!(writer.join().expect("the writer does not panic").is_ok());
    });
}

#[test]
fn ended_threads_leave_no_access_open() {
    let map = map_of_one(&Latch::open());
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
            reader.join().expect("the reader does not panic");
        }
        let elem = BlockingValue::free(round);
        assert!(attempt(|| map.insert(BlockingKey::free(1), elem)).is_ok());
    }
}

/// The next owner of a record is reported by its own name, number and creator, however long the
/// previous name was.
#[test]
fn reused_record_names_its_new_owner() {
    let map = map_of_one(&Latch::open());
    let mut numbers = HashSet::new();
    for (i, len) in [64, 3, 100, 0, 17, 1].into_iter().enumerate() {
        let name = "n".repeat(len);
        let latch = Latch::closed(1);
        let body = {
            let (map, latch) = (Arc::clone(&map), Arc::clone(&latch));
            move || map.iter_with(|_, _| latch.pass())
        };
        let spawned = i % 2 == 0;
        let thread = if spawned {
            untorn::spawn(name.clone(), body)
        } else {
            let thread = Builder::new().name(name.clone()).spawn(body);
            thread.expect("the thread starts")
        };
        latch.wait_for(1);
        let other = attempt(|| map.clear())
            .expect_err("the access is open")
            .other;
        latch.release();
        thread.join().expect("the thread does not panic");
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

struct RunOnDrop(Box<dyn Fn()>);

impl Drop for RunOnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

thread_local! {
    static BEFORE: RefCell<Option<RunOnDrop>> = const { RefCell::new(None) };
    static AFTER: RefCell<Option<RunOnDrop>> = const { RefCell::new(None) };
}

/// Thread-local values are dropped one after the other, some before the crate's own and some after.
/// Maps can be used from all of them, and the accesses are checked.
#[test]
fn accesses_during_thread_exit_are_detected() {
    for wanted in [&BEFORE, &AFTER] {
        let map = map_of_one(&Latch::open());
        let latch = Latch::closed(1);
        let thread = {
            let (map, latch) = (Arc::clone(&map), Arc::clone(&latch));
            untorn::spawn("ending", move || {
                let at_exit = RunOnDrop(Box::new({
                    let map = Arc::clone(&map);
                    move || {
                        map.insert(BlockingKey::free(2), BlockingValue::free(2));
                        map.get_with(&BlockingKey::free(1), |_| latch.pass());
                        let nested = vec![Arc::clone(&map); 6];
                        nest(&nested, &mut || assert_eq!(map.len(), 2));
                    }
                }));
                BEFORE.with(|_| ());
                assert_eq!(map.len(), 1);
                AFTER.with(|_| ());
                wanted.set(Some(at_exit));
            })
        };
        latch.wait_for(1);
        let overlap = attempt(|| map.clear()).expect_err("a thread-local value is being dropped");
        assert_eq!(overlap.other.operation, "GoMap::get_with");
        assert!(overlap.other.created_at.is_some());
        latch.release();
        thread.join().expect("the thread does not panic");
        assert!(attempt(|| map.clear()).is_ok(), "an access is still open");
    }
}

#[test]
fn thread_numbers_follow_creation_order() {
    let maps = [(); 2].map(|()| map_of_one(&Latch::open()));
    let latch = Latch::closed(2);
    let go = Latch::closed(1);
    let threads = [0, 1].map(|i| {
        let (map, latch, go) = (Arc::clone(&maps[i]), Arc::clone(&latch), Arc::clone(&go));
        untorn::spawn("numbered", move || {
            if i == 0 {
                go.pass();
            }
            map.iter_with(|_, _| latch.pass());
        })
    });
    latch.wait_for(1);
    go.release();
    latch.wait_for(2);
    let numbers = maps.map(|map| {
        let overlap = attempt(|| map.clear()).expect_err("the access is open");
        overlap.other.thread_number
    });
    assert!(numbers[0] < numbers[1], "{numbers:?}");
    latch.release();
    for thread in threads {
        thread.join().expect("no panic");
    }
}
