//! Keys of every kind, and keys that cannot be hashed.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use untorn::gomap::{Float32, Float64, Key, Table};
use untorn::{GoMap, OnOverlap};

/// Go's `interface{}` as a key: a value of any kind, some of which cannot be hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Any {
    Nil,
    Bool(bool),
    Int(i64),
    Byte(u8),
    Float(Float64),
    Float32(Float32),
    Complex(Float64, Float64),
    Text(String),
    Array([u16; 3]),
    Struct {
        id: u32,
        inner: Box<Any>,
    },
    /// A function, a slice or a map.
    Unhashable,
}

impl Hash for Any {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Nil => {}
            Self::Bool(it) => it.hash(state),
            Self::Int(it) => it.hash(state),
            Self::Byte(it) => it.hash(state),
            Self::Float(it) => it.hash(state),
            Self::Float32(it) => it.hash(state),
            Self::Complex(real, imaginary) => (real, imaginary).hash(state),
            Self::Text(it) => it.hash(state),
            Self::Array(it) => it.hash(state),
            Self::Struct { id, inner } => (id, inner).hash(state),
            Self::Unhashable => panic!("hash of unhashable type"),
        }
    }
}

impl Key for Any {
    const NEEDS_KEY_UPDATE: bool = true;
}

fn of_every_kind() -> Vec<Any> {
    let inner = |any: Any| Any::Struct {
        id: 7,
        inner: Box::new(any),
    };
    let plain = [
        Any::Nil,
        Any::Bool(false),
        Any::Bool(true),
        Any::Int(0),
        Any::Int(-1),
        Any::Byte(0),
        Any::Float(Float64(0.0)),
        Any::Float(Float64(1.5)),
        Any::Float32(Float32(0.0)),
        Any::Complex(Float64(0.0), Float64(1.0)),
        Any::Complex(Float64(1.0), Float64(0.0)),
        Any::Text(String::new()),
        Any::Text("key".into()),
        Any::Array([1, 2, 3]),
        Any::Array([1, 2, 4]),
    ];
    let nested = plain.clone().map(inner);
    plain.into_iter().chain(nested).collect()
}

#[test]
fn keys_of_every_kind_are_distinct() {
    let keys = of_every_kind();
    let table: Table<Any, usize> = keys.iter().cloned().zip(0..).collect();
    assert_eq!(table.len(), keys.len());
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(table.get(key), Some(&n), "{key:?}");
    }
    let mut cursor = table.cursor();
    let mut shown = BTreeSet::new();
    while let Some((_, n)) = cursor.next(&table) {
        assert!(shown.insert(*n));
    }
    assert_eq!(shown.len(), keys.len());
}

fn panics(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    let text = panic
        .downcast_ref::<&str>()
        .expect("the message is a literal");
    (*text).to_owned()
}

#[test]
fn unhashable_key_panics_when_hashed() {
    let unhashable = "hash of unhashable type";
    let nested = Any::Struct {
        id: 1,
        inner: Box::new(Any::Unhashable),
    };
    let mut full: Table<Any, usize> = of_every_kind().into_iter().zip(0..).collect();
    for key in [Any::Unhashable, nested] {
        let mut empty = Table::<Any, usize>::new();
        assert_eq!(panics(|| _ = empty.insert(key.clone(), 1)), unhashable);
        assert_eq!(panics(|| _ = full.insert(key.clone(), 1)), unhashable);
        assert_eq!(panics(|| _ = full.get(&key)), unhashable);
        assert_eq!(panics(|| _ = full.remove(&key)), unhashable);
        // Go panics here as well. In Rust the type guarantees that a key can be hashed, and an
        // empty map hashes nothing.
        assert_eq!(empty.get(&key), None);
        assert_eq!(empty.remove(&key), None);
        assert!(empty.is_empty());
    }
    assert_eq!(full.len(), of_every_kind().len());
    full.assert_invariants();
}

#[test]
fn hashable_keys_do_not_panic_in_an_empty_map() {
    let mut table = Table::<Any, usize>::new();
    for key in of_every_kind() {
        assert_eq!(table.get(&key), None);
        assert_eq!(table.remove(&key), None);
    }
}

/// A caught panic in `Hash` must leave no flag set: Go once reported a write that did not exist.
#[test]
fn a_map_is_usable_after_a_key_whose_hash_panicked() {
    let map = GoMap::from([(Any::Int(1), 1)]).on_overlap(OnOverlap::Panic);
    for _ in 0..3 {
        panics(|| _ = map.insert(Any::Unhashable, 1));
        panics(|| _ = map.get(&Any::Unhashable));
        panics(|| _ = map.remove(&Any::Unhashable));
        assert_eq!(map.insert(Any::Int(1), 2).map(|_| map.len()), Some(1));
        assert_eq!(map.get(&Any::Int(1)), Some(2));
        assert_eq!(map.cursor().count(), 1);
    }
}

/// A panic in the right side of `m[k] = f()` must insert nothing.
#[test]
fn panicking_value_expression_inserts_nothing() {
    #[derive(Clone)]
    struct NoZero;
    impl Default for NoZero {
        fn default() -> Self {
            panic!("no zero value")
        }
    }
    let map = GoMap::<u64, NoZero>::new();
    panics(|| {
        let zero = map.get_or_zero(&1);
        map.insert(1, zero);
    });
    let right_side = || -> NoZero { panic!("the right side") };
    panics(|| _ = map.insert(2, right_side()));
    assert!(map.is_empty());
    assert!(map.insert(1, NoZero).is_none());
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Padded {
    a: u8,
    b: u64,
    c: u8,
}

impl Key for Padded {}

#[derive(Clone, Debug)]
struct Blank {
    id: u32,
    /// Go's field `_`, which is not part of the key.
    _blank: u32,
}

impl PartialEq for Blank {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Blank {}

impl Hash for Blank {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl Key for Blank {}

#[test]
fn padding_and_blank_fields_are_no_part_of_a_key() {
    let mut padded = Table::new();
    let mut blank = Table::new();
    for n in 0..100_u32 {
        let key = |n: u32| Padded {
            a: n as u8,
            b: u64::from(n),
            c: 1,
        };
        padded.insert(key(n), n);
        assert_eq!(padded.get(&key(n)), Some(&n));
        blank.insert(
            Blank {
                id: n % 10,
                _blank: n,
            },
            n,
        );
    }
    assert_eq!((padded.len(), blank.len()), (100, 10));
    assert_eq!(blank.get(&Blank { id: 3, _blank: 0 }), Some(&93));
}

#[test]
fn keys_without_a_size_and_large_ones_are_removed() {
    let mut nothing = Table::from([((), 1)]);
    assert_eq!((nothing.remove(&()), nothing.remove(&())), (Some(1), None));
    let key = |n: u64| [[n; 50]; 3];
    let mut large: Table<_, _> = (0..50).map(|n| (key(n), n)).collect();
    for n in 0..50 {
        assert_eq!(large.remove(&key(n)), Some(n));
    }
    assert!(large.is_empty());
}
