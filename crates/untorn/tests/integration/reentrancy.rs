//! A map that is accessed from inside one of its own accesses, on one thread: by `Eq`, `Hash`,
//! `Clone`, `Drop`, `Debug` or a closure. A panic inside ends the access.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::{RECORD, attempt, text};
use untorn::gomap::Key;
use untorn::{AccessKind, GoMap, Overlap};

type Map = GoMap<Reentrant, Reentrant>;

/// The method in which a [`Reentrant`] calls back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Hash,
    Eq,
    Clone,
    Drop,
    Debug,
}

type Callback = Rc<dyn Fn()>;

/// The overlap that an inner access reported.
type Recorded = Rc<Cell<Option<Box<Overlap>>>>;

thread_local! {
    /// The next callback, which runs once.
    static NEXT: RefCell<Option<(When, Callback)>> = const { RefCell::new(None) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn call_back(now: When) {
    let due = NEXT.with_borrow_mut(|next| next.take_if(|(when, _)| *when == now));
    if let Some((_, callback)) = due {
        CALLS.set(CALLS.get() + 1);
        callback();
    }
}

/// Sets the callback that the next such method of a `Reentrant` runs.
fn next(when: When, callback: impl Fn() + 'static) {
    NEXT.set(Some((when, Rc::new(callback))));
}

/// Returns whether the callback has run since the last call.
fn called() -> bool {
    assert!(NEXT.take().is_none(), "the callback did not run");
    CALLS.take() == 1
}

/// A key and a value that run the callback wherever user code may run.
struct Reentrant(u64);

impl Hash for Reentrant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        call_back(When::Hash);
        self.0.hash(state);
    }
}

impl PartialEq for Reentrant {
    fn eq(&self, other: &Self) -> bool {
        call_back(When::Eq);
        self.0 == other.0
    }
}

impl Eq for Reentrant {}

impl Key for Reentrant {
    // An insert over an existing key drops the stored key too.
    const NEEDS_KEY_UPDATE: bool = true;
}

impl Clone for Reentrant {
    fn clone(&self) -> Self {
        call_back(When::Clone);
        Self(self.0)
    }
}

impl Drop for Reentrant {
    fn drop(&mut self) {
        call_back(When::Drop);
    }
}

impl fmt::Debug for Reentrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        call_back(When::Debug);
        self.0.fmt(f)
    }
}

fn map_of(entries: u64) -> Rc<Map> {
    let map = Map::new().on_overlap(RECORD);
    for n in 0..entries {
        map.insert(Reentrant(n), Reentrant(n));
    }
    Rc::new(map)
}

type Use = fn(&Map);

/// Accesses from inside.
const INNER: [(AccessKind, Use); 11] = [
    (AccessKind::Read, |map| drop(map.get(&Reentrant(1)))),
    (AccessKind::Read, |map| {
        assert!(map.contains_key(&Reentrant(0)));
    }),
    (AccessKind::Read, |map| _ = map.stats()),
    (AccessKind::Iterate, |map| map.iter_with(|_, _| {})),
    (AccessKind::Iterate, |map| drop(format!("{map:?}"))),
    (AccessKind::Clone, |map| drop(map.deep_clone())),
    (AccessKind::Write, |map| {
        drop(map.insert(Reentrant(1), Reentrant(7)));
    }),
    (AccessKind::Write, |map| drop(map.remove(&Reentrant(1)))),
    (AccessKind::Write, |map| {
        drop(map.update(Reentrant(1), |_| None));
    }),
    (AccessKind::Write, |map| map.retain(|_, _| false)),
    (AccessKind::Write, Map::clear),
];

/// Accesses that run user code.
const OUTER: [(AccessKind, When, Use); 8] = [
    (AccessKind::Read, When::Eq, |map| {
        drop(map.get(&Reentrant(0)));
    }),
    (AccessKind::Read, When::Clone, |map| {
        drop(map.get(&Reentrant(0)));
    }),
    (AccessKind::Read, When::Eq, |map| {
        drop(map.trace(&Reentrant(0)));
    }),
    (AccessKind::Iterate, When::Debug, |map| {
        drop(format!("{map:?}"));
    }),
    (AccessKind::Clone, When::Clone, |map| drop(map.deep_clone())),
    (AccessKind::Write, When::Eq, |map| {
        drop(map.insert(Reentrant(0), Reentrant(5)));
    }),
    (AccessKind::Write, When::Eq, |map| {
        drop(map.remove(&Reentrant(0)));
    }),
    (AccessKind::Read, When::Eq, |map| {
        _ = map.get_with(&Reentrant(0), |_| ());
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
fn user_code_inside_an_access() {
    let mut reported = 0;
    for (outer_kind, when, outer) in OUTER {
        for (inner_kind, inner) in INNER {
            let map = map_of(2);
            let met: Recorded = Rc::default();
            next(when, {
                let (map, met) = (Rc::clone(&map), Rc::clone(&met));
                move || met.set(attempt(|| inner(&map)).err())
            });
            assert!(
                attempt(|| outer(&map)).is_ok(),
                "the outer access is not reported"
            );
            assert!(called());
            let case = format!("{inner_kind:?} inside {outer_kind:?}, {when:?}");
            match met.take() {
                Some(overlap) => {
                    check(&overlap, outer_kind, inner_kind);
                    reported += 1;
                }
                None => assert_eq!(text(outer_kind, inner_kind), None, "{case}"),
            }
            assert!(
                attempt(|| map.clear()).is_ok(),
                "{case}: an access is still open"
            );
        }
    }
    // Five writes inside each of six, and all eleven inside each of two.
    assert_eq!(reported, 6 * 5 + 2 * 11);
}

#[test]
fn closures_inside_an_access() {
    for (inner_kind, inner) in INNER {
        for outer in ["iter_with", "get_with", "update", "retain"] {
            let map = map_of(2);
            let mut met = Vec::new();
            let mut access = || met.push(attempt(|| inner(&map)).err());
            let (outer, closures) = match outer {
                "iter_with" => {
                    map.iter_with(|_, _| access());
                    (AccessKind::Iterate, 2)
                }
                "get_with" => {
                    map.get_with(&Reentrant(0), |_| access());
                    (AccessKind::Read, 1)
                }
                "update" => {
                    let same = |old: Option<&Reentrant>| {
                        access();
                        old.map(|value| Reentrant(value.0))
                    };
                    assert!(map.update(Reentrant(0), same).is_some());
                    (AccessKind::Write, 1)
                }
                _ => {
                    let all = |_: &Reentrant, _: &Reentrant| {
                        access();
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
            assert_eq!(
                attempt(|| map.len()).ok(),
                Some(2),
                "an inner access changed the map"
            );
        }
    }
}

/// Growth rehashes the stored keys, inside the write that carries it out.
#[test]
fn hashing_during_evacuation_is_inside() {
    for (inner_kind, inner) in INNER {
        let map = map_of(8);
        // The ninth entry makes the table grow; its own hash is computed before the access.
        let met: Recorded = Rc::default();
        next(When::Hash, {
            let (map, met) = (Rc::clone(&map), Rc::clone(&met));
            move || {
                let (map, met) = (Rc::clone(&map), Rc::clone(&met));
                next(When::Hash, move || met.set(attempt(|| inner(&map)).err()));
            }
        });
        assert!(attempt(|| map.insert(Reentrant(8), Reentrant(8))).is_ok());
        assert_eq!(CALLS.take(), 2, "no stored key was hashed");
        let overlap = met.take().expect("every access overlaps with a write");
        check(&overlap, AccessKind::Write, inner_kind);
        assert_eq!(map.len(), 9);
    }
}

/// A number of entries at which half of the old buckets are still to be moved.
const AMID_GROWTH: u64 = 27;

/// A clone hashes the stored keys that a growth has not moved yet, inside its access.
#[test]
fn hashing_during_a_clone_is_inside() {
    for (inner_kind, inner) in INNER {
        let map = map_of(AMID_GROWTH);
        let met: Recorded = Rc::default();
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

/// The key of a lookup is hashed before the access begins.
#[test]
fn hashing_the_lookup_key_is_outside() {
    const LOOKUPS: [Use; 6] = [
        |map| drop(map.get(&Reentrant(0))),
        |map| _ = map.get_with(&Reentrant(0), |_| ()),
        |map| assert!(map.contains_key(&Reentrant(0))),
        |map| drop(map.trace(&Reentrant(0))),
        |map| drop(map.insert(Reentrant(0), Reentrant(5))),
        |map| drop(map.remove(&Reentrant(0))),
    ];
    for entries in [2, 8, 9, 100] {
        for lookup in LOOKUPS {
            for (_, inner) in &INNER[..8] {
                let map = map_of(entries);
                next(When::Hash, {
                    let (map, inner) = (Rc::clone(&map), *inner);
                    move || inner(&map)
                });
                assert!(attempt(|| lookup(&map)).is_ok(), "inside");
                assert!(called());
            }
        }
    }
}

/// Removed entries are dropped after the access has ended.
#[test]
fn drops_run_outside_the_access() {
    const DROPPING: [Use; 4] = [
        |map| drop(map.insert(Reentrant(0), Reentrant(5))),
        |map| drop(map.remove(&Reentrant(0))),
        Map::clear,
        |map| drop(map.get(&Reentrant(0))),
    ];
    for dropping in DROPPING {
        for entries in [2, 9, 100] {
            for (kind, inner) in INNER {
                let map = map_of(entries);
                next(When::Drop, {
                    let map = Rc::clone(&map);
                    // A lookup of a key that is always absent.
                    move || match kind {
                        AccessKind::Read => drop(map.get(&Reentrant(99_999))),
                        _ => inner(&map),
                    }
                });
                assert!(attempt(|| dropping(&map)).is_ok(), "inside");
                assert!(called());
            }
        }
    }
}

/// golang/go#19359: a panic in user code must leave no flag that marks a writer.
#[test]
fn panic_inside_an_access_ends_the_access() {
    const PANICKING: [(When, Use); 11] = [
        (When::Hash, |map| drop(map.get(&Reentrant(0)))),
        (When::Hash, |map| {
            drop(map.insert(Reentrant(0), Reentrant(5)));
        }),
        (When::Hash, |map| drop(map.remove(&Reentrant(0)))),
        (When::Eq, |map| drop(map.get(&Reentrant(0)))),
        (When::Eq, |map| drop(map.insert(Reentrant(0), Reentrant(5)))),
        (When::Eq, |map| drop(map.remove(&Reentrant(0)))),
        (When::Clone, |map| drop(map.get(&Reentrant(0)))),
        (When::Clone, |map| drop(map.deep_clone())),
        (When::Debug, |map| drop(format!("{map:?}"))),
        (When::Drop, |map| {
            drop(map.insert(Reentrant(0), Reentrant(5)));
        }),
        (When::Drop, |map| drop(map.remove(&Reentrant(0)))),
    ];
    for entries in [1, 9] {
        for (when, panicking) in PANICKING {
            let map = map_of(entries);
            next(when, || panic!("on demand"));
            let caught = catch_unwind(AssertUnwindSafe(|| panicking(&map)));
            assert!(caught.is_err());
            assert!(called());
            // Each of these would be reported if that access were still open.
            let alive = attempt(|| {
                map.insert(Reentrant(1), Reentrant(1));
                assert_eq!(map.get(&Reentrant(1)).map(|value| value.0), Some(1));
                map.clear();
                map.len()
            });
            assert_eq!(alive.ok(), Some(0), "{when:?} with {entries}");
        }
    }
    let map = map_of(1);
    let closures: [Use; 4] = [
        |map| _ = map.update(Reentrant(0), |_| panic!("on demand")),
        |map| map.retain(|_, _| panic!("on demand")),
        |map| map.iter_with(|_, _| panic!("on demand")),
        |map| _ = map.get_with(&Reentrant(0), |_| -> u8 { panic!("on demand") }),
    ];
    for closure in closures {
        assert!(catch_unwind(AssertUnwindSafe(|| closure(&map))).is_err());
        assert!(attempt(|| map.insert(Reentrant(0), Reentrant(1))).is_ok());
    }
}

#[test]
fn panic_on_a_nil_map_ends_the_access() {
    let map: GoMap<u8, u8> = GoMap::nil().on_overlap(RECORD);
    for _ in 0..10 {
        let caught = catch_unwind(AssertUnwindSafe(|| map.insert(1, 1)));
        let message = caught.expect_err("the map is nil");
        let message = message.downcast_ref::<&str>().copied();
        assert_eq!(message, Some("assignment to entry in nil map"));
        assert_eq!(attempt(|| map.remove(&1)).ok(), Some(None));
    }
    let map = map_of(AMID_GROWTH);
    next(When::Hash, || panic!("on demand"));
    assert!(catch_unwind(AssertUnwindSafe(|| map.deep_clone())).is_err());
    assert!(called());
    assert!(attempt(|| map.insert(Reentrant(0), Reentrant(1))).is_ok());
}
