//! The trace of one lookup, branch by branch.

use std::fmt;

use super::key::KeyKind;

/// One decision of a lookup, in the order of Go's `mapaccess1_faststr`.
///
/// Lookups of words in large tables take these steps too, although Go's `mapaccess1_fast32` and
/// `_fast64` compare the keys without checking the tophash. Slots are numbered 0 to 7 within their
/// bucket. Keys are not recorded because they may be secrets.
///
/// # Examples
/// ```
/// use untorn::gomap::{Step, Table};
///
/// let empty = Table::<&str, u32>::new();
/// assert_eq!(empty.trace("1").steps(), [Step::Empty]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// `h == nil`: the lookup returns the zero value.
    Nil,
    /// `h.count == 0`: the lookup returns the zero value.
    Empty,
    /// `h.flags & hash_writing == 0`: no thread is writing. (Otherwise the lookup ends in a
    /// report.)
    NotWriting,
    /// `h.B == 0` and a string key.
    OneBucketStr {
        /// The length of the key in bytes.
        len: usize,
        /// True if the key is shorter than 32 bytes. Then every stored key of equal length is
        /// compared.
        short: bool,
    },
    /// `h.B == 0` and a key of four or eight bytes.
    OneBucketWord,
    /// The slot is empty.
    EmptySlot {
        /// The slot.
        slot: usize,
        /// True if the mark is `empty_rest`: all later slots are empty too, and the scan ends.
        rest: bool,
    },
    /// The stored key has another length, so it is a different key.
    LengthDiffers {
        /// The slot.
        slot: usize,
    },
    /// The stored key has equal length and pointer, so it is equal. No byte is compared.
    SamePointer {
        /// The slot.
        slot: usize,
    },
    /// All bytes of a short key of equal length are compared.
    BytesCompared {
        /// The slot.
        slot: usize,
        /// True if the keys are equal.
        equal: bool,
    },
    /// The first four bytes of a long key differ.
    FirstFourDiffer {
        /// The slot.
        slot: usize,
    },
    /// The last four bytes of a long key differ.
    LastFourDiffer {
        /// The slot.
        slot: usize,
    },
    /// A long key has equal length and equal ends, and becomes the candidate `keymaybe`.
    KeyMaybe {
        /// The slot.
        slot: usize,
    },
    /// A second candidate is found: `goto dohash`.
    SecondCandidate {
        /// The slot.
        slot: usize,
    },
    /// After a scan with one `keymaybe`, all its bytes are compared.
    KeyMaybeCompared {
        /// The slot.
        slot: usize,
        /// True if the keys are equal.
        equal: bool,
    },
    /// `dohash`: the key is hashed. The low B bits select the bucket, and the top eight are the
    /// tophash.
    Hashed {
        /// The hash.
        hash: u64,
        /// Its tophash.
        top: u8,
        /// The bucket.
        bucket: usize,
        /// The binary logarithm of the number of buckets.
        b: u8,
    },
    /// The table is growing: the old bucket is read unless it is evacuated.
    OldBucket {
        /// The old bucket.
        bucket: usize,
        /// True if the old array is as large as the new one, so that the masks are equal.
        same_size: bool,
        /// True if the old bucket is evacuated. Then the new one is read.
        evacuated: bool,
    },
    /// The keys are compared, because the tophashes are equal, or because the table has one bucket
    /// of words.
    Compared {
        /// The slot.
        slot: usize,
        /// True if the keys are equal.
        equal: bool,
    },
    /// The lookup continues in the overflow bucket.
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
            Self::EmptySlot { slot, rest: false } => write!(f, "slot {slot}: empty_one, continue"),
            Self::EmptySlot { slot, rest: true } => write!(f, "slot {slot}: empty_rest, stop"),
            Self::LengthDiffers { slot } => write!(f, "slot {slot}: different length"),
            Self::SamePointer { slot } => {
                write!(
                    f,
                    "slot {slot}: same length, same pointer: equal, no byte compared"
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
            Self::Overflow => write!(f, "continue in the overflow bucket"),
        }
    }
}

/// The trace of one lookup.
///
/// [`Table::trace`](crate::gomap::Table::trace) and [`GoMap::trace`](crate::GoMap::trace) return
/// it. Its `Display` has a line for the function, one for each step, and one for the result.
///
/// # Examples
/// ```
/// let config = untorn::gomap::Table::from([("1", "265")]);
/// let lookup = config.trace("1");
/// assert_eq!(lookup.to_string().lines().next(), Some("mapaccess1_faststr"));
/// ```
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

    /// Returns Go's name of the lookup function.
    ///
    /// # Examples
    /// ```
    /// let table = untorn::gomap::Table::from([(1_u64, "one")]);
    /// assert_eq!(table.trace(&1).function(), "mapaccess1_fast64");
    /// ```
    #[must_use]
    pub fn function(&self) -> &'static str {
        match self.kind {
            KeyKind::Fast32 => "mapaccess1_fast32",
            KeyKind::Fast64 => "mapaccess1_fast64",
            KeyKind::FastStr => "mapaccess1_faststr",
            KeyKind::Generic => "mapaccess1",
        }
    }

    /// Returns whether the key is in the map. If not, Go returns the address of `zeroVal`.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::gomap::Table::from([("1", "265")]);
    /// assert!(config.trace("1").found() && !config.trace("2").found());
    /// ```
    #[must_use]
    pub fn found(&self) -> bool {
        self.found
    }

    /// Returns the steps in order.
    ///
    /// # Examples
    /// ```
    /// use untorn::gomap::{Step, Table};
    ///
    /// let nil = Table::<&str, u32>::nil();
    /// assert_eq!(nil.trace("1").steps(), [Step::Nil]);
    /// ```
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns how often the key was hashed: 0 or 1.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::gomap::Table::from([("1", "265")]);
    /// assert_eq!(config.trace("1").hash_calls(), 0);
    /// ```
    #[must_use]
    pub fn hash_calls(&self) -> usize {
        self.count(|step| matches!(step, Step::Hashed { .. }))
    }

    /// Returns how often two whole keys were compared.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::gomap::Table::from([("1", "265"), ("2", "17")]);
    /// assert_eq!(config.trace("3").full_compares(), 2); // of equal length
    /// ```
    #[must_use]
    pub fn full_compares(&self) -> usize {
        self.count(|step| {
            matches!(
                step,
                Step::BytesCompared { .. } | Step::KeyMaybeCompared { .. } | Step::Compared { .. }
            )
        })
    }

    fn count(&self, predicate: impl Fn(&Step) -> bool) -> usize {
        self.steps.iter().filter(|step| predicate(step)).count()
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
