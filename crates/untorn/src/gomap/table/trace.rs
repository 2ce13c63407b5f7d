//! The path of one look-up, told branch by branch.

use std::fmt;

use super::key::KeyKind;

/// One decision of a look-up, in the order of Go's `mapaccess1_faststr`. Look-ups of words in large tables go by the same
/// steps, where Go's `mapaccess1_fast32` and `_fast64` compare the keys themselves without a look at the tophash.
///
/// Slots are numbered 0 to 7 within their bucket. The keys themselves are not kept: they may be secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// `h == nil`: the zero value.
    Nil,
    /// `h.count == 0`: the zero value.
    Empty,
    /// `h.flags & hash_writing == 0`: nobody is writing. (Where somebody is, the look-up ends in a report.)
    NotWriting,
    /// `h.B == 0` and a string key.
    OneBucketStr {
        /// Length of the key in bytes.
        len: usize,
        /// Below 32 bytes: every slot of the same length is compared.
        short: bool,
    },
    /// `h.B == 0` and a key of four or eight bytes.
    OneBucketWord,
    /// The slot is empty.
    EmptySlot {
        /// The slot.
        slot: usize,
        /// `empty_rest`: so are all that follow, and the scan ends.
        rest: bool,
    },
    /// Keys of different lengths are different.
    LengthDiffers {
        /// The slot.
        slot: usize,
    },
    /// Same length and same pointer: the same key, without a look at its bytes.
    SamePointer {
        /// The slot.
        slot: usize,
    },
    /// A short key of the same length: all bytes compared.
    BytesCompared {
        /// The slot.
        slot: usize,
        /// What came of it.
        equal: bool,
    },
    /// A long key whose first four bytes differ.
    FirstFourDiffer {
        /// The slot.
        slot: usize,
    },
    /// A long key whose last four bytes differ.
    LastFourDiffer {
        /// The slot.
        slot: usize,
    },
    /// A long key that looks alike: remembered as `keymaybe`.
    KeyMaybe {
        /// The slot.
        slot: usize,
    },
    /// A second long key that looks alike: `goto dohash`.
    SecondCandidate {
        /// The slot.
        slot: usize,
    },
    /// The scan is over and there is one `keymaybe`: all its bytes compared.
    KeyMaybeCompared {
        /// The slot.
        slot: usize,
        /// What came of it.
        equal: bool,
    },
    /// `dohash`: the key is hashed; the low B bits choose the bucket, the top eight are the tophash.
    Hashed {
        /// The hash.
        hash: u64,
        /// Its tophash.
        top: u8,
        /// The bucket.
        bucket: usize,
        /// Log2 of the number of buckets.
        b: u8,
    },
    /// The table is growing: the old bucket is read while it is not evacuated.
    OldBucket {
        /// The old bucket.
        bucket: usize,
        /// The old array is as large as the new one, so the mask is the same.
        same_size: bool,
        /// Its entries have moved; the new bucket is read.
        evacuated: bool,
    },
    /// A slot with the same tophash (in the one-bucket word path: any full slot): the keys compared.
    Compared {
        /// The slot.
        slot: usize,
        /// What came of it.
        equal: bool,
    },
    /// On to the overflow bucket.
    Overflow,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = |equal| if equal { "equal" } else { "different" };
        match *self {
            Self::Nil => write!(f, "h == nil"),
            Self::Empty => write!(f, "h.count == 0"),
            Self::NotWriting => write!(f, "h.flags & hash_writing == 0"),
            Self::OneBucketStr { len, short } => {
                let (how, bound) = if short {
                    ("short", "<")
                } else {
                    ("long", ">=")
                };
                write!(f, "h.B == 0, one bucket; {how} key: {len} {bound} 32 bytes")
            }
            Self::OneBucketWord => write!(f, "h.B == 0, one bucket; the key is one word"),
            Self::EmptySlot { slot, rest: false } => write!(f, "slot {slot}: empty_one, go on"),
            Self::EmptySlot { slot, rest: true } => write!(f, "slot {slot}: empty_rest, stop"),
            Self::LengthDiffers { slot } => write!(f, "slot {slot}: another length"),
            Self::SamePointer { slot } => {
                write!(
                    f,
                    "slot {slot}: same length, same pointer: the key, no byte compared"
                )
            }
            Self::BytesCompared { slot, equal } => {
                write!(
                    f,
                    "slot {slot}: same length, bytes compared: {}",
                    outcome(equal)
                )
            }
            Self::FirstFourDiffer { slot } => write!(f, "slot {slot}: first four bytes differ"),
            Self::LastFourDiffer { slot } => write!(f, "slot {slot}: last four bytes differ"),
            Self::KeyMaybe { slot } => {
                write!(
                    f,
                    "slot {slot}: length and both ends match: keymaybe = {slot}"
                )
            }
            Self::SecondCandidate { slot } => {
                write!(f, "slot {slot}: a second candidate: goto dohash")
            }
            Self::KeyMaybeCompared { slot, equal } => {
                write!(
                    f,
                    "keymaybe {slot}: all bytes compared, once: {}",
                    outcome(equal)
                )
            }
            Self::Hashed {
                hash,
                top,
                bucket,
                b,
            } => write!(
                f,
                "dohash: hash {hash:#018x}, B={b}: bucket {bucket}, tophash {top:#04x}"
            ),
            Self::OldBucket {
                bucket,
                same_size,
                evacuated,
            } => {
                let mask = if same_size {
                    "same-size growth, the same mask"
                } else {
                    "doubling, the mask one bit shorter"
                };
                let read = if evacuated {
                    "evacuated, read the new bucket"
                } else {
                    "not evacuated, read this one"
                };
                write!(f, "oldbuckets: {mask}: old bucket {bucket}: {read}")
            }
            Self::Compared { slot, equal } => {
                write!(f, "slot {slot}: keys compared: {}", outcome(equal))
            }
            Self::Overflow => write!(f, "on to the overflow bucket"),
        }
    }
}

/// The path that one look-up took. Its `Display` has a line for each step and one for the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    kind: KeyKind,
    found: bool,
    steps: Vec<Step>,
}

impl Lookup {
    pub(in crate::gomap) fn new(kind: KeyKind, found: bool, steps: Vec<Step>) -> Self {
        Self { kind, found, steps }
    }

    /// Go's name for the function that was taken.
    #[must_use]
    pub fn function(&self) -> &'static str {
        match self.kind {
            KeyKind::Fast32 => "mapaccess1_fast32",
            KeyKind::Fast64 => "mapaccess1_fast64",
            KeyKind::FastStr => "mapaccess1_faststr",
            KeyKind::Generic => "mapaccess1",
        }
    }

    /// Whether the key is in the map; if not, Go returns the address of `zeroVal`.
    #[must_use]
    pub fn found(&self) -> bool {
        self.found
    }

    /// The steps in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How often the key was hashed: 0 or 1.
    #[must_use]
    pub fn hash_calls(&self) -> usize {
        self.count(|step| matches!(step, Step::Hashed { .. }))
    }

    /// How often two whole keys were compared.
    #[must_use]
    pub fn full_compares(&self) -> usize {
        self.count(|step| {
            matches!(
                step,
                Step::BytesCompared { .. } | Step::KeyMaybeCompared { .. } | Step::Compared { .. }
            )
        })
    }

    fn count(&self, is_one: impl Fn(&Step) -> bool) -> usize {
        self.steps.iter().filter(|step| is_one(step)).count()
    }
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.function())?;
        for step in &self.steps {
            writeln!(f, "    {step}")?;
        }
        f.write_str(if self.found {
            "    return the elem"
        } else {
            "    return zero_val"
        })
    }
}
