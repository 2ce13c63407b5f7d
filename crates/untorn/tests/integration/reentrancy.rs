//! A map used again from inside one of its own accesses, on one thread: by `Eq`, `Hash`, `Clone`, `Drop`, `Debug` or
//! a closure. And panics from inside: the gate is free afterwards.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::{NOTE, attempt, text};
use untorn::gomap::Key;
use untorn::{AccessKind, GoMap, Overlap};

type Map = GoMap<Nosy, Nosy>;

/// When a [`Nosy`] calls back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Hash,
    Eq,
    Clone,
    Drop,
    Debug,
}

type Callback = Rc<dyn Fn()>;

/// What an inner access noticed.
type Met = Rc<Cell<Option<Box<Overlap>>>>;

thread_local! {
    /// What a `Nosy` does at its next chance, once.
    static NEXT: RefCell<Option<(When, Callback)>> = const { RefCell::new(None) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn chance(now: When) {
    let due = NEXT.with_borrow_mut(|next| next.take_if(|(when, _)| *when == now));
    if let Some((_, callback)) = due {
        CALLS.set(CALLS.get() + 1);
        callback();
    }
}

/// Lets the next `Nosy` that is hashed, compared, … do this.
fn next(when: When, callback: impl Fn() + 'static) {
    NEXT.set(Some((when, Rc::new(callback))));
}

/// Whether what was asked for has been done since this was last asked.
fn called() -> bool {
    assert!(NEXT.take().is_none(), "nobody called back");
    CALLS.take() == 1
}

/// A key and a value that does as it is told whenever foreign code may run.
struct Nosy(u64);

impl Hash for Nosy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        chance(When::Hash);
        self.0.hash(state);
    }
}

impl PartialEq for Nosy {
    fn eq(&self, other: &Self) -> bool {
        chance(When::Eq);
        self.0 == other.0
    }
}

impl Eq for Nosy {}

impl Key for Nosy {
    // The stored key of an insert over it is dropped too.
    const NEEDS_KEY_UPDATE: bool = true;
}

impl Clone for Nosy {
    fn clone(&self) -> Self {
        chance(When::Clone);
        Self(self.0)
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        chance(When::Drop);
    }
}

impl fmt::Debug for Nosy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        chance(When::Debug);
        self.0.fmt(f)
    }
}

fn map_of(entries: u64) -> Rc<Map> {
    let map = Map::new().on_overlap(NOTE);
    for n in 0..entries {
        map.insert(Nosy(n), Nosy(n));
    }
    Rc::new(map)
}

type Use = fn(&Map);

/// What is done from inside.
const INNER: [(AccessKind, Use); 11] = [
    (AccessKind::Read, |map| drop(map.get(&Nosy(1)))),
    (AccessKind::Read, |map| assert!(map.contains_key(&Nosy(0)))),
    (AccessKind::Read, |map| _ = map.stats()),
    (AccessKind::Iterate, |map| map.iter_with(|_, _| {})),
    (AccessKind::Iterate, |map| drop(format!("{map:?}"))),
    (AccessKind::Clone, |map| drop(map.deep_clone())),
    (AccessKind::Write, |map| drop(map.insert(Nosy(1), Nosy(7)))),
    (AccessKind::Write, |map| drop(map.remove(&Nosy(1)))),
    (AccessKind::Write, |map| drop(map.update(Nosy(1), |_| None))),
    (AccessKind::Write, |map| map.retain(|_, _| false)),
    (AccessKind::Write, Map::clear),
];

/// Where foreign code runs inside an access.
const OUTER: [(AccessKind, When, Use); 8] = [
    (AccessKind::Read, When::Eq, |map| drop(map.get(&Nosy(0)))),
    (AccessKind::Read, When::Clone, |map| drop(map.get(&Nosy(0)))),
    (AccessKind::Read, When::Eq, |map| drop(map.trace(&Nosy(0)))),
    (AccessKind::Iterate, When::Debug, |map| {
        drop(format!("{map:?}"));
    }),
    (AccessKind::Clone, When::Clone, |map| drop(map.deep_clone())),
    (AccessKind::Write, When::Eq, |map| {
        drop(map.insert(Nosy(0), Nosy(5)));
    }),
    (AccessKind::Write, When::Eq, |map| {
        drop(map.remove(&Nosy(0)));
    }),
    (AccessKind::Read, When::Eq, |map| {
        _ = map.get_with(&Nosy(0), |_| ());
    }),
];

fn check(overlap: &Overlap, outer: AccessKind, inner: AccessKind) {
    let wanted = text(outer, inner).expect("only pairs with a write are reported");
    assert_eq!(overlap.message(), wanted);
    assert!(overlap.is_reentrant());
    assert_eq!(overlap.here.kind, inner);
    assert_eq!(overlap.other.kind, outer);
    assert_eq!(overlap.here.thread_number, overlap.other.thread_number);
    let report = overlap.to_string();
    assert!(report.contains("Both sides are one thread"), "{report}");
    assert!(!report.contains("untorn::Map"), "{report}");
}

#[test]
fn foreign_code_inside_an_access() {
    let mut reported = 0;
    for (outer_kind, when, outer) in OUTER {
        for (inner_kind, inner) in INNER {
            let map = map_of(2);
            let met: Met = Rc::default();
            next(when, {
                let (map, met) = (Rc::clone(&map), Rc::clone(&met));
                move || met.set(attempt(|| inner(&map)).err())
            });
            assert!(attempt(|| outer(&map)).is_ok(), "the outer access goes on");
            assert!(called());
            let case = format!("{inner_kind:?} inside {outer_kind:?}, {when:?}");
            match met.take() {
                Some(overlap) => {
                    check(&overlap, outer_kind, inner_kind);
                    reported += 1;
                }
                None => assert_eq!(text(outer_kind, inner_kind), None, "{case}"),
            }
            assert!(attempt(|| map.clear()).is_ok(), "{case}: left inside");
        }
    }
    // Five writes inside each of six, eleven of anything inside each of two.
    assert_eq!(reported, 6 * 5 + 2 * 11);
}

#[test]
fn closures_inside_an_access() {
    for (inner_kind, inner) in INNER {
        for outer in ["iter_with", "get_with", "update", "retain"] {
            let map = map_of(2);
            let mut met = Vec::new();
            let mut meet = || met.push(attempt(|| inner(&map)).err());
            let (outer, closures) = match outer {
                "iter_with" => {
                    map.iter_with(|_, _| meet());
                    (AccessKind::Iterate, 2)
                }
                "get_with" => {
                    map.get_with(&Nosy(0), |_| meet());
                    (AccessKind::Read, 1)
                }
                "update" => {
                    let same = |old: Option<&Nosy>| {
                        meet();
                        old.map(|nosy| Nosy(nosy.0))
                    };
                    assert!(map.update(Nosy(0), same).is_some());
                    (AccessKind::Write, 1)
                }
                _ => {
                    let all = |_: &Nosy, _: &Nosy| {
                        meet();
                        true
                    };
                    map.retain(all);
                    (AccessKind::Write, 2)
                }
            };
            assert_eq!(met.len(), closures);
            for overlap in met {
                match overlap {
                    Some(overlap) => check(&overlap, outer, inner_kind),
                    None => assert_eq!(text(outer, inner_kind), None),
                }
            }
            assert_eq!(attempt(|| map.len()).ok(), Some(2), "nothing was changed");
        }
    }
}

/// Growth hashes the stored keys anew, inside the write that carries it out.
#[test]
fn hashing_during_evacuation_is_inside() {
    for (inner_kind, inner) in INNER {
        let map = map_of(8);
        // The ninth entry makes the table grow; its own hash is made ahead, outside.
        let met: Met = Rc::default();
        next(When::Hash, {
            let (map, met) = (Rc::clone(&map), Rc::clone(&met));
            move || {
                let (map, met) = (Rc::clone(&map), Rc::clone(&met));
                next(When::Hash, move || met.set(attempt(|| inner(&map)).err()));
            }
        });
        assert!(attempt(|| map.insert(Nosy(8), Nosy(8))).is_ok());
        assert_eq!(CALLS.take(), 2, "no stored key was hashed");
        let overlap = met.take().expect("every access overlaps with a write");
        check(&overlap, AccessKind::Write, inner_kind);
        assert_eq!(map.len(), 9);
    }
}

/// As many entries as leave half of the old buckets to be moved.
const AMID_GROWTH: u64 = 27;

/// A clone hashes the stored keys that a growth has not moved yet, inside.
#[test]
fn hashing_during_a_clone_is_inside() {
    for (inner_kind, inner) in INNER {
        let map = map_of(AMID_GROWTH);
        let met: Met = Rc::default();
        next(When::Hash, {
            let (map, met) = (Rc::clone(&map), Rc::clone(&met));
            move || met.set(attempt(|| inner(&map)).err())
        });
        assert!(attempt(|| map.deep_clone()).is_ok());
        assert!(called());
        match met.take() {
            Some(overlap) => check(&overlap, AccessKind::Clone, inner_kind),
            None => assert_eq!(text(AccessKind::Clone, inner_kind), None),
        }
        assert_eq!(map.len() as u64, AMID_GROWTH);
    }
}

/// The hash of the key that is asked for is made before the gate is entered.
#[test]
fn hashing_the_key_that_is_asked_for_is_outside() {
    const ASKING: [Use; 6] = [
        |map| drop(map.get(&Nosy(0))),
        |map| _ = map.get_with(&Nosy(0), |_| ()),
        |map| assert!(map.contains_key(&Nosy(0))),
        |map| drop(map.trace(&Nosy(0))),
        |map| drop(map.insert(Nosy(0), Nosy(5))),
        |map| drop(map.remove(&Nosy(0))),
    ];
    for entries in [2, 8, 9, 100] {
        for asking in ASKING {
            for (_, inner) in &INNER[..8] {
                let map = map_of(entries);
                next(When::Hash, {
                    let (map, inner) = (Rc::clone(&map), *inner);
                    move || inner(&map)
                });
                assert!(attempt(|| asking(&map)).is_ok(), "inside");
                assert!(called());
            }
        }
    }
}

/// What a write takes out is dropped when the map is free again.
#[test]
fn drops_are_outside() {
    const DROPPING: [Use; 4] = [
        |map| drop(map.insert(Nosy(0), Nosy(5))),
        |map| drop(map.remove(&Nosy(0))),
        Map::clear,
        |map| drop(map.get(&Nosy(0))),
    ];
    for dropping in DROPPING {
        for entries in [2, 9, 100] {
            for (kind, inner) in INNER {
                let map = map_of(entries);
                next(When::Drop, {
                    let map = Rc::clone(&map);
                    // An access that asks for nothing that may be gone.
                    move || match kind {
                        AccessKind::Read => drop(map.get(&Nosy(99_999))),
                        _ => inner(&map),
                    }
                });
                assert!(attempt(|| dropping(&map)).is_ok(), "inside");
                assert!(called());
            }
        }
    }
}

/// golang/go#19359: a panic out of the program's own code must leave no mark that someone is writing.
#[test]
fn a_panic_inside_leaves_the_gate_free() {
    const PANICKING: [(When, Use); 11] = [
        (When::Hash, |map| drop(map.get(&Nosy(0)))),
        (When::Hash, |map| drop(map.insert(Nosy(0), Nosy(5)))),
        (When::Hash, |map| drop(map.remove(&Nosy(0)))),
        (When::Eq, |map| drop(map.get(&Nosy(0)))),
        (When::Eq, |map| drop(map.insert(Nosy(0), Nosy(5)))),
        (When::Eq, |map| drop(map.remove(&Nosy(0)))),
        (When::Clone, |map| drop(map.get(&Nosy(0)))),
        (When::Clone, |map| drop(map.deep_clone())),
        (When::Debug, |map| drop(format!("{map:?}"))),
        (When::Drop, |map| drop(map.insert(Nosy(0), Nosy(5)))),
        (When::Drop, |map| drop(map.remove(&Nosy(0)))),
    ];
    for entries in [1, 9] {
        for (when, panicking) in PANICKING {
            let map = map_of(entries);
            next(when, || panic!("as asked"));
            let caught = catch_unwind(AssertUnwindSafe(|| panicking(&map)));
            assert!(caught.is_err());
            assert!(called());
            // Each of these would be reported if that access were still inside.
            let alive = attempt(|| {
                map.insert(Nosy(1), Nosy(1));
                assert_eq!(map.get(&Nosy(1)).map(|nosy| nosy.0), Some(1));
                map.clear();
                map.len()
            });
            assert_eq!(alive.ok(), Some(0), "{when:?} with {entries}");
        }
    }
    let map = map_of(1);
    let closures: [Use; 4] = [
        |map| _ = map.update(Nosy(0), |_| panic!("as asked")),
        |map| map.retain(|_, _| panic!("as asked")),
        |map| map.iter_with(|_, _| panic!("as asked")),
        |map| _ = map.get_with(&Nosy(0), |_| -> u8 { panic!("as asked") }),
    ];
    for closure in closures {
        assert!(catch_unwind(AssertUnwindSafe(|| closure(&map))).is_err());
        assert!(attempt(|| map.insert(Nosy(0), Nosy(1))).is_ok());
    }
}

#[test]
fn a_panic_over_a_nil_map_leaves_the_gate_free() {
    let map: GoMap<u8, u8> = GoMap::nil().on_overlap(NOTE);
    for _ in 0..10 {
        let caught = catch_unwind(AssertUnwindSafe(|| map.insert(1, 1)));
        let message = caught.expect_err("the map is nil");
        let message = message.downcast_ref::<&str>().copied();
        assert_eq!(message, Some("assignment to entry in nil map"));
        assert_eq!(attempt(|| map.remove(&1)).ok(), Some(None));
    }
    let map = map_of(AMID_GROWTH);
    next(When::Hash, || panic!("as asked"));
    assert!(catch_unwind(AssertUnwindSafe(|| map.deep_clone())).is_err());
    assert!(called());
    assert!(attempt(|| map.insert(Nosy(0), Nosy(1))).is_ok());
}
