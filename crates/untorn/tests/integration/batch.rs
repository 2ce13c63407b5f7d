//! `Batch` from the writer's side: its own writes, the revision that it started from, and panics
//! inside it.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::thread;

use untorn::{Map, Revision};

#[test]
fn batch_reads_its_writes_and_starting_revision() {
    let map = Map::from([("a", 1)]);
    map.insert("b", 2);
    let revision = map.batch(|batch| {
        assert_eq!(batch.revision(), Revision::from(1));
        batch.remove("a");
        batch.insert("c", 3);
        let mut entries: Vec<_> = (&*batch).into_iter().collect();
        entries.sort_unstable();
        assert_eq!(entries, [(&"b", &2), (&"c", &3)]);
        batch.retain(|key, _| *key == "b");
        assert_eq!(format!("{batch:?}"), r#"{"b": 2}"#);
        assert_eq!(batch.revision(), Revision::from(1));
    });
    assert_eq!(revision, Revision::from(2));
}

#[test]
fn batch_update_inserts_replaces_and_removes() {
    let map = Map::from([("a", 1), ("b", 2)]);
    map.batch(|batch| {
        batch.update("a", |old| old.map(|n| n + 10));
        batch.update("b", |old| {
            assert_eq!(old, Some(&2));
            None
        });
        batch.update("c", |old| {
            assert_eq!(old, None);
            Some(3)
        });
        assert_eq!(batch.len(), 2);
    });
    let get = |key| map.get(key);
    assert_eq!((get("a"), get("b"), get("c")), (Some(11), None, Some(3)));
    let before = map.revision();
    map.batch(|batch| batch.update("d", |_| None));
    assert_eq!(map.revision(), before, "an absent key stays absent");
}

/// A key whose hash panics on demand.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    number: u32,
    panics: Rc<Cell<bool>>,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.panics.get() {
            resume_unwind(Box::new("hashed"));
        }
        self.number.hash(state);
    }
}

#[test]
fn batch_continues_after_a_caught_panic() {
    let map: Map<Key, Rc<u32>> = Map::new();
    let value = Rc::new(0);
    let key = |number| Key {
        number,
        panics: Rc::default(),
    };
    map.batch(|batch| {
        let bad = key(1);
        bad.panics.set(true);
        let insert = AssertUnwindSafe(|| batch.insert(bad.clone(), Rc::clone(&value)));
        catch_unwind(insert).expect_err("the hash panics");
        assert_eq!(batch.insert(key(2), Rc::clone(&value)), None);
        assert_eq!(batch.len(), 1);
    });
    assert_eq!(map.len(), 1);
    assert!(map.contains_key(&key(2)) && !map.contains_key(&key(1)));
    // One reference here, one in the map: the entry of the panic was dropped.
    assert_eq!(Rc::strong_count(&value), 2);
}

#[test]
fn batch_guard_publishes_only_on_commit() {
    let map = Map::from([("low", 10), ("high", 20)]);
    let before = map.snapshot();
    let mut batch = map.begin_batch();
    batch.insert("low", 30);
    batch.update("high", |high| high.map(|high| high + 20));
    batch.remove("none");
    assert_eq!(
        (batch.get("low"), batch.get("high")),
        (Some(&30), Some(&40))
    );
    // No reader observes it yet, on this thread or on another.
    assert_eq!(map.get("low"), Some(10));
    assert!(thread::scope(|scope| scope
        .spawn(|| map.pin() == map.fork().pin())
        .join()
        .unwrap()));
    assert!(std::ptr::eq(&*map.pin(), &*before));
    assert_eq!(batch.commit(), Revision::from(1));
    let view = map.pin();
    assert_eq!(
        (view["low"], view["high"], view.revision().get()),
        (30, 40, 1)
    );
}

#[test]
fn dropped_batch_guard_publishes_nothing() {
    let map = Map::from([("low", 10)]);
    let before = map.snapshot();
    let half = |text: &str| -> Result<Revision, std::num::ParseIntError> {
        let mut batch = map.begin_batch();
        batch.insert("low", 30);
        batch.insert("high", text.parse()?);
        Ok(batch.commit())
    };
    assert!(half("forty").is_err());
    let panics = || {
        let mut batch = map.begin_batch();
        batch.clear();
        resume_unwind(Box::new("while it is open"));
    };
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    drop(map.begin_batch());
    assert!(std::ptr::eq(&*map.pin(), &*before), "nothing was published");
    assert_eq!(map.retained(), 0);
    assert_eq!(half("40"), Ok(Revision::from(1)), "and the lock is free");
    assert_eq!(map.get("high"), Some(40));
}

#[test]
fn leaked_batch_holds_only_the_writer_lock() {
    let value = Arc::new(0);
    let map = Map::named("limits");
    map.insert(1, Arc::clone(&value));
    map.insert(1, Arc::clone(&value)); // replaced versions are kept
    let mut changes = map.subscribe();
    std::mem::forget(map.begin_batch());
    let caught = catch_unwind(AssertUnwindSafe(|| map.insert(2, Arc::default())));
    let message = caught.expect_err("this would deadlock");
    let message = message
        .downcast_ref::<String>()
        .expect("the message is text");
    assert_eq!(
        message,
        "cannot write to map \"limits\" while this thread has a write to that map open: this would deadlock; end that write first, or write through its batch"
    );
    assert_eq!(
        (map.get(&1), map.len(), map.revision().get()),
        (Some(Arc::default()), 1, 2)
    );
    assert_eq!(*map.fork().pin(), *map.pin());
    // Dropping the map does not wait for the leaked guard.
    thread::spawn(move || drop(map)).join().expect("no panic");
    assert!(changes.recv().is_err(), "the subscription has ended");
}

#[test]
fn swapped_batch_guards_write_to_their_own_maps() {
    let (one, two) = (Map::new(), Map::new());
    let (mut first, mut second) = (one.begin_batch(), two.begin_batch());
    first.insert(1, 1);
    second.insert(2, 2);
    std::mem::swap(&mut first, &mut second);
    first.insert(22, 22);
    drop(second);
    first.commit();
    assert_eq!((one.len(), two.len()), (0, 2));
    assert_eq!((one.revision().get(), two.revision().get()), (0, 1));
}

#[test]
fn a_closure_cannot_commit_the_batch_of_another_map() {
    static OTHER: LazyLock<Map<u8, u8>> = LazyLock::new(Map::new);
    type Change = fn(&mut untorn::Batch<'_, u8, u8>);
    let replace: [Change; 2] = [
        |batch| *batch = OTHER.begin_batch(),
        |batch| {
            let mut other = OTHER.begin_batch();
            other.insert(2, 2);
            // A closure can end its own batch like this.
            drop(std::mem::replace(batch, other));
        },
    ];
    let map = Map::new();
    for replace in replace {
        let write = || {
            map.batch(|batch| {
                batch.insert(1, 1);
                replace(batch);
            });
        };
        let caught = catch_unwind(AssertUnwindSafe(write));
        let message = caught.expect_err("the batch is of another map");
        let message = message.downcast_ref::<&str>().copied();
        assert!(
            message.is_some_and(|text| text.starts_with("cannot commit a batch of another map"))
        );
        assert!(map.is_empty() && OTHER.is_empty());
    }
    map.insert(1, 1);
    OTHER.insert(1, 1);
}

#[test]
fn a_closure_cannot_commit_a_later_batch() {
    static MAP: LazyLock<Map<u8, u8>> = LazyLock::new(Map::new);
    static OTHER: LazyLock<Map<u8, u8>> = LazyLock::new(Map::new);
    let view = MAP.snapshot();
    let write = || {
        MAP.batch_if_unchanged(&view, |batch| {
            // Ends the batch of the view, so that another write can run in between.
            drop(std::mem::replace(batch, OTHER.begin_batch()));
            MAP.insert(1, 1);
            *batch = MAP.begin_batch();
            batch.insert(1, 2);
        })
    };
    let caught =
        catch_unwind(AssertUnwindSafe(write)).expect_err("the batch is of a later revision");
    let message = caught.downcast_ref::<&str>().copied();
    assert!(message.is_some_and(|text| text.starts_with("cannot commit another batch")));
    assert_eq!(MAP.get(&1), Some(1));
}
