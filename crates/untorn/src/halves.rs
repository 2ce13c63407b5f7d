//! The iterators over keys and over values, defined once for maps and tables.

/// Defines `Keys` and `Values` on top of the module's `Iter`, for the named type.
macro_rules! keys_and_values {
    ($owner:ident) => {
        keys_and_values! {
            #[doc = concat!("An iterator over the keys, from [`", stringify!($owner), "::keys`].")]
            Keys: K, |(key, _)| key
        }
        keys_and_values! {
            #[doc = concat!("An iterator over the values, from [`", stringify!($owner), "::values`].")]
            Values: V, |(_, value)| value
        }
    };
    ($(#[$doc:meta])* $name:ident: $half:ident, $take:expr) => {
        $(#[$doc])*
        #[must_use = "iterators are lazy"]
        pub struct $name<'i, K, V>(pub(super) Iter<'i, K, V>);

        impl<'i, K, V> Iterator for $name<'i, K, V> {
            type Item = &'i $half;

            fn next(&mut self) -> Option<Self::Item> {
                self.0.next().map($take)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }

        impl<K, V> ExactSizeIterator for $name<'_, K, V> {}

        impl<K, V> FusedIterator for $name<'_, K, V> {}

        impl<K, V> Clone for $name<'_, K, V> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<K, V> fmt::Debug for $name<'_, K, V>
        where
            $half: fmt::Debug,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.clone()).finish()
            }
        }
    };
}

pub(crate) use keys_and_values;
