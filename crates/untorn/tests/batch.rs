//! A `Batch` as its writer sees it: its own writes, the revision that it began with, and what becomes of a panic in it.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use untorn::{Map, Revision};

#[test]
fn a_batch_shows_its_own_writes_and_the_revision_it_began_with() {
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
fn an_update_in_a_batch_puts_replaces_and_removes() {
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
    assert_eq!(map.revision(), before, "nothing was there, nothing is");
}

/// A key whose hash can be made to panic.
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
fn a_batch_whose_writer_catches_a_panic_goes_on_and_drops_what_did_not_get_in() {
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
    // One here, one in the map: that of the panic is gone.
    assert_eq!(Rc::strong_count(&value), 2);
}
