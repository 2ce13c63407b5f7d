//! Pins and snapshots of a part of a value.

use std::cell::Cell;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use untorn::{Map, MappedPinned, MappedSnapshot, Pinned, Published, Snapshot};

/// The number of repetitions per thread.
const ROUNDS: u64 = if cfg!(miri) { 20 } else { 5_000 };

type Pair = (u64, String);

fn pair(number: u64) -> Pair {
    (number, number.to_string())
}

/// Returns the number of replaced versions that are referenced.
fn referenced<T>(value: &Published<T>) -> usize {
    value.reclaim();
    value.retained()
}

#[test]
fn mapped_pin_retains_its_version() {
    let value = Published::new(pair(7));
    let text = Pinned::map(value.pin(), |(_, text)| text);
    let text = MappedPinned::map(text, String::as_str);
    value.publish(pair(8));
    assert_eq!(referenced(&value), 1);
    assert_eq!((&*text, MappedPinned::revision(&text).get()), ("7", 0));
    drop(text);
    assert_eq!(referenced(&value), 0);
}

#[test]
fn mapped_snapshot_retains_its_version() {
    let value = Published::new(pair(7));
    let text = Snapshot::map(value.snapshot(), |(_, text)| text);
    let text = MappedSnapshot::map(text, String::as_str);
    let again = text.clone();
    value.publish(pair(8));
    drop(text);
    assert_eq!(referenced(&value), 1);
    assert_eq!((&*again, MappedSnapshot::revision(&again).get()), ("7", 0));
    drop(again);
    assert_eq!(referenced(&value), 0);
}

#[test]
fn none_returns_the_unchanged_handle() {
    let value = Published::new(pair(7));
    let pin = Pinned::try_map(value.pin(), |_| None::<&u8>).expect_err("no part");
    let part = Pinned::try_map(pin, |pair| Some(&pair.1)).expect("a part");
    let part = MappedPinned::try_map(part, |_| None::<&u8>).expect_err("no part");
    let first = MappedPinned::try_map(part, |text| text.get(..1)).expect("a part");

    let snapshot = Snapshot::try_map(value.snapshot(), |_| None::<&u8>).expect_err("no part");
    let part = Snapshot::try_map(snapshot, |pair| Some(&pair.1)).expect("a part");
    let part = MappedSnapshot::try_map(part, |_| None::<&u8>).expect_err("no part");
    let kept = MappedSnapshot::try_map(part, |text| text.get(..1)).expect("a part");

    value.publish(pair(8));
    assert_eq!((&*first, &*kept), ("7", "7"));
    assert_eq!(referenced(&value), 1);
    drop((first, kept));
    assert_eq!(referenced(&value), 0);
}

#[test]
fn panic_in_a_closure_releases_the_version() {
    fn panics<R>(f: impl FnOnce() -> R) {
        assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
    }
    let value = Published::new(pair(7));
    let part = || Pinned::map(value.pin(), |pair| &pair.1);
    let kept = || Snapshot::map(value.snapshot(), |pair| &pair.1);
    panics(|| Pinned::map(value.pin(), |_| -> &u8 { panic!("the closure") }));
    panics(|| Pinned::try_map(value.pin(), |_| -> Option<&u8> { panic!("the closure") }));
    panics(|| MappedPinned::map(part(), |_| -> &u8 { panic!("the closure") }));
    panics(|| MappedPinned::try_map(part(), |_| -> Option<&u8> { panic!("the closure") }));
    panics(|| Snapshot::map(value.snapshot(), |_| -> &u8 { panic!("the closure") }));
    panics(|| {
        Snapshot::try_map(value.snapshot(), |_| -> Option<&u8> {
            panic!("the closure")
        })
    });
    panics(|| MappedSnapshot::map(kept(), |_| -> &u8 { panic!("the closure") }));
    panics(|| MappedSnapshot::try_map(kept(), |_| -> Option<&u8> { panic!("the closure") }));
    value.publish(pair(8));
    assert_eq!(referenced(&value), 0);
}

#[test]
fn a_part_may_be_of_any_type() {
    let value = Published::new((vec![pair(7), pair(8)], Cell::new(0)));
    let slice = Pinned::map(value.pin(), |(pairs, _)| &pairs[1..]);
    let display = MappedPinned::map(slice, |pairs| -> &dyn Display { &pairs[0].1 });
    assert_eq!(display.to_string(), "8");
    // Not derived from the value.
    let text = String::from("elsewhere");
    let outside = Pinned::map(value.pin(), |_| "static");
    assert_eq!(*outside, *"static");
    assert_eq!(*MappedPinned::map(outside, |_| &()), ());
    // Through interior mutability.
    let cell = Pinned::map(value.pin(), |(_, cell)| cell);
    cell.set(text.len());
    assert_eq!((cell.get(), value.pin().1.get()), (9, 9));
}

#[test]
fn parts_compare_and_format_as_their_values() {
    let map = Map::from([("low", 10), ("high", 20)]);
    let low = || Pinned::try_map(map.pin(), |view| view.get("low")).expect("an entry");
    let kept = || Snapshot::try_map(map.snapshot(), |view| view.get("low")).expect("an entry");
    let first = (low(), kept());
    map.batch(|batch| batch.clear());
    map.insert("low", 10);
    assert_eq!(first, (low(), kept()));
    assert_eq!(format!("{} {:?}", first.0, first.1), "10 10");
    assert_eq!((first.0.as_ref(), first.1.as_ref()), (&10, &10));
}

#[test]
fn mapped_snapshot_outlives_its_map() {
    let alive = Arc::new(());
    let map = Map::from([("a", (Arc::clone(&alive), 265))]);
    let value = Snapshot::try_map(map.snapshot(), |view| Some(&view.get("a")?.1));
    let value = value.expect("an entry");
    drop(map);
    assert_eq!(Arc::strong_count(&alive), 2);
    let read = thread::spawn(move || *value).join();
    assert_eq!(read.expect("no panic"), 265);
    assert_eq!(Arc::strong_count(&alive), 1);
}

/// A mapped pin may be dropped after what it borrowed from, as a pin may.
#[test]
fn mapped_pin_may_be_dropped_after_its_value() {
    let text: MappedPinned<'_, str>;
    let value = Published::new(pair(7));
    text = Pinned::map(value.pin(), |pair| pair.1.as_str());
    assert_eq!(&*text, "7");
}

#[test]
fn parts_stay_readable_beside_a_writer() {
    let map = Map::from([("a", pair(0))]);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=ROUNDS {
                map.insert("a", pair(number));
                map.reclaim();
            }
        });
        scope.spawn(|| {
            let mut held = Vec::new();
            for _ in 0..ROUNDS {
                let pair = Pinned::try_map(map.pin(), |view| view.get("a")).expect("an entry");
                let number = pair.0;
                held.push((number, MappedPinned::map(pair, |pair| pair.1.as_str())));
                if held.len() == 12 {
                    assert!(
                        held.drain(..)
                            .all(|(number, text)| *text == *number.to_string())
                    );
                }
            }
        });
        scope.spawn(|| {
            let mut held = Vec::new();
            for _ in 0..ROUNDS {
                let text = Snapshot::try_map(map.snapshot(), |view| Some(&view.get("a")?.1));
                held.push(text.expect("an entry"));
                if held.len() == 12 {
                    let numbers = held.drain(..).map(|text| text.parse::<u64>());
                    let numbers: Vec<_> = numbers.map(|number| number.expect("digits")).collect();
                    assert!(numbers.is_sorted());
                }
            }
        });
    });
}
