//! The foreign code that a map runs: hashers that spread badly, clones and drops that are counted, calls that panic.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use untorn::gomap::SeededBuildHasher;

/// What of the foreign code panics.
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

/// Which call panics, and how many of its kind do not before it.
#[derive(Clone, Copy, Debug)]
pub struct Fuse {
    /// The kind of call.
    pub call: Call,
    /// How many go well.
    pub after: u8,
}

impl<'a> Arbitrary<'a> for Fuse {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let call = *u.choose(&[Call::Hash, Call::Eq, Call::Clone, Call::Drop])?;
        let after = u.int_in_range(0..=63)?;
        Ok(Self { call, after })
    }
}

thread_local! {
    static LIT: Cell<Option<Fuse>> = const { Cell::new(None) };
}

/// The payload of a panic that is meant.
pub(super) struct Meant;

/// Panics on purpose; past the hook, which would report it.
pub(super) fn panic_on_purpose() -> ! {
    resume_unwind(Box::new(Meant))
}

/// One call of foreign code.
pub(super) fn called(call: Call) {
    let Some(fuse) = LIT.get().filter(|fuse| fuse.call == call) else {
        return;
    };
    if std::thread::panicking() {
        return;
    }
    if let Some(after) = fuse.after.checked_sub(1) {
        LIT.set(Some(Fuse { after, ..fuse }));
        return;
    }
    LIT.set(None);
    panic_on_purpose();
}

/// Runs `f` with the fuse lit; `None` if it panicked as it was meant to.
pub(super) fn guarded<R>(fuse: Option<Fuse>, f: impl FnOnce() -> R) -> Option<R> {
    LIT.set(fuse);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    LIT.set(None);
    match outcome {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Meant>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// Counts what is made and not yet dropped.
#[derive(Default)]
pub(super) struct Ledger(Arc<()>);

impl Ledger {
    pub(super) fn token(&self) -> Token {
        Token(Arc::clone(&self.0))
    }

    /// Everything that was made has been dropped.
    pub(super) fn assert_settled(&self) {
        let left = Arc::strong_count(&self.0) - 1;
        assert_eq!(left, 0, "keys or values were not dropped");
    }
}

/// A part of keys and values whose `Clone` and `Drop` are counted. Dropped twice, it is used after it was freed.
pub(super) struct Token(Arc<()>);

impl Clone for Token {
    fn clone(&self) -> Self {
        called(Call::Clone);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        called(Call::Drop);
    }
}

/// How hashes are spread.
#[derive(Arbitrary, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// Every bit of key and seed changes every bit of the hash.
    #[default]
    Mixed,
    /// All hashes are one.
    Constant,
    /// Four bits are left of the mixed hash.
    FewBits,
    /// Sixty neighbours agree but for the top bits.
    Neighbours,
    /// A number is its own hash.
    Identity,
    /// The same nine bits further up.
    Shifted,
}

impl Spread {
    fn over(self, seed: u64) -> Spreading {
        Spreading {
            spread: self,
            mixed: seed,
            sum: 0,
        }
    }

    /// How many keys there should be, so that no run takes long.
    pub(super) fn limit(self, keys: u16) -> u16 {
        match self {
            Self::Mixed | Self::Shifted => keys,
            Self::Neighbours | Self::Identity => keys.min(4096),
            Self::FewBits => keys.min(600),
            Self::Constant => keys.min((keys / 8).clamp(40, 120)),
        }
    }
}

/// The hasher of [`Spread`].
pub struct Spreading {
    spread: Spread,
    mixed: u64,
    sum: u64,
}

impl Hasher for Spreading {
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
        match self.spread {
            Spread::Mixed => mixed,
            Spread::Constant => 0,
            Spread::FewBits => mixed & 0x0300_0000_0000_0003,
            Spread::Neighbours => ((10 + self.sum % 60) << 56) | (self.sum / 60),
            Spread::Identity => self.sum,
            Spread::Shifted => self.sum << 9,
        }
    }
}

impl BuildHasher for Spread {
    type Hasher = Spreading;

    fn build_hasher(&self) -> Spreading {
        self.over(0)
    }
}

impl SeededBuildHasher for Spread {
    type Hasher = Spreading;

    fn build_hasher(&self, hash0: u64) -> Spreading {
        self.over(hash0)
    }
}
