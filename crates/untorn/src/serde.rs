//! serde (feature `serde`): a map is a map, a view is a map, what shows a value is that value.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

use ::serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use ::serde::ser::{Serialize, Serializer};

use crate::map::{Map, View};
use crate::published::{Pinned, Published, Revision, Snapshot};

impl<K: Serialize, V: Serialize, S> Serialize for View<K, V, S> {
    /// The entries, as a map of this revision.
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        serializer.collect_map(self)
    }
}

impl<K: Serialize, V: Serialize, S> Serialize for Map<K, V, S> {
    /// The newest entries, all of one revision.
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        self.pin().serialize(serializer)
    }
}

impl<T: Serialize> Serialize for Pinned<'_, T> {
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        (**self).serialize(serializer)
    }
}

impl<T: Serialize> Serialize for Snapshot<T> {
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        (**self).serialize(serializer)
    }
}

impl<T: Serialize> Serialize for Published<T> {
    /// The newest value.
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        self.pin().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Published<T> {
    /// Published as revision 0.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

impl Serialize for Revision {
    /// The number.
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        self.get().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from)
    }
}

impl<'de, K, V, S> Deserialize<'de> for Map<K, V, S>
where
    K: Deserialize<'de> + Eq + Hash + Clone,
    V: Deserialize<'de> + Clone,
    S: BuildHasher + Clone + Default,
{
    /// A map without a name that begins with these entries, at revision 0. Of duplicate keys the last one wins.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// Collects the entries of a map.
struct Entries<M>(PhantomData<M>);

impl<'de, K, V, S> Visitor<'de> for Entries<Map<K, V, S>>
where
    K: Deserialize<'de> + Eq + Hash + Clone,
    V: Deserialize<'de> + Clone,
    S: BuildHasher + Clone + Default,
{
    type Value = Map<K, V, S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        std::iter::from_fn(|| access.next_entry().transpose()).collect()
    }
}
