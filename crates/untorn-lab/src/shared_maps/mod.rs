//! Maps that threads share, under one interface: each access in the best idiom of its map.
//!
//! All use one hash function and start with their entries in place.
//!
//! | file | contents |
//! |---|---|
//! | `whole.rs` | maps that are read as a whole: untorn's, a `HashMap` that is replaced or locked |
//! | `per_key.rs` | maps that are concurrent key by key |

mod per_key;
mod whole;

use std::collections::{HashMap, HashSet};
use std::sync::RwLock;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use untorn::map::DefaultHashBuilder;
use untorn::{Map, Published};

use crate::keys::Key;

pub use self::whole::SeenWhole;

/// The map of one thread that most of the others wrap.
pub type Plain<K, V> = HashMap<K, V, DefaultHashBuilder>;

/// A value that all maps can hold.
pub trait Value: Clone + PartialEq + Send + Sync + 'static {}

impl<V: Clone + PartialEq + Send + Sync + 'static> Value for V {}

/// A map that threads share.
pub trait SharedMap<K: Key, V: Value>: Send + Sync + Sized + 'static {
    /// The name of its row.
    const NAME: &'static str;

    /// True if a write of one key copies all entries.
    const COPIES_ALL: bool = false;

    /// Creates a map with these entries.
    fn of(entries: impl IntoIterator<Item = (K, V)>) -> Self;

    /// Returns the newest value of a key.
    fn get(&self, key: &K) -> Option<V>;

    /// Inserts or overwrites one entry, visible to all threads when it returns.
    fn insert(&self, key: K, value: V);

    /// Replaces the contents with those of `source`. Maps that are concurrent key by key do so one
    /// by one: meanwhile readers see some of both contents.
    fn refresh(&self, source: Vec<(K, V)>);
}

/// A function of the type of a map, which a closure cannot be.
pub trait Visit<K: Key, V: Value> {
    /// Visits one type.
    fn visit<M: SharedMap<K, V>>(&mut self);
}

/// Visits each type in the order of the rows: the first is the baseline.
pub fn visit_each<K: Key, V: Value>(visitor: &mut impl Visit<K, V>) {
    visitor.visit::<RwLock<Plain<K, V>>>();
    visitor.visit::<parking_lot::RwLock<Plain<K, V>>>();
    visitor.visit::<ArcSwap<Plain<K, V>>>();
    visitor.visit::<Published<Plain<K, V>>>();
    visitor.visit::<Map<K, V>>();
    visitor.visit::<papaya::HashMap<K, V, DefaultHashBuilder>>();
    visitor.visit::<DashMap<K, V, DefaultHashBuilder>>();
    visitor.visit::<scc::HashMap<K, V, DefaultHashBuilder>>();
}

/// Returns the keys of `source`, for removing all others.
fn wanted<K: Key, V>(source: &[(K, V)]) -> HashSet<&K, DefaultHashBuilder> {
    source.iter().map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::{SharedMap, Visit, visit_each};

    struct Write;

    impl Visit<u64, u64> for Write {
        fn visit<M: SharedMap<u64, u64>>(&mut self) {
            let map = M::of([(1, 10), (2, 20), (3, 30)]);
            map.insert(2, 21);
            map.insert(4, 40);
            map.refresh(vec![(4, 41), (5, 50), (2, 21)]);
            let values = [1, 2, 3, 4, 5].map(|key| map.get(&key));
            let expected = [None, Some(21), None, Some(41), Some(50)];
            assert_eq!(values, expected, "{}", M::NAME);
        }
    }

    #[test]
    fn each_map_holds_what_was_written_last() {
        visit_each(&mut Write);
    }
}
