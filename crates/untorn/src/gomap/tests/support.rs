//! Shared test support: hashers that place keys, values that are counted, callbacks that panic.

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

/// A hasher that mixes every bit of the key and of the seed into every bit of the hash.
#[derive(Clone, Copy, Default)]
pub(super) struct Good;

/// A hasher that returns one hash for all keys.
#[derive(Clone, Copy, Default)]
pub(super) struct Constant;

/// A hasher with hashes for four buckets and four tophashes, all of them below the smallest valid
/// one.
#[derive(Clone, Copy, Default)]
pub(super) struct Truncated;

/// A hasher whose hash is encoded in the key and independent of the seed: see [`place`] and
/// [`Verbatim`].
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

    // Numbers have the same hashes, hence tables the same states, in any order of bytes.

    fn write_u32(&mut self, word: u32) {
        self.write(&word.to_le_bytes());
    }

    fn write_u64(&mut self, word: u64) {
        self.write(&word.to_le_bytes());
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

/// The hasher of [`Identity`]. A word is its own hash. The two middle bytes of a string are the
/// tophash and the low bits.
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

/// Returns the `n`-th key that [`Identity`] puts into this bucket with this tophash.
pub(super) fn place(bucket: u64, top: u64, n: u64) -> u64 {
    assert!(bucket < 1 << 16 && (5..256).contains(&top) && n < 1 << 40);
    top << 56 | n << 16 | bucket
}

/// A hasher that counts the hashes computed.
#[derive(Clone, Default)]
pub(super) struct Counting<S> {
    inner: S,
    calls: Rc<Cell<usize>>,
}

impl<S> Counting<S> {
    /// Returns the number of hashes since the last call of this method.
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

/// Returns the number of evacuated old buckets.
pub(super) fn evacuated<K, V, S>(table: &Table<K, V, S>) -> usize {
    let old = table.oldbuckets.as_ref().expect("the table is not growing");
    (0..old.count())
        .filter(|i| old.bucket(*i).evacuated())
        .count()
}

/// Returns the tophash bytes of the chain that `low_bits` belong to, one item per bucket.
pub(super) fn marks<K, V, S>(table: &Table<K, V, S>, low_bits: usize) -> Vec<[u8; 8]> {
    let chain = table.buckets.bucket(low_bits).chain();
    chain
        .map(|bucket| std::array::from_fn(|i| bucket.tophash(i)))
        .collect()
}

/// Returns the address of a value.
pub(super) fn address<T: ?Sized>(place: &T) -> usize {
    std::ptr::from_ref(place).cast::<u8>().addr()
}

/// The kinds of user code that a table calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Hash,
    Eq,
    Clone,
    Drop,
}

/// Counts the [`Tracked`] values of this thread. Each must be dropped once.
#[derive(Default)]
struct Accounting {
    alive: Vec<bool>,
    dropped_twice: usize,
    panic_at: Option<(Call, usize)>,
}

thread_local! {
    static ACCOUNTING: RefCell<Accounting> = RefCell::default();
}

/// Resets the counts of this thread.
pub(super) fn reset_accounting() {
    ACCOUNTING.set(Accounting::default());
}

/// Returns the number of tracked values that have not been dropped.
pub(super) fn alive() -> usize {
    ACCOUNTING.with_borrow(|accounting| accounting.alive.iter().filter(|alive| **alive).count())
}

/// Asserts that every tracked value has been dropped once.
#[track_caller]
pub(super) fn assert_all_dropped() {
    let twice = ACCOUNTING.with_borrow(|accounting| accounting.dropped_twice);
    assert_eq!((alive(), twice), (0, 0), "(leaked, dropped twice)");
}

/// The payload of an injected panic.
struct InjectedPanic;

/// Runs `operation`, during which call number `k` of this kind, counted from 0, panics. Returns
/// whether that call occurred.
pub(super) fn panic_at_call(call: Call, k: usize, operation: impl FnOnce()) -> bool {
    ACCOUNTING.with_borrow_mut(|accounting| accounting.panic_at = Some((call, k)));
    let outcome = catch_unwind(AssertUnwindSafe(operation));
    let left = ACCOUNTING.with_borrow_mut(|accounting| accounting.panic_at.take());
    match outcome {
        Ok(()) => {
            assert!(left.is_some(), "a panic was swallowed");
            false
        }
        Err(panic) if panic.is::<InjectedPanic>() => true,
        Err(panic) => resume_unwind(panic),
    }
}

fn called(call: Call) {
    let panicked = ACCOUNTING.with_borrow_mut(|accounting| match accounting.panic_at {
        Some((armed, 0)) if armed == call => accounting.panic_at.take().is_some(),
        Some((armed, k)) if armed == call => {
            accounting.panic_at = Some((armed, k - 1));
            false
        }
        _ => false,
    });
    if panicked {
        // Bypasses the panic hook, so that thousands of panics print nothing.
        resume_unwind(Box::new(InjectedPanic));
    }
}

/// A key or elem that counts its drops and whose trait methods may panic.
///
/// `PAD` is a number of padding bytes. With `UPDATE`, inserting an equal key replaces the stored
/// one.
pub(super) struct Tracked<const UPDATE: bool = false, const PAD: usize = 0> {
    pub(super) id: u32,
    serial: usize,
    pad: [u8; PAD],
}

impl<const UPDATE: bool, const PAD: usize> Tracked<UPDATE, PAD> {
    pub(super) fn new(id: u32) -> Self {
        let serial = ACCOUNTING.with_borrow_mut(|accounting| {
            accounting.alive.push(true);
            accounting.alive.len() - 1
        });
        let pad = [id as u8; PAD];
        Self { id, serial, pad }
    }

    /// Returns a number that is unique among the values of this thread.
    pub(super) fn serial(&self) -> usize {
        self.serial
    }
}

impl<const UPDATE: bool, const PAD: usize> Drop for Tracked<UPDATE, PAD> {
    fn drop(&mut self) {
        ACCOUNTING.with_borrow_mut(|accounting| {
            if !std::mem::replace(&mut accounting.alive[self.serial], false) {
                accounting.dropped_twice += 1;
            }
        });
        called(Call::Drop);
    }
}

impl<const UPDATE: bool, const PAD: usize> Clone for Tracked<UPDATE, PAD> {
    fn clone(&self) -> Self {
        called(Call::Clone);
        Self::new(self.id)
    }
}

impl<const UPDATE: bool, const PAD: usize> Hash for Tracked<UPDATE, PAD> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        called(Call::Hash);
        state.write_u64(u64::from(self.id));
    }
}

impl<const UPDATE: bool, const PAD: usize> PartialEq for Tracked<UPDATE, PAD> {
    fn eq(&self, other: &Self) -> bool {
        called(Call::Eq);
        assert_eq!(
            self.pad, [self.id as u8; PAD],
            "the padding of the key changed"
        );
        self.id == other.id
    }
}

impl<const UPDATE: bool, const PAD: usize> Eq for Tracked<UPDATE, PAD> {}

impl<const UPDATE: bool, const PAD: usize> Key for Tracked<UPDATE, PAD> {
    const NEEDS_KEY_UPDATE: bool = UPDATE;
}

impl<const UPDATE: bool, const PAD: usize> fmt::Debug for Tracked<UPDATE, PAD> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.id, self.serial)
    }
}

/// A table of tracked values.
pub(super) type TrackedTable<const UPDATE: bool, const PAD: usize, S> =
    Table<Tracked<UPDATE, PAD>, Tracked<UPDATE, PAD>, S>;

/// Returns the ids of keys and elems. Asserts that iteration returns each entry once and that its
/// key finds it.
#[track_caller]
pub(super) fn contents<const UPDATE: bool, const PAD: usize, S: SeededBuildHasher>(
    table: &TrackedTable<UPDATE, PAD, S>,
) -> BTreeMap<u32, u32> {
    table.assert_invariants();
    let mut ids = BTreeMap::new();
    for (key, elem) in table {
        assert_eq!(
            ids.insert(key.id, elem.id),
            None,
            "{key:?} was returned twice"
        );
        assert_eq!(table.get(key).map(|found| found.id), Some(elem.id));
    }
    assert_eq!(ids.len(), table.len());
    ids
}
