//! Which keys a subscription follows.

use std::fmt;
use std::hash::{BuildHasher, Hash};

use crate::map::View;

/// A choice of keys of a map: [`OneKey`] or [`KeysWhere`].
pub trait Filter<K, V, S> {
    /// Returns whether one of these keys has another value in `to` than in `from`.
    #[doc(hidden)]
    fn differs(&self, from: &View<K, V, S>, to: &View<K, V, S>) -> bool;
}

/// The filter of a [`KeySubscription`](super::KeySubscription): one key.
#[derive(Debug)]
pub struct OneKey<K>(pub(in crate::map) K);

/// The filter of [`Map::subscribe_where`](crate::Map::subscribe_where): the keys for which a closure
/// returns true.
pub struct KeysWhere<P>(pub(in crate::map) P);

impl<P> fmt::Debug for KeysWhere<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeysWhere").finish_non_exhaustive()
    }
}

impl<K: Eq + Hash, V: PartialEq, S: BuildHasher> Filter<K, V, S> for OneKey<K> {
    fn differs(&self, from: &View<K, V, S>, to: &View<K, V, S>) -> bool {
        match (from.get(&self.0), to.get(&self.0)) {
            // An entry that both views share is equal to itself, also if its value is NaN.
            (Some(old), Some(new)) => !std::ptr::eq(old, new) && old != new,
            (None, None) => false,
            _ => true,
        }
    }
}

impl<K, V, S, P> Filter<K, V, S> for KeysWhere<P>
where
    K: Eq + Hash,
    V: PartialEq,
    S: BuildHasher,
    P: Fn(&K) -> bool,
{
    fn differs(&self, from: &View<K, V, S>, to: &View<K, V, S>) -> bool {
        to.changes_since(from).any(|change| (self.0)(change.key()))
    }
}
