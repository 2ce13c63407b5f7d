//! Sequences of operations, and their encoding for the Go program.

use std::fmt;

use super::kind::Kind;

/// One of the two maps of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The first map.
    A,
    /// The second map, for clones.
    B,
}

impl Slot {
    /// Returns the other slot.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(["a", "b"][self.index()])
    }
}

/// One step of a sequence. Keys and elems are numbers, from which the [`Kind`] makes keys and
/// elems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `m[key] = elem`
    Insert(Slot, u32, u64),
    /// `delete(m, key)`
    Delete(Slot, u32),
    /// `v, ok := m[key]`
    Get(Slot, u32),
    /// `for range m`, to the end
    Iterate(Slot),
    /// `clear(m)`
    Clear(Slot),
    /// `other = maps.Clone(m)`
    Clone(Slot),
    /// `m = make(map[K]V, hint)`
    Make(Slot, u32),
}

impl Operation {
    /// The number of bytes of an encoded operation.
    const BYTES: usize = 16;

    /// Returns the map that the operation is called on.
    #[must_use]
    pub fn slot(self) -> Slot {
        match self {
            Self::Insert(slot, ..)
            | Self::Delete(slot, _)
            | Self::Get(slot, _)
            | Self::Iterate(slot)
            | Self::Clear(slot)
            | Self::Clone(slot)
            | Self::Make(slot, _) => slot,
        }
    }

    /// Returns the map that the record of the step describes: for a clone, the new one.
    #[must_use]
    pub fn described(self) -> Slot {
        match self {
            Self::Clone(slot) => slot.other(),
            _ => self.slot(),
        }
    }

    /// Returns the key that the operation hashes.
    pub(super) fn key(self) -> Option<u32> {
        match self {
            Self::Insert(_, key, _) | Self::Delete(_, key) | Self::Get(_, key) => Some(key),
            _ => None,
        }
    }

    fn encode(self) -> [u8; Self::BYTES] {
        let (number, elem) = match self {
            Self::Insert(_, _, elem) => (0, elem),
            Self::Delete(..) => (1, 0),
            Self::Get(..) => (2, 0),
            Self::Iterate(_) => (3, 0),
            Self::Clear(_) => (4, 0),
            Self::Clone(_) => (5, 0),
            Self::Make(_, hint) => (6, u64::from(hint)),
        };
        let mut bytes = [0; Self::BYTES];
        bytes[0] = number;
        bytes[1] = self.slot() as u8;
        bytes[4..8].copy_from_slice(&self.key().unwrap_or(0).to_le_bytes());
        bytes[8..].copy_from_slice(&elem.to_le_bytes());
        bytes
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insert(slot, key, elem) => write!(f, "{slot}[{key}] = {elem}"),
            Self::Delete(slot, key) => write!(f, "delete({slot}, {key})"),
            Self::Get(slot, key) => write!(f, "_ = {slot}[{key}]"),
            Self::Iterate(slot) => write!(f, "for range {slot}"),
            Self::Clear(slot) => write!(f, "clear({slot})"),
            Self::Clone(slot) => write!(f, "{} = maps.Clone({slot})", slot.other()),
            Self::Make(slot, hint) => write!(f, "{slot} = make(map, {hint})"),
        }
    }
}

/// Operations on two maps of one kind, which are empty at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The type of the maps.
    pub kind: Kind,
    /// The size hint of map [`Slot::A`].
    pub hint: u32,
    /// The seed of the seeds that Go hashes with: equal seeds give equal hashes within one Go
    /// process.
    pub seed: u64,
    /// The interval, in steps, of the bucket comparisons; everything else is compared after each
    /// step.
    pub checksum_every: u32,
    /// The steps.
    pub operations: Vec<Operation>,
}

impl Sequence {
    /// Encodes the request; `dump` requests all buckets after the last step.
    pub(super) fn request(&self, dump: bool) -> Vec<u8> {
        let steps = u32::try_from(self.operations.len()).expect("a sequence of moderate length");
        let mut bytes = vec![self.kind as u8, u8::from(dump), 0, 0];
        bytes.extend(self.hint.to_le_bytes());
        bytes.extend(self.seed.to_le_bytes());
        bytes.extend(self.checksum_every.to_le_bytes());
        bytes.extend(steps.to_le_bytes());
        bytes.extend(self.operations.iter().flat_map(|step| step.encode()));
        bytes
    }

    /// Returns a copy with other steps.
    pub(super) fn with(&self, operations: Vec<Operation>) -> Self {
        Self {
            operations,
            ..*self
        }
    }
}
