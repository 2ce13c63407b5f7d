//! What the tests of the table share: hashers that place keys, values that are counted, callbacks that panic.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use super::super::{Key, SeededBuildHasher, Table};

/// Loops over all positions go over some of them under Miri, where each takes thousands of times as
/// long.
pub(super) const STRIDE: usize = if cfg!(miri) { 11 } else { 1 };

/// Mixes every bit of the key and of the seed into every bit of the hash.
#[derive(Clone, Copy, Default)]
pub(super) struct Good;

/// Gives every key the same hash.
#[derive(Clone, Copy, Default)]
pub(super) struct Constant;

/// Leaves four buckets and four tophashes, the smallest of which are those that must be moved up.
#[derive(Clone, Copy, Default)]
pub(super) struct Truncated;

/// Lets the key choose its own hash, whatever the seed: see [`place`] and [`Verbatim`].
#[derive(Clone, Copy, Default)]
pub(super) struct Identity;

pub(super) struct Mixed {
    state: u64,
    keep: u64,
}

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = (self.state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        let mut hash = self.state;
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (hash ^ (hash >> 31)) & self.keep
    }
}

macro_rules! mixing {
    ($($hasher:ident keeps $keep:expr;)+) => {$(
        impl SeededBuildHasher for $hasher {
            type Hasher = Mixed;

            fn build_hasher(&self, hash0: u64) -> Mixed {
                Mixed { state: hash0, keep: $keep }
            }
        }
    )+};
}

mixing! {
    Good keeps u64::MAX;
    Constant keeps 0;
    Truncated keeps 0x0300_0000_0000_0003;
}

/// The hash that the key asks for: a word is its own hash; of a string the two bytes in the middle are the tophash
/// and the low bits.
#[derive(Default)]
pub(super) struct Verbatim(u64);

impl Hasher for Verbatim {
    fn write(&mut self, bytes: &[u8]) {
        if let [top, low, ..] = bytes[bytes.len() / 2..] {
            self.0 = u64::from(top) << 56 | u64::from(low);
        }
    }

    fn write_u8(&mut self, _end_of_str: u8) {}

    fn write_u32(&mut self, word: u32) {
        self.0 = u64::from(word >> 24) << 56 | u64::from(word & 0x00ff_ffff);
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl SeededBuildHasher for Identity {
    type Hasher = Verbatim;

    fn build_hasher(&self, _hash0: u64) -> Verbatim {
        Verbatim::default()
    }
}

/// Key number `n` of those that [`Identity`] puts into this bucket with this tophash.
pub(super) fn place(bucket: u64, top: u64, n: u64) -> u64 {
    assert!(bucket < 1 << 16 && (5..256).contains(&top) && n < 1 << 40);
    top << 56 | n << 16 | bucket
}

/// Counts the hashes that are made.
#[derive(Clone, Default)]
pub(super) struct Counting<S> {
    inner: S,
    calls: Rc<Cell<usize>>,
}

impl<S> Counting<S> {
    /// The calls since this was last asked for.
    pub(super) fn take(&self) -> usize {
        self.calls.take()
    }
}

impl<S: SeededBuildHasher> SeededBuildHasher for Counting<S> {
    type Hasher = S::Hasher;

    fn build_hasher(&self, hash0: u64) -> S::Hasher {
        self.calls.set(self.calls.get() + 1);
        self.inner.build_hasher(hash0)
    }
}

/// How many old buckets are evacuated.
pub(super) fn evacuated<K, V, S>(table: &Table<K, V, S>) -> usize {
    let old = table.oldbuckets.as_ref().expect("the table is not growing");
    (0..old.count())
        .filter(|i| old.bucket(*i).evacuated())
        .count()
}

/// The tophash bytes of the chain that `low_bits` belong to, a bucket an item.
pub(super) fn marks<K, V, S>(table: &Table<K, V, S>, low_bits: usize) -> Vec<[u8; 8]> {
    let chain = table.buckets.bucket(low_bits).chain();
    chain
        .map(|bucket| std::array::from_fn(|i| bucket.tophash(i)))
        .collect()
}

/// The address of a place.
pub(super) fn address<T: ?Sized>(place: &T) -> usize {
    std::ptr::from_ref(place).cast::<u8>().addr()
}

/// Foreign code that a table calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Hash,
    Eq,
    Clone,
    Drop,
}

/// Accounts for every [`Probe`] of this thread: what was made must be dropped once.
#[derive(Default)]
struct Ledger {
    alive: Vec<bool>,
    dropped_twice: usize,
    fuse: Option<(Call, usize)>,
}

thread_local! {
    static LEDGER: RefCell<Ledger> = RefCell::default();
}

/// Opens a new account.
pub(super) fn open_ledger() {
    LEDGER.set(Ledger::default());
}

/// Probes that were made and not dropped.
pub(super) fn alive() -> usize {
    LEDGER.with_borrow(|ledger| ledger.alive.iter().filter(|alive| **alive).count())
}

/// Every probe was dropped, and once.
#[track_caller]
pub(super) fn assert_settled() {
    let twice = LEDGER.with_borrow(|ledger| ledger.dropped_twice);
    assert_eq!((alive(), twice), (0, 0), "(leaked, dropped twice)");
}

/// What the fuse panics with.
struct Blown;

/// Runs `operation`, in which the `k`-th such call from now (counted from 0) panics. True if it came to that.
pub(super) fn blow(call: Call, k: usize, operation: impl FnOnce()) -> bool {
    LEDGER.with_borrow_mut(|ledger| ledger.fuse = Some((call, k)));
    let outcome = catch_unwind(AssertUnwindSafe(operation));
    let left = LEDGER.with_borrow_mut(|ledger| ledger.fuse.take());
    match outcome {
        Ok(()) => {
            assert!(left.is_some(), "a panic was swallowed");
            false
        }
        Err(panic) if panic.is::<Blown>() => true,
        Err(panic) => resume_unwind(panic),
    }
}

fn called(call: Call) {
    let blown = LEDGER.with_borrow_mut(|ledger| match ledger.fuse {
        Some((armed, 0)) if armed == call => ledger.fuse.take().is_some(),
        Some((armed, k)) if armed == call => {
            ledger.fuse = Some((armed, k - 1));
            false
        }
        _ => false,
    });
    if blown {
        // Past the panic hook, so that thousands of these print nothing.
        resume_unwind(Box::new(Blown));
    }
}

/// A key and elem that is accounted for and whose callbacks may panic. `PAD` bytes make it large, `UPDATE` a key
/// that a newer equal one replaces.
pub(super) struct Probe<const UPDATE: bool = false, const PAD: usize = 0> {
    pub(super) id: u32,
    serial: usize,
    pad: [u8; PAD],
}

impl<const UPDATE: bool, const PAD: usize> Probe<UPDATE, PAD> {
    pub(super) fn new(id: u32) -> Self {
        let serial = LEDGER.with_borrow_mut(|ledger| {
            ledger.alive.push(true);
            ledger.alive.len() - 1
        });
        let pad = [id as u8; PAD];
        Self { id, serial, pad }
    }

    /// Tells equal probes apart.
    pub(super) fn serial(&self) -> usize {
        self.serial
    }
}

impl<const UPDATE: bool, const PAD: usize> Drop for Probe<UPDATE, PAD> {
    fn drop(&mut self) {
        LEDGER.with_borrow_mut(|ledger| {
            if !std::mem::replace(&mut ledger.alive[self.serial], false) {
                ledger.dropped_twice += 1;
            }
        });
        called(Call::Drop);
    }
}

impl<const UPDATE: bool, const PAD: usize> Clone for Probe<UPDATE, PAD> {
    fn clone(&self) -> Self {
        called(Call::Clone);
        Self::new(self.id)
    }
}

impl<const UPDATE: bool, const PAD: usize> Hash for Probe<UPDATE, PAD> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        called(Call::Hash);
        state.write_u64(u64::from(self.id));
    }
}

impl<const UPDATE: bool, const PAD: usize> PartialEq for Probe<UPDATE, PAD> {
    fn eq(&self, other: &Self) -> bool {
        called(Call::Eq);
        assert_eq!(
            self.pad, [self.id as u8; PAD],
            "the key was not moved whole"
        );
        self.id == other.id
    }
}

impl<const UPDATE: bool, const PAD: usize> Eq for Probe<UPDATE, PAD> {}

impl<const UPDATE: bool, const PAD: usize> Key for Probe<UPDATE, PAD> {
    const NEEDS_KEY_UPDATE: bool = UPDATE;
}

impl<const UPDATE: bool, const PAD: usize> fmt::Debug for Probe<UPDATE, PAD> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.id, self.serial)
    }
}

/// A table of probes.
pub(super) type Probes<const UPDATE: bool, const PAD: usize, S> =
    Table<Probe<UPDATE, PAD>, Probe<UPDATE, PAD>, S>;

/// The ids of keys and elems, after checking that each entry is met once and found by its key.
#[track_caller]
pub(super) fn contents<const UPDATE: bool, const PAD: usize, S: SeededBuildHasher>(
    table: &Probes<UPDATE, PAD, S>,
) -> BTreeMap<u32, u32> {
    table.assert_invariants();
    let mut ids = BTreeMap::new();
    for (key, elem) in table {
        assert_eq!(ids.insert(key.id, elem.id), None, "{key:?} was met twice");
        assert_eq!(table.get(key).map(|found| found.id), Some(elem.id));
    }
    assert_eq!(ids.len(), table.len());
    ids
}
