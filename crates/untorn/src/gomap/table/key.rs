//! Key types, and the lookup function that each of them selects.
//!
//! Go's compiler selects a lookup function by the static type of the key: `mapaccess1_fast32`,
//! `_fast64`, `_faststr` or the generic one. Stable Rust has no specialization, so the choice is a
//! constant of a trait that every key type implements. The compiler removes the branch on it.

use std::borrow::Cow;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;

/// The four lookup functions that Go's compiler selects from.
///
/// # Examples
/// ```
/// use untorn::gomap::{Key, KeyKind};
///
/// assert_eq!(<str as Key>::KIND, KeyKind::FastStr);
/// assert_eq!(<u64 as Key>::KIND, KeyKind::Fast64);
/// assert_eq!(<u8 as Key>::KIND, KeyKind::Generic);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyKind {
    /// For four bytes that are cheap to compare (`mapaccess1_fast32`). In a table of one bucket, a
    /// lookup compares with `Eq` and never hashes.
    Fast32,
    /// For eight bytes that are cheap to compare (`mapaccess1_fast64`). Otherwise like `Fast32`.
    Fast64,
    /// For strings (`mapaccess1_faststr`). A lookup compares length, pointer and bytes of
    /// [`Key::key_bytes`]. In a table of one bucket it hashes only if two long keys have equal
    /// length, equal first four bytes and equal last four bytes.
    FastStr,
    /// For all other keys (`mapaccess1`). A lookup always hashes, then compares with `Eq`.
    Generic,
}

/// A type of the keys of a [`Table`](crate::gomap::Table) or a [`GoMap`](crate::GoMap), or of their
/// borrowed form for lookups.
///
/// It is implemented for the integers and their `NonZero`, `bool`, `char`, `str` and `String`,
/// `Path` and `OsStr` and their owned forms, the addresses of `std::net`, `Duration`, `Instant`,
/// `SystemTime`, `ThreadId`, tuples of up to six, arrays, slices, `Vec`, `Option`, `&T`, `Box`,
/// `Rc`, `Arc` and `Cow`. For your own type, one line is enough and selects the generic lookup. A
/// type of another crate needs a newtype.
///
/// The trait is safe to implement: a wrong constant or wrong bytes cause wrong results, never
/// undefined behavior.
///
/// # Examples
///
/// ```
/// use untorn::GoMap;
/// use untorn::gomap::Key;
///
/// #[derive(PartialEq, Eq, Hash)]
/// struct Tenant { id: u32, region: u8 }
/// impl Key for Tenant {}
///
/// let quotas = GoMap::new();
/// quotas.insert(Tenant { id: 7, region: 1 }, 100);
/// assert_eq!(quotas.get(&Tenant { id: 7, region: 1 }), Some(100));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key of a `GoMap` or a `gomap::Table`",
    label = "not a `gomap::Key`",
    note = "a type of your own becomes a key by `impl untorn::gomap::Key for … {{}}` beside its `Eq` and `Hash`",
    note = "a type of another crate needs a newtype; for a float use `gomap::Float64` or `gomap::Float32`"
)]
pub trait Key: Eq + Hash {
    /// The lookup function that this type selects. In a lookup by a borrowed form `Q` of the stored
    /// key, `Q` decides.
    const KIND: KeyKind = KeyKind::Generic;

    /// True if inserting an equal key also replaces the stored key.
    ///
    /// Go does so for types in which equal values can differ (floats, interfaces), and since Go
    /// 1.17 for strings, so that a key does not keep the memory of an outdated larger string alive.
    const NEEDS_KEY_UPDATE: bool = false;

    /// Returns the bytes that decide equality.
    ///
    /// Called only if [`KIND`](Self::KIND) is [`KeyKind::FastStr`]. Equal keys must have equal
    /// bytes, and unequal keys different ones.
    ///
    /// # Examples
    /// ```
    /// use untorn::gomap::{Key, KeyKind};
    ///
    /// #[derive(PartialEq, Eq, Hash)]
    /// struct Name(String);
    ///
    /// impl Key for Name {
    ///     const KIND: KeyKind = KeyKind::FastStr;
    ///
    ///     fn key_bytes(&self) -> &[u8] {
    ///         self.0.as_bytes()
    ///     }
    /// }
    /// ```
    fn key_bytes(&self) -> &[u8] {
        &[]
    }
}

macro_rules! word_keys {
    ($($kind:ident: $($ty:ty),+;)+) => {$($(
        impl Key for $ty {
            const KIND: KeyKind = KeyKind::$kind;
        }
    )+)+};
}

word_keys! {
    Fast32: i32, u32, char, std::num::NonZero<u32>, std::num::NonZero<i32>, std::net::Ipv4Addr;
    Fast64: i64, u64, std::num::NonZero<u64>, std::num::NonZero<i64>;
    Generic: (), bool, i8, u8, i16, u16, i128, u128, std::num::NonZero<i8>, std::num::NonZero<u8>,
        std::num::NonZero<i16>, std::num::NonZero<u16>, std::num::NonZero<i128>, std::num::NonZero<u128>,
        std::time::Instant, std::time::SystemTime, std::net::Ipv6Addr, std::net::IpAddr, std::net::SocketAddr,
        std::time::Duration, std::thread::ThreadId, std::path::Path, std::path::PathBuf, std::ffi::OsStr,
        std::ffi::OsString;
}

/// The kind of keys as wide as a pointer: one of the two fast ones on every target.
const POINTER_WORD: KeyKind = if size_of::<usize>() == 8 {
    KeyKind::Fast64
} else {
    KeyKind::Fast32
};

impl Key for usize {
    const KIND: KeyKind = POINTER_WORD;
}

impl Key for isize {
    const KIND: KeyKind = POINTER_WORD;
}

impl Key for std::num::NonZero<usize> {
    const KIND: KeyKind = POINTER_WORD;
}

impl Key for std::num::NonZero<isize> {
    const KIND: KeyKind = POINTER_WORD;
}

impl Key for str {
    const KIND: KeyKind = KeyKind::FastStr;
    const NEEDS_KEY_UPDATE: bool = true;

    #[inline(always)]
    fn key_bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Key for String {
    const KIND: KeyKind = KeyKind::FastStr;
    const NEEDS_KEY_UPDATE: bool = true;

    #[inline(always)]
    fn key_bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

macro_rules! pointer_keys {
    ($($(#[$bound:meta])? $ty:ty),+) => {$(
        impl<T: Key + ?Sized> Key for $ty {
            const KIND: KeyKind = T::KIND;
            const NEEDS_KEY_UPDATE: bool = T::NEEDS_KEY_UPDATE;

            #[inline(always)]
            fn key_bytes(&self) -> &[u8] {
                T::key_bytes(self)
            }
        }
    )+};
}

pointer_keys!(&T, Box<T>, Rc<T>, Arc<T>);

impl<T: Key + ToOwned + ?Sized> Key for Cow<'_, T> {
    const KIND: KeyKind = T::KIND;
    const NEEDS_KEY_UPDATE: bool = T::NEEDS_KEY_UPDATE;

    #[inline(always)]
    fn key_bytes(&self) -> &[u8] {
        T::key_bytes(self)
    }
}

impl<T: Key> Key for Option<T> {
    const NEEDS_KEY_UPDATE: bool = T::NEEDS_KEY_UPDATE;
}

impl<T: Key> Key for [T] {
    const NEEDS_KEY_UPDATE: bool = T::NEEDS_KEY_UPDATE;
}

impl<T: Key> Key for Vec<T> {
    const NEEDS_KEY_UPDATE: bool = T::NEEDS_KEY_UPDATE;
}

impl<T: Key, const N: usize> Key for [T; N] {
    const NEEDS_KEY_UPDATE: bool = T::NEEDS_KEY_UPDATE;
}

macro_rules! tuple_keys {
    ($($($name:ident)+;)+) => {$(
        impl<$($name: Key),+> Key for ($($name,)+) {
            const NEEDS_KEY_UPDATE: bool = $($name::NEEDS_KEY_UPDATE)||+;
        }
    )+};
}

tuple_keys! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
}
