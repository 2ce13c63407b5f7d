//! Refreshes: what they clone, and which keys stay.

use std::cell::Cell;
use std::hash::{Hash, Hasher};

use untorn::Map;

/// Counts clones of values, which are not plain bytes.
#[derive(PartialEq)]
struct CountedClone(u64, Box<u64>);

thread_local! {
    static CLONES: Cell<usize> = const { Cell::new(0) };
}

impl Clone for CountedClone {
    fn clone(&self) -> Self {
        CLONES.set(CLONES.get() + 1);
        Self(self.0, self.1.clone())
    }
}

#[test]
fn refresh_moves_values_of_its_source() {
    let map = Map::new();
    let refresh = |add: u64| {
        let before = CLONES.get();
        map.refresh((0..5_000_u64).map(|key| (key + add, CountedClone(add, Box::new(add)))));
        CLONES.get() - before
    };
    assert_eq!(refresh(0), 0, "into an empty map");
    assert_eq!(refresh(10_000), 0, "no key stays");
    assert_eq!(refresh(10_001), 0, "one key more, and no value stays");
}

#[test]
fn refresh_keeps_stored_keys() {
    /// Equal whatever its tag is.
    #[derive(Clone, Debug)]
    struct Tagged(u32, &'static str);
    impl PartialEq for Tagged {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Tagged {}
    impl Hash for Tagged {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }
    for values in [["a", "b"], ["same", "same"]] {
        let map: Map<Tagged, String> = Map::new();
        for (tag, value) in ["first", "second"].into_iter().zip(values) {
            map.refresh((0..100).map(|n| (Tagged(n, tag), value.to_owned())));
        }
        assert!(map.pin().keys().all(|key| key.1 == "first"));
        assert!(map.pin().values().all(|value| value == values[1]));
    }
}
