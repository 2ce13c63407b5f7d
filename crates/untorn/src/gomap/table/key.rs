//! Which look-up a key type takes.
//!
//! Go's compiler picks a look-up by the static type of the key: `mapaccess1_fast32`, `_fast64`, `_faststr` or the
//! generic one. Stable Rust has no specialisation, so the choice is a constant of a trait that every key type
//! implements; the branch on it is gone before the program runs.

use std::borrow::Cow;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;

/// The four look-ups that Go's compiler chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Cheap to compare, four bytes (`mapaccess1_fast32`): a table of one bucket compares with `Eq` and never hashes.
    Fast32,
    /// The same for eight bytes (`mapaccess1_fast64`).
    Fast64,
    /// A string (`mapaccess1_faststr`): look-ups compare length, pointer and bytes of [`Key::key_bytes`]; a table of one
    /// bucket hashes only if two long keys look alike.
    FastStr,
    /// Anything else (`mapaccess1`): always hashed, then compared with `Eq`.
    Generic,
}

/// A type that a [`Table`](crate::gomap::Table) or a [`GoMap`](crate::GoMap) can be keyed or asked by.
///
/// It is implemented for the integers and their `NonZero`, `bool`, `char`, `str` and `String`, `Path` and `OsStr` and
/// their owned forms, the addresses of `std::net`, `Duration`, `Instant`, `SystemTime`, `ThreadId`, tuples of up to
/// six, arrays, slices, `Vec`, `Option`, `&T`, `Box`, `Rc`, `Arc` and `Cow`. For a type of your own one line is enough,
/// and gives the generic look-up; a type of another crate needs a newtype.
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
///
/// The trait is safe: a wrong constant or wrong bytes give wrong answers, never undefined behaviour.
pub trait Key: Eq + Hash {
    /// The look-up this type takes. Where a stored key of type `K` is asked for by a borrowed `Q`
    /// (`K: Borrow<Q>`), the kind of `Q` decides.
    const KIND: KeyKind = KeyKind::Generic;

    /// Whether an insert over an equal key also replaces the stored key, as Go does for types in which equal
    /// values can differ (floats, interfaces) and, since Go 1.17, for strings, so that the memory of a long-gone
    /// larger string is not kept alive by a key.
    const NEEDS_KEY_UPDATE: bool = false;

    /// The bytes that decide equality. Asked for only where [`KIND`](Self::KIND) is [`KeyKind::FastStr`]; equal
    /// keys must have equal bytes and unequal keys different ones.
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

/// As wide as the pointer, so fast on every target, by one path or the other.
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
