//! The data compared after each step: the result of the operation, and the header.

/// The state after one step on one side. The fields are those of `oracle/table.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Record {
    /// The key was present, or an iteration returned entries.
    pub found: bool,
    /// The flag bits of the header.
    pub flags: u8,
    /// Log2 of the number of buckets.
    pub b: u8,
    /// An old array exists.
    pub growing: bool,
    /// Go has drawn a new seed.
    pub reseeded: bool,
    /// The header's count of overflow buckets.
    pub noverflow: u16,
    /// Go's seed before the step.
    pub seed: u32,
    /// Go's hash of the step's key under that seed.
    pub hash: u64,
    /// The id of the elem that was present; for an iteration, the sum of its entries.
    pub result: u64,
    /// Number of entries.
    pub count: u64,
    /// Every old bucket below this one is evacuated.
    pub nevacuate: u64,
    /// The checksum of all buckets; 0 if not requested.
    pub checksum: u64,
}

/// From this `B` on, `noverflow` is approximate on both sides.
const NOVERFLOW_IS_EXACT_BELOW_B: u8 = 16;

impl Record {
    /// The number of bytes of an encoded record.
    pub(super) const BYTES: usize = 56;

    pub(super) fn decode(bytes: &[u8; Self::BYTES]) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self {
            found: bytes[0] != 0,
            flags: bytes[1],
            b: bytes[2],
            growing: bytes[3] & 1 != 0,
            reseeded: bytes[3] & 2 != 0,
            noverflow: u16::from_le_bytes([bytes[4], bytes[5]]),
            seed: u32::from_le_bytes(std::array::from_fn(|i| bytes[8 + i])),
            hash: word(16),
            result: word(24),
            count: word(32),
            nevacuate: word(40),
            checksum: word(48),
        }
    }

    /// Returns the first field in which our side differs from this one, Go's. Seed and hash are
    /// Go's alone: a seed that changed on one side only is detected at the next hashing.
    #[must_use]
    pub fn difference(&self, ours: &Self) -> Option<String> {
        let field = |name: &str, go: u64, ours: u64| {
            (go != ours).then(|| format!("{name}: go has {go}, ours {ours}"))
        };
        let exact = self.b.min(ours.b) < NOVERFLOW_IS_EXACT_BELOW_B;
        field("found", self.found.into(), ours.found.into())
            .or_else(|| field("result", self.result, ours.result))
            .or_else(|| field("count", self.count, ours.count))
            .or_else(|| field("B", self.b.into(), ours.b.into()))
            .or_else(|| field("flags", self.flags.into(), ours.flags.into()))
            .or_else(|| {
                field("noverflow", self.noverflow.into(), ours.noverflow.into()).filter(|_| exact)
            })
            .or_else(|| field("growing", self.growing.into(), ours.growing.into()))
            .or_else(|| field("nevacuate", self.nevacuate, ours.nevacuate))
            .or_else(|| {
                (self.checksum != ours.checksum).then(|| "contents of the buckets".to_string())
            })
    }
}
