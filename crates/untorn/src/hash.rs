//! The hash functions of the maps, in types of this crate: the crate that computes them can change.

use std::hash::Hasher;

/// Defines a hasher that forwards to one of foldhash.
macro_rules! hasher {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(pub(crate) $inner);

        impl Hasher for $name {
            #[inline(always)]
            fn finish(&self) -> u64 {
                self.0.finish()
            }

            #[inline(always)]
            fn write(&mut self, bytes: &[u8]) {
                self.0.write(bytes);
            }

            hasher!(@forward write_u8(u8), write_u16(u16), write_u32(u32), write_u64(u64));
            hasher!(@forward write_u128(u128), write_usize(usize));
        }

        impl std::fmt::Debug for $name {
            /// Formats the name only: the state would reveal the seed.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
    (@forward $($method:ident($number:ty)),+) => {
        $(
            #[inline(always)]
            fn $method(&mut self, number: $number) {
                self.0.$method(number);
            }
        )+
    };
}

hasher! {
    /// The hasher of [`map::DefaultHashBuilder`](crate::map::DefaultHashBuilder).
    DefaultHasher(foldhash::fast::FoldHasher<'static>)
}

hasher! {
    /// The hasher of [`FoldHash`](crate::gomap::FoldHash).
    FoldHasher(foldhash::quality::FoldHasher<'static>)
}
