//! Floats as keys, by Go's rules.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::key::Key;
use crate::random::random_u64;

macro_rules! float_keys {
    ($($(#[$doc:meta])* $name:ident: $float:ty;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, PartialOrd)]
        pub struct $name(pub $float);

        // Not quite: NaN does not equal itself. A table is made for such keys; see the type's page.
        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                if self.0.is_nan() {
                    random_u64().hash(state);
                } else {
                    // Adding zero makes +0 of -0 and changes nothing else.
                    (self.0 + 0.0).to_bits().hash(state);
                }
            }
        }

        impl Key for $name {
            const NEEDS_KEY_UPDATE: bool = true;
        }

        impl From<$float> for $name {
            fn from(float: $float) -> Self {
                Self(float)
            }
        }

        impl From<$name> for $float {
            fn from(key: $name) -> Self {
                key.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

float_keys! {
    /// An `f64` that can be a key, by Go's rules.
    ///
    /// `+0` and `-0` are one key, and the one that was written last is stored. NaN equals nothing,
    /// itself neither, and hashes differently each time, so every insert under NaN adds an entry,
    /// which no look-up finds and `remove` does not take out: only going over the map shows it, and
    /// only `clear` and `retain` remove it. In a [`Map`](crate::Map) too; how its `refresh` treats
    /// such keys is described [there](crate::Map::refresh). A complex number is a tuple of two.
    ///
    /// For other collections note that this is not the equivalence relation that [`Eq`] stands for.
    ///
    /// ```
    /// use untorn::gomap::{Float64, Table};
    ///
    /// let mut table = Table::new();
    /// table.insert(Float64(0.0), "zero");
    /// table.insert(Float64(-0.0), "minus zero");
    /// assert_eq!(table.len(), 1);
    /// table.insert(Float64(f64::NAN), "nan");
    /// table.insert(Float64(f64::NAN), "nan again");
    /// assert_eq!(table.len(), 3);
    /// assert_eq!(table.get(&Float64(f64::NAN)), None);
    /// ```
    Float64: f64;

    /// An `f32` that can be a key, by the rules of [`Float64`].
    Float32: f32;
}
