//! Kinds of keys and values.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};

use untorn::gomap::{Float64, Key};

use super::foreign::{Call, Ledger, Token, called};

/// A kind of key with a kind of value.
pub(super) trait Kind {
    type Key: Key + Clone + fmt::Debug + Borrow<Self::Query>;
    /// What a key is asked for by.
    type Query: Key + ?Sized;
    type Value: Value;

    /// A key that equals those with the same `id`; the others may tell by the `tag` which one it is.
    fn key(id: u16, tag: u32, ledger: &Ledger) -> Self::Key;

    /// A key that equals nothing, if there are such.
    fn loose(_tag: u32, _ledger: &Ledger) -> Option<Self::Key> {
        None
    }

    /// The `id` of a key; of a loose one anything.
    fn id(key: &Self::Key) -> u16;

    /// What of the tag can be told.
    fn tag(_key: &Self::Key) -> u32 {
        0
    }
}

/// A value: a number that says which one it is.
pub(super) trait Value: Clone + Default + PartialEq + fmt::Debug {
    fn new(number: u64, ledger: &Ledger) -> Self;
    fn number(&self) -> u64;
}

impl Value for u64 {
    fn new(number: u64, _ledger: &Ledger) -> Self {
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
    fn new(number: u64, ledger: &Ledger) -> Self {
        let _token = Some(ledger.token());
        Self { number, _token }
    }

    fn number(&self) -> u64 {
        self.number
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        called(Call::Eq);
        self.number == other.number
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

/// Keys of eight bytes, nothing to drop.
pub(super) struct Word64;

impl Kind for Word64 {
    type Key = u64;
    type Query = u64;
    type Value = u64;

    fn key(id: u16, _tag: u32, _ledger: &Ledger) -> u64 {
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

    fn key(id: u16, _tag: u32, _ledger: &Ledger) -> u32 {
        id.into()
    }

    fn id(key: &u32) -> u16 {
        *key as u16
    }
}

/// Strings, of which the long ones begin and end alike.
pub(super) struct Text;

impl Kind for Text {
    type Key = String;
    type Query = str;
    type Value = Counted;

    fn key(id: u16, _tag: u32, _ledger: &Ledger) -> String {
        if id.is_multiple_of(3) {
            format!("{id}")
        } else {
            format!("config/{id:032}/value")
        }
    }

    fn id(key: &String) -> u16 {
        // Where they are, not searched for: this is asked for every entry that is compared.
        let digits = key.get(34..39).unwrap_or(key);
        digits.parse().expect("made by `key`")
    }
}

/// Keys too large to lie in a bucket.
pub(super) struct Large;

impl Kind for Large {
    type Key = [u64; 20];
    type Query = [u64; 20];
    type Value = u64;

    fn key(id: u16, _tag: u32, _ledger: &Ledger) -> [u64; 20] {
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

    fn key(id: u16, tag: u32, _ledger: &Ledger) -> Float64 {
        let sign = if tag.is_multiple_of(2) { 1.0 } else { -1.0 };
        Float64(if id == 0 { 0.0 * sign } else { id.into() })
    }

    fn loose(_tag: u32, _ledger: &Ledger) -> Option<Float64> {
        Some(Float64(f64::NAN))
    }

    fn id(key: &Float64) -> u16 {
        key.0 as u16
    }

    fn tag(key: &Float64) -> u32 {
        (!key.0.is_nan() && key.0.is_sign_negative()).into()
    }
}

/// Keys that count every call; `UPDATE` is [`Key::NEEDS_KEY_UPDATE`], `PAD` their size in words beyond the least.
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
        called(Call::Eq);
        self.id == other.id
    }
}

impl<const UPDATE: bool, const PAD: usize> Eq for Probe<UPDATE, PAD> {}

impl<const UPDATE: bool, const PAD: usize> Hash for Probe<UPDATE, PAD> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        called(Call::Hash);
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

    fn key(id: u16, tag: u32, ledger: &Ledger) -> Self::Key {
        Probe {
            id,
            tag,
            _token: ledger.token(),
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
