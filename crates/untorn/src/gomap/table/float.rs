//! Floats as keys, with Go's semantics.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::key::Key;
use crate::random::random_u64;

macro_rules! float_keys {
    ($($(#[$doc:meta])* $name:ident: $float:ty;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, PartialOrd)]
        pub struct $name(pub $float);

        // Violates reflexivity: NaN is unequal to itself. A table supports such keys; see the
        // type's documentation.
        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                if self.0.is_nan() {
                    random_u64().hash(state);
                } else {
                    // Adding zero turns -0 into +0 and changes no other value.
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
    /// An `f64` as a key, with Go's semantics.
    ///
    /// `+0` and `-0` are equal, and the one written last is stored. NaN is unequal to every value,
    /// itself included, and hashes differently each time. Every insertion with a NaN key therefore
    /// adds an entry that no lookup finds and `remove` does not remove. Iteration returns it;
    /// `clear` and `retain` remove it. So it is in a [`Map`](crate::Map), whose
    /// [`refresh`](crate::Map::refresh) describes how it treats such keys. For a complex number use
    /// a tuple of two.
    ///
    /// In other collections this type breaks the contract of [`Eq`]: its equality is not reflexive.
    ///
    /// # Examples
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

    /// An `f32` as a key, with the semantics of [`Float64`].
    ///
    /// # Examples
    /// ```
    /// use untorn::gomap::{Float32, Table};
    ///
    /// let table = Table::from([(Float32(0.5), "half")]);
    /// assert_eq!(table.get(&Float32(0.5)), Some(&"half"));
    /// ```
    Float32: f32;
}
