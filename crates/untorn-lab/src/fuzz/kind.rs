//! The kinds of keys and values.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};

use untorn::gomap::{Float64, Key};

use super::user_code::{Call, LeakCheck, Token, user_call};

/// A key type with a value type.
pub(super) trait Kind {
    type Key: Key + Clone + fmt::Debug + Borrow<Self::Query>;
    /// The borrowed form used for lookups.
    type Query: Key + ?Sized;
    type Value: Value;

    /// Returns a key that equals those with the same `id`; `tag` distinguishes equal keys.
    fn key(id: u16, tag: u32, leak_check: &LeakCheck) -> Self::Key;

    /// Returns a key that equals nothing, if the type has one.
    fn unequal(_tag: u32, _ledger: &LeakCheck) -> Option<Self::Key> {
        None
    }

    /// Returns the `id` of a key; arbitrary for a key that equals nothing.
    fn id(key: &Self::Key) -> u16;

    /// Returns the part of the tag that the key stores.
    fn tag(_key: &Self::Key) -> u32 {
        0
    }
}

/// A value that holds a number.
pub(super) trait Value: Clone + Default + PartialEq + fmt::Debug {
    fn new(number: u64, leak_check: &LeakCheck) -> Self;
    fn number(&self) -> u64;
}

impl Value for u64 {
    fn new(number: u64, _ledger: &LeakCheck) -> Self {
        number
    }

    fn number(&self) -> u64 {
        *self
    }
}

/// A value whose clones and drops are counted.
#[derive(Clone, Default)]
pub(super) struct Counted {
    number: u64,
    _token: Option<Token>,
}

impl Value for Counted {
    fn new(number: u64, leak_check: &LeakCheck) -> Self {
        let _token = Some(leak_check.token());
        Self { number, _token }
    }

    fn number(&self) -> u64 {
        self.number
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        user_call(Call::Eq);
        self.number == other.number
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

/// Keys of eight bytes without drop code.
pub(super) struct Word64;

impl Kind for Word64 {
    type Key = u64;
    type Query = u64;
    type Value = u64;

    fn key(id: u16, _tag: u32, _ledger: &LeakCheck) -> u64 {
        id.into()
    }

    fn id(key: &u64) -> u16 {
        *key as u16
    }
}

/// Keys of four bytes.
pub(super) struct Word32;

impl Kind for Word32 {
    type Key = u32;
    type Query = u32;
    type Value = Counted;

    fn key(id: u16, _tag: u32, _ledger: &LeakCheck) -> u32 {
        id.into()
    }

    fn id(key: &u32) -> u16 {
        *key as u16
    }
}

/// Strings; the long ones have a common prefix and suffix.
pub(super) struct Text;

impl Kind for Text {
    type Key = String;
    type Query = str;
    type Value = Counted;

    fn key(id: u16, _tag: u32, _ledger: &LeakCheck) -> String {
        if id.is_multiple_of(3) {
            format!("{id}")
        } else {
            format!("config/{id:032}/value")
        }
    }

    fn id(key: &String) -> u16 {
        // Reads the digits at their fixed place: this runs for every entry compared.
        let digits = key.get(34..39).unwrap_or(key);
        digits.parse().expect("made by `key`")
    }
}

/// Keys too large for a bucket.
pub(super) struct Large;

impl Kind for Large {
    type Key = [u64; 20];
    type Query = [u64; 20];
    type Value = u64;

    fn key(id: u16, _tag: u32, _ledger: &LeakCheck) -> [u64; 20] {
        let mut key = [7; 20];
        key[19] = id.into();
        key
    }

    fn id(key: &[u64; 20]) -> u16 {
        key[19] as u16
    }
}

/// Floats: two zeros that are one key, and NaN.
pub(super) struct Float;

impl Kind for Float {
    type Key = Float64;
    type Query = Float64;
    type Value = u64;

    fn key(id: u16, tag: u32, _ledger: &LeakCheck) -> Float64 {
        let sign = if tag.is_multiple_of(2) { 1.0 } else { -1.0 };
        Float64(if id == 0 { 0.0 * sign } else { id.into() })
    }

    fn unequal(_tag: u32, _ledger: &LeakCheck) -> Option<Float64> {
        Some(Float64(f64::NAN))
    }

    fn id(key: &Float64) -> u16 {
        key.0 as u16
    }

    fn tag(key: &Float64) -> u32 {
        (!key.0.is_nan() && key.0.is_sign_negative()).into()
    }
}

/// Keys that count every call; `UPDATE` is [`Key::NEEDS_KEY_UPDATE`], `PAD` is their additional
/// size in words.
pub(super) struct Probes<const UPDATE: bool, const PAD: usize>;

/// The key of [`Probes`].
#[derive(Clone)]
pub(super) struct Probe<const UPDATE: bool, const PAD: usize> {
    id: u16,
    tag: u32,
    _token: Token,
    _pad: [u64; PAD],
}

impl<const UPDATE: bool, const PAD: usize> PartialEq for Probe<UPDATE, PAD> {
    fn eq(&self, other: &Self) -> bool {
        user_call(Call::Eq);
        self.id == other.id
    }
}

impl<const UPDATE: bool, const PAD: usize> Eq for Probe<UPDATE, PAD> {}

impl<const UPDATE: bool, const PAD: usize> Hash for Probe<UPDATE, PAD> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        user_call(Call::Hash);
        self.id.hash(state);
    }
}

impl<const UPDATE: bool, const PAD: usize> Key for Probe<UPDATE, PAD> {
    const NEEDS_KEY_UPDATE: bool = UPDATE;
}

impl<const UPDATE: bool, const PAD: usize> fmt::Debug for Probe<UPDATE, PAD> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.id, self.tag)
    }
}

impl<const UPDATE: bool, const PAD: usize> Kind for Probes<UPDATE, PAD> {
    type Key = Probe<UPDATE, PAD>;
    type Query = Probe<UPDATE, PAD>;
    type Value = Counted;

    fn key(id: u16, tag: u32, leak_check: &LeakCheck) -> Self::Key {
        Probe {
            id,
            tag,
            _token: leak_check.token(),
            _pad: [0; PAD],
        }
    }

    fn id(key: &Self::Key) -> u16 {
        key.id
    }

    fn tag(key: &Self::Key) -> u32 {
        key.tag
    }
}
