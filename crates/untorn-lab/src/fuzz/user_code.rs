//! User code that a map runs: hashers with poor distribution, counted clones and drops, panicking
//! calls.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use untorn::gomap::SeededBuildHasher;

/// The kinds of user code that can panic.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `Hash` of a key.
    Hash,
    /// `Eq` of a key.
    Eq,
    /// `Clone` of a key or value.
    Clone,
    /// `Drop` of a key or value.
    Drop,
}

/// A panic in the first call of one kind after `after` successful ones.
#[derive(Clone, Copy, Debug)]
pub struct PanicAfter {
    /// The kind of call.
    pub call: Call,
    /// The number of successful calls before the panic.
    pub after: u8,
}

impl<'a> Arbitrary<'a> for PanicAfter {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let call = *u.choose(&[Call::Hash, Call::Eq, Call::Clone, Call::Drop])?;
        let after = u.int_in_range(0..=63)?;
        Ok(Self { call, after })
    }
}

thread_local! {
    static ARMED: Cell<Option<PanicAfter>> = const { Cell::new(None) };
}

/// The payload of an expected panic.
pub(super) struct ExpectedPanic;

/// Panics without running the panic hook, which would print a report.
pub(super) fn panic_on_purpose() -> ! {
    resume_unwind(Box::new(ExpectedPanic))
}

/// Marks one call of user code; panics if it is the armed one.
pub(super) fn user_call(call: Call) {
    let Some(panic_after) = ARMED.get().filter(|panic_after| panic_after.call == call) else {
        return;
    };
    if std::thread::panicking() {
        return;
    }
    if let Some(after) = panic_after.after.checked_sub(1) {
        ARMED.set(Some(PanicAfter {
            after,
            ..panic_after
        }));
        return;
    }
    ARMED.set(None);
    panic_on_purpose();
}

/// Runs `f` with the panic armed; returns `None` if `f` panicked as expected.
pub(super) fn catch_expected_panic<R>(
    panic_after: Option<PanicAfter>,
    f: impl FnOnce() -> R,
) -> Option<R> {
    ARMED.set(panic_after);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    ARMED.set(None);
    match outcome {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<ExpectedPanic>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// Disarms the panic: the call has returned, and its result is compared by user code.
pub(super) fn disarm() {
    ARMED.set(None);
}

/// Counts the live keys and values, to detect leaks.
#[derive(Default)]
pub(super) struct LeakCheck(Arc<()>);

impl LeakCheck {
    pub(super) fn token(&self) -> Token {
        Token(Arc::clone(&self.0))
    }

    /// Panics if a key or value was not dropped.
    pub(super) fn assert_no_leaks(&self) {
        let left = Arc::strong_count(&self.0) - 1;
        assert_eq!(left, 0, "keys or values were not dropped");
    }
}

/// A part of keys and values whose `Clone` and `Drop` can panic. A double drop is a use after free,
/// which the sanitizer reports.
pub(super) struct Token(Arc<()>);

impl Clone for Token {
    fn clone(&self) -> Self {
        user_call(Call::Clone);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        user_call(Call::Drop);
    }
}

/// The distribution of the hashes.
#[derive(Arbitrary, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadHash {
    /// Every bit of key and seed affects every bit of the hash.
    #[default]
    Mixed,
    /// All hashes are equal.
    Constant,
    /// Only four bits of the mixed hash remain.
    FewBits,
    /// Sixty consecutive keys have equal hashes except for the top bits.
    Neighbours,
    /// The hash of a number is the number.
    Identity,
    /// The number shifted left by nine bits.
    Shifted,
}

impl BadHash {
    fn over(self, seed: u64) -> BadHasher {
        BadHasher {
            hash: self,
            mixed: seed,
            sum: 0,
        }
    }

    /// Returns the number of keys to use, so that no run takes long.
    pub(super) fn limit(self, keys: u16) -> u16 {
        match self {
            Self::Mixed | Self::Shifted => keys,
            Self::Neighbours | Self::Identity => keys.min(4096),
            Self::FewBits => keys.min(600),
            Self::Constant => keys.min((keys / 8).clamp(40, 120)),
        }
    }
}

/// The hasher of [`BadHash`].
pub struct BadHasher {
    hash: BadHash,
    mixed: u64,
    sum: u64,
}

impl Hasher for BadHasher {
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.chunks(8) {
            let word = word
                .iter()
                .rev()
                .fold(0, |word, byte| (word << 8) | u64::from(*byte));
            self.sum = self.sum.wrapping_add(word);
            self.mixed = (self.mixed ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.mixed ^= self.mixed >> 29;
        }
    }

    fn finish(&self) -> u64 {
        let mixed = self.mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = mixed ^ (mixed >> 32);
        match self.hash {
            BadHash::Mixed => mixed,
            BadHash::Constant => 0,
            BadHash::FewBits => mixed & 0x0300_0000_0000_0003,
            BadHash::Neighbours => ((10 + self.sum % 60) << 56) | (self.sum / 60),
            BadHash::Identity => self.sum,
            BadHash::Shifted => self.sum << 9,
        }
    }
}

impl BuildHasher for BadHash {
    type Hasher = BadHasher;

    fn build_hasher(&self) -> BadHasher {
        self.over(0)
    }
}

impl SeededBuildHasher for BadHash {
    type Hasher = BadHasher;

    fn build_hasher(&self, hash0: u64) -> BadHasher {
        self.over(hash0)
    }
}
