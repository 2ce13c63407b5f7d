//! The contents of all buckets: as a checksum for each step, and in full for a diff report.

use untorn::gomap::{BucketView, Chain, Table};

use super::kind::{Id, entry_id};

/// The multipliers of `oracle/table.go`: for the marks, for each slot, for the sum.
const MULTIPLIERS: [u64; 10] = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xd6e8_feb8_6659_fd93,
    0xff51_afd7_ed55_8ccd,
    0xc4ce_b9fe_1a85_ec53,
    0x2545_f491_4f6c_dd1d,
    0xda94_2042_e4dd_58b5,
    0x9fb2_1c65_1e98_df25,
    0xa076_1d64_78bd_642f,
];
const END_OF_CHAIN: u64 = 0xc1;
const END_OF_ARRAY: u64 = 0xa2;

/// Returns the buckets of a chain that are compared: all of them, but for an evacuated chain only
/// the first one, since Go unlinks the others if keys or elems contain pointers and no iteration is
/// running.
fn compared<'t, K, V>(chain: Chain<'t, K, V>) -> impl Iterator<Item = BucketView<'t, K, V>> {
    let evacuated = |bucket: BucketView<'_, K, V>| (2..5).contains(&bucket.tophash()[0]);
    let first_only = chain.clone().next().is_some_and(evacuated);
    chain.take(if first_only { 1 } else { usize::MAX })
}

fn mix(sum: u64, word: u64) -> u64 {
    let sum = (sum ^ word).wrapping_mul(MULTIPLIERS[9]);
    sum ^ sum >> 29
}

/// Returns a checksum of every mark of every bucket, and of key and elem of every full slot, chains
/// in order.
pub(super) fn checksum<K: Id, V: Id, S>(table: &Table<K, V, S>) -> u64 {
    let bucket_word = |bucket: &BucketView<'_, K, V>| {
        let marks = u64::from_le_bytes(bucket.tophash());
        let mut word = marks.wrapping_mul(MULTIPLIERS[0]);
        for (i, multiplier) in (0..8).zip(&MULTIPLIERS[1..]) {
            if let Some((key, elem)) = bucket.entry(i) {
                word = word.wrapping_add(entry_id(key, elem).wrapping_mul(*multiplier));
            }
        }
        word
    };
    let chain_sum = |sum, chain: Chain<'_, K, V>| {
        let sum = compared(chain).fold(sum, |sum, bucket| mix(sum, bucket_word(&bucket)));
        mix(sum, END_OF_CHAIN)
    };
    let mut sum = table.chains().fold(0, chain_sum);
    // An array that is not allocated counts as empty: Go allocates earlier, or clears in place.
    for _ in table.chains().len()..1 << table.stats().b {
        sum = mix(mix(sum, 0), END_OF_CHAIN);
    }
    if table.old_chains().len() > 0 {
        sum = table.old_chains().fold(mix(sum, END_OF_ARRAY), chain_sum);
    }
    sum
}

/// One bucket in full.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Bucket {
    pub(super) tophash: [u8; 8],
    pub(super) keys: [u64; 8],
    pub(super) elems: [u64; 8],
}

/// The arrays of a map in full: the current one, then the old one if it exists. Array, chain,
/// bucket.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Dump(pub(super) Vec<Vec<Vec<Bucket>>>);

impl Dump {
    pub(super) fn of<K: Id, V: Id, S>(table: &Table<K, V, S>) -> Self {
        let bucket = |view: BucketView<'_, K, V>| Bucket {
            tophash: view.tophash(),
            keys: std::array::from_fn(|i| view.entry(i).map_or(0, |(key, _)| key.id())),
            elems: std::array::from_fn(|i| view.entry(i).map_or(0, |(_, elem)| elem.id())),
        };
        let chain = |chain: Chain<'_, K, V>| compared(chain).map(bucket).collect();
        let mut present: Vec<Vec<Bucket>> = table.chains().map(chain).collect();
        present.resize(1 << table.stats().b, vec![Bucket::default()]);
        let mut arrays = vec![present];
        if table.old_chains().len() > 0 {
            arrays.push(table.old_chains().map(chain).collect());
        }
        Self(arrays)
    }

    /// Decodes a dump of the Go program, see `dump` in `oracle/table.go`; `None` if it is
    /// incomplete.
    pub(super) fn decode(words: &mut impl Iterator<Item = u64>) -> Option<Self> {
        let arrays = (0..words.next()?).map(|_| {
            let chains = (0..words.next()?).map(|_| {
                let buckets = (0..words.next()?).map(|_| {
                    let tophash = words.next()?.to_le_bytes();
                    let mut ids = [[0; 8]; 2];
                    for id in ids.iter_mut().flatten() {
                        *id = words.next()?;
                    }
                    let [keys, elems] = ids;
                    Some(Bucket {
                        tophash,
                        keys,
                        elems,
                    })
                });
                buckets.collect()
            });
            chains.collect()
        });
        arrays.collect::<Option<_>>().map(Self)
    }
}
