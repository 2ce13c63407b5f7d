//! The hasher that answers with the hashes that Go made.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::rc::Rc;

use untorn::gomap::SeededBuildHasher;

/// What Go hashed so far, shared by the tables of a sequence.
#[derive(Default)]
struct Known {
    /// By Go's seed and the fingerprint of the key.
    hashes: HashMap<(u32, u64), u64, foldhash::fast::FixedState>,
    /// The first thing that cannot be: a key that Go has not hashed, a seed that should be another.
    trouble: Option<String>,
}

/// Answers with Go's hashes. Our table's own seed is not used for hashing, but must change when Go's does and only then.
pub(super) struct GoHashes {
    known: Rc<RefCell<Known>>,
    /// The seed that Go's map has now.
    seed: Cell<u32>,
    /// Our seed and Go's when a key was last hashed.
    pair: Cell<Option<(u64, u32)>>,
}

impl Default for GoHashes {
    fn default() -> Self {
        Self {
            known: Rc::default(),
            seed: Cell::new(0),
            pair: Cell::new(None),
        }
    }
}

impl Clone for GoHashes {
    fn clone(&self) -> Self {
        Self {
            known: Rc::clone(&self.known),
            seed: self.seed.clone(),
            pair: self.pair.clone(),
        }
    }
}

impl GoHashes {
    /// One for another table of the sequence, which has a seed of its own.
    pub(super) fn for_another(&self) -> Self {
        let another = self.clone();
        another.pair.set(None);
        another
    }

    /// Go's map has this seed now.
    pub(super) fn set_seed(&self, seed: u32) {
        self.seed.set(seed);
    }

    /// Go hashes `key` so, under the present seed.
    pub(super) fn learn(&self, key: &impl Hash, hash: u64) {
        let fingerprint = fingerprint(key);
        let mut known = self.known.borrow_mut();
        let before = known.hashes.insert((self.seed.get(), fingerprint), hash);
        if before.is_some_and(|before| before != hash) {
            known.note(|| format!("go hashes a key as {hash:#x} and as {before:x?}"));
        }
    }

    /// What could not be, if something could not.
    pub(super) fn take_trouble(&self) -> Option<String> {
        self.known.borrow_mut().trouble.take()
    }
}

impl Known {
    fn note(&mut self, trouble: impl FnOnce() -> String) {
        self.trouble.get_or_insert_with(trouble);
    }
}

fn fingerprint(key: &impl Hash) -> u64 {
    foldhash::fast::FixedState::default().hash_one(key)
}

impl SeededBuildHasher for GoHashes {
    type Hasher = GoHasher;

    fn build_hasher(&self, hash0: u64) -> GoHasher {
        let seed = self.seed.get();
        match self.pair.replace(Some((hash0, seed))) {
            Some((our, go)) if our == hash0 && go != seed => self
                .known
                .borrow_mut()
                .note(|| "go has drawn a new seed, our table has not".into()),
            Some((our, go)) if our != hash0 && go == seed => self
                .known
                .borrow_mut()
                .note(|| "our table has drawn a new seed, go has not".into()),
            _ => {}
        }
        GoHasher {
            known: Rc::clone(&self.known),
            seed,
            fingerprint: foldhash::fast::FixedState::default().build_hasher(),
        }
    }
}

/// Takes the fingerprint of a key and looks its hash up.
pub(super) struct GoHasher {
    known: Rc<RefCell<Known>>,
    seed: u32,
    fingerprint: foldhash::fast::FoldHasher<'static>,
}

macro_rules! pass_on {
    ($($method:ident: $ty:ty),+) => {$(
        fn $method(&mut self, value: $ty) {
            self.fingerprint.$method(value);
        }
    )+};
}

impl Hasher for GoHasher {
    pass_on!(write: &[u8], write_u8: u8, write_u32: u32, write_u64: u64, write_usize: usize);

    fn finish(&self) -> u64 {
        let mut known = self.known.borrow_mut();
        let found = known.hashes.get(&(self.seed, self.fingerprint.finish()));
        found.copied().unwrap_or_else(|| {
            known.note(|| "our table hashes a key that go has not hashed under this seed".into());
            0
        })
    }
}
