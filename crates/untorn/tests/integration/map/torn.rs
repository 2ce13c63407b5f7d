//! One generation in several keys, read through every kind of view while a writer runs.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use untorn::{Map, Reader, View};

const OTHERS: u64 = 3_000;
/// Keys that are spread out among many others.
const KEYS: [u64; 8] = [0, 1, 400, 999, 1_000, 1_729, 2_500, 2_999];

type Contents = View<u64, u64>;

/// Returns the lowest and the highest generation of a view.
fn lowest_and_highest(view: &Contents) -> (u64, u64) {
    let mut both = (u64::MAX, 0);
    for key in KEYS {
        let generation = view[&key];
        both = (both.0.min(generation), both.1.max(generation));
        if key == 999 {
            thread::yield_now();
        }
    }
    both
}

type Read = fn(&Map<u64, u64>, &mut Reader<Contents>) -> (u64, u64);

fn torn(
    generations: u64,
    write: impl Fn(&Map<u64, u64>, u64) + Sync,
    each_by_itself: bool,
) -> (usize, usize) {
    let map: Map<u64, u64> = (0..OTHERS).map(|key| (key, 0)).collect();
    let (done, start) = (AtomicBool::new(false), Barrier::new(5));
    let (torn, overlapped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let reads: [Read; 4] = [
        |map, _| lowest_and_highest(&map.pin()),
        |map, _| lowest_and_highest(&map.snapshot()),
        |_, reader| lowest_and_highest(reader.latest()),
        |map, reader| {
            let outer = map.pin();
            let inner = map.pin();
            let (first, last) = lowest_and_highest(&inner);
            let newest = reader.latest();
            let in_order = outer.revision() <= inner.revision()
                && inner.revision() <= newest.revision()
                && lowest_and_highest(&outer).0 <= first
                && first <= lowest_and_highest(newest).0;
            assert!(in_order, "a nested pin went back");
            (first, last)
        },
    ];
    thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            for generation in 1..=generations {
                write(&map, generation);
                if generation % 32 == 0 {
                    thread::yield_now();
                }
            }
            done.store(true, Ordering::Release);
        });
        for read in reads {
            let (map, done, start) = (&map, &done, &start);
            let (torn, overlapped) = (&torn, &overlapped);
            scope.spawn(move || {
                let (mut reader, mut newest) = (map.reader(), 0);
                start.wait();
                while !done.load(Ordering::Acquire) {
                    let (first, last) = read(map, &mut reader);
                    torn.fetch_add(usize::from(first != last), Ordering::Relaxed);
                    assert!(first >= newest, "went back from {newest} to {first}");
                    overlapped.fetch_add(usize::from(first > newest), Ordering::Relaxed);
                    newest = first;
                }
            });
        }
    });
    assert_eq!(lowest_and_highest(&map.pin()), (generations, generations));
    let commits = if each_by_itself { KEYS.len() as u64 } else { 1 };
    assert_eq!(map.revision().get(), generations * commits);
    assert_eq!(map.len() as u64, OTHERS);
    (torn.into_inner(), overlapped.into_inner())
}

#[test]
fn batch_is_atomic_for_every_reader() {
    let write = |map: &Map<u64, u64>, generation| {
        map.batch(|batch| {
            for key in KEYS {
                batch.insert(key, generation);
            }
        });
    };
    let mut overlapped = 0;
    // Several times if the readers hardly run beside the writer.
    for _ in 0..20 {
        let (torn, more) = torn(10_000, write, false);
        assert_eq!(torn, 0);
        overlapped += more;
        if overlapped > 100 {
            return;
        }
    }
    panic!("reads and commits hardly overlapped: {overlapped}");
}

#[test]
fn unbatched_inserts_are_detected_as_torn() {
    let write = |map: &Map<u64, u64>, generation| {
        for key in KEYS {
            map.insert(key, generation);
            if key == 999 {
                thread::yield_now();
            }
        }
    };
    assert!((0..20).any(|_| torn(1_000, write, true).0 > 0));
}
