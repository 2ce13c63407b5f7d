//! The kinds of keys and elems: equal numbers give equal keys on both sides.

use std::fmt;

use untorn::gomap::Key;

/// A type of map. The order is that of `oracle/kinds.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `map[uint64]uint64`: `mapaccess_fast64`.
    U64,
    /// `map[uint32]uint8`: `mapaccess_fast32`.
    U32,
    /// `map[string]uint64`: `mapaccess_faststr`; short and long strings, many with a common prefix
    /// and suffix.
    Str,
    /// `map[uint64][136]byte`: elems in separate boxes.
    LargeElem,
    /// `map[[16]byte]uint32`: the generic functions.
    Bytes16,
    /// `map[[136]byte]uint64`: keys in separate boxes.
    LargeKey,
    /// `map[[128]byte][128]byte`: the largest that are stored in the bucket.
    Bytes128,
    /// `map[string]struct{}`: elems of size zero.
    StrSet,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::U64,
        Self::U32,
        Self::Str,
        Self::LargeElem,
        Self::Bytes16,
        Self::LargeKey,
        Self::Bytes128,
        Self::StrSet,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::U64 => "map[uint64]uint64",
            Self::U32 => "map[uint32]uint8",
            Self::Str => "map[string]uint64",
            Self::LargeElem => "map[uint64][136]byte",
            Self::Bytes16 => "map[[16]byte]uint32",
            Self::LargeKey => "map[[136]byte]uint64",
            Self::Bytes128 => "map[[128]byte][128]byte",
            Self::StrSet => "map[string]struct{}",
        })
    }
}

/// Calls a function with the key and elem types of a kind.
macro_rules! with_types_of {
    ($kind:expr, $function:ident($($argument:expr),*)) => {{
        use $crate::oracle::kind::Kind;
        match $kind {
            Kind::U64 => $function::<u64, u64>($($argument),*),
            Kind::U32 => $function::<u32, u8>($($argument),*),
            Kind::Str => $function::<String, u64>($($argument),*),
            Kind::LargeElem => $function::<u64, [u8; 136]>($($argument),*),
            Kind::Bytes16 => $function::<[u8; 16], u32>($($argument),*),
            Kind::LargeKey => $function::<[u8; 136], u64>($($argument),*),
            Kind::Bytes128 => $function::<[u8; 128], [u8; 128]>($($argument),*),
            Kind::StrSet => $function::<String, ()>($($argument),*),
        }
    }};
}

pub(super) use with_types_of;

/// A value with an id: the number that the checksum and the report use, at most its first eight
/// bytes.
pub(super) trait Id {
    fn id(&self) -> u64;
}

/// A key made from a number.
pub(super) trait MadeKey: Key + Clone + Id {
    fn make(number: u32) -> Self;
}

/// An elem made from a number.
pub(super) trait MadeElem: Clone + Id {
    fn make(number: u64) -> Self;
}

/// Combines the ids of key and elem.
pub(super) fn entry_id(key: &impl Id, elem: &impl Id) -> u64 {
    key.id() ^ elem.id().rotate_left(17)
}

fn spread(number: u32) -> u64 {
    u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Id for u64 {
    fn id(&self) -> u64 {
        *self
    }
}

impl MadeKey for u64 {
    fn make(number: u32) -> Self {
        spread(number)
    }
}

impl MadeElem for u64 {
    fn make(number: u64) -> Self {
        number
    }
}

impl Id for u32 {
    fn id(&self) -> u64 {
        u64::from(*self)
    }
}

impl MadeKey for u32 {
    fn make(number: u32) -> Self {
        number.wrapping_mul(0x9e37_79b1)
    }
}

impl MadeElem for u32 {
    fn make(number: u64) -> Self {
        number as u32
    }
}

impl Id for u8 {
    fn id(&self) -> u64 {
        u64::from(*self)
    }
}

impl MadeElem for u8 {
    fn make(number: u64) -> Self {
        number as u8
    }
}

impl Id for () {
    fn id(&self) -> u64 {
        0
    }
}

impl MadeElem for () {
    fn make(_number: u64) -> Self {}
}

/// Returns the number, followed by bytes derived from it.
fn filled<const N: usize>(number: u64) -> [u8; N] {
    let mut bytes = std::array::from_fn(|i| (number as u8).wrapping_add(i as u8));
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

impl<const N: usize> Id for [u8; N] {
    fn id(&self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|i| self[i]))
    }
}

impl<const N: usize> MadeKey for [u8; N] {
    fn make(number: u32) -> Self {
        filled(spread(number))
    }
}

impl<const N: usize> MadeElem for [u8; N] {
    fn make(number: u64) -> Self {
        filled(number)
    }
}

impl Id for String {
    fn id(&self) -> u64 {
        let bytes = self.as_bytes();
        let selected = if bytes.len() >= 12 {
            &bytes[4..12]
        } else {
            &bytes[..bytes.len().min(8)]
        };
        let mut id = [0; 8];
        id[..selected.len()].copy_from_slice(selected);
        u64::from_le_bytes(id)
    }
}

impl MadeKey for String {
    fn make(number: u32) -> Self {
        match number % 3 {
            0 => format!("k{number}"),
            1 => format!("conf{number:08x}.key"),
            _ => format!("conf{number:08x}{}.key", ".".repeat(24)),
        }
    }
}
