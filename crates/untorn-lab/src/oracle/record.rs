//! What is compared after each step: what the operation answered, and the header.

/// One step as one side saw it. The fields are those of `oracle/table.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Record {
    /// The key was there, or an iteration had something to show.
    pub found: bool,
    /// The flag bits of the header.
    pub flags: u8,
    /// Log2 of the number of buckets.
    pub b: u8,
    /// There is an old array.
    pub growing: bool,
    /// Go has drawn a new seed.
    pub reseeded: bool,
    /// The header's count of overflow buckets.
    pub noverflow: u16,
    /// Go's seed before the step.
    pub seed: u32,
    /// Go's hash of the step's key under that seed.
    pub hash: u64,
    /// Id of the elem that was there; of an iteration the sum of its entries.
    pub result: u64,
    /// Number of entries.
    pub count: u64,
    /// Every old bucket below this one is evacuated.
    pub nevacuate: u64,
    /// Over all buckets; 0 where it was not asked for.
    pub checksum: u64,
}

/// From here on `noverflow` is a guess, in Go and here.
const NOVERFLOW_IS_EXACT_BELOW_B: u8 = 16;

impl Record {
    /// Bytes of a record on the way from Go.
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

    /// The first thing in which our side differs from this, Go's. Seed and hash are Go's alone; whether ours drew a new
    /// seed when Go did is seen when it hashes next.
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
                (self.checksum != ours.checksum).then(|| "what the buckets hold".to_string())
            })
    }
}
