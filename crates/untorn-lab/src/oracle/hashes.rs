//! A hasher that returns the hashes computed by Go.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::rc::Rc;

use untorn::gomap::SeededBuildHasher;

/// Go's hashes so far, shared by the tables of a sequence.
#[derive(Default)]
struct HashLog {
    /// Keyed by Go's seed and the fingerprint of the key.
    hashes: HashMap<(u32, u64), u64, foldhash::fast::FixedState>,
    /// The first inconsistency: a key that Go has not hashed, or a seed that changed on one side
    /// only.
    inconsistency: Option<String>,
}

/// Returns Go's hashes. Our table does not hash with its own seed, but the seed must change exactly
/// when Go's does.
pub(super) struct GoHashes {
    log: Rc<RefCell<HashLog>>,
    /// The current seed of Go's map.
    seed: Cell<u32>,
    /// Our seed and Go's at the last hashing.
    pair: Cell<Option<(u64, u32)>>,
}

impl Default for GoHashes {
    fn default() -> Self {
        Self {
            log: Rc::default(),
            seed: Cell::new(0),
            pair: Cell::new(None),
        }
    }
}

impl Clone for GoHashes {
    fn clone(&self) -> Self {
        Self {
            log: Rc::clone(&self.log),
            seed: self.seed.clone(),
            pair: self.pair.clone(),
        }
    }
}

impl GoHashes {
    /// Returns one for another table of the sequence, which has its own seed.
    pub(super) fn for_another(&self) -> Self {
        let another = self.clone();
        another.pair.set(None);
        another
    }

    /// Sets the current seed of Go's map.
    pub(super) fn set_seed(&self, seed: u32) {
        self.seed.set(seed);
    }

    /// Records Go's hash of `key` under the current seed.
    pub(super) fn record_hash(&self, key: &impl Hash, hash: u64) {
        let fingerprint = fingerprint(key);
        let mut log = self.log.borrow_mut();
        let before = log.hashes.insert((self.seed.get(), fingerprint), hash);
        if before.is_some_and(|before| before != hash) {
            log.record_inconsistency(|| format!("go hashes a key as {hash:#x} and as {before:x?}"));
        }
    }

    /// Takes the first inconsistency, if there was one.
    pub(super) fn take_inconsistency(&self) -> Option<String> {
        self.log.borrow_mut().inconsistency.take()
    }
}

impl HashLog {
    fn record_inconsistency(&mut self, inconsistency: impl FnOnce() -> String) {
        self.inconsistency.get_or_insert_with(inconsistency);
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
                .log
                .borrow_mut()
                .record_inconsistency(|| "go has drawn a new seed, our table has not".into()),
            Some((our, go)) if our != hash0 && go == seed => self
                .log
                .borrow_mut()
                .record_inconsistency(|| "our table has drawn a new seed, go has not".into()),
            _ => {}
        }
        GoHasher {
            log: Rc::clone(&self.log),
            seed,
            fingerprint: foldhash::fast::FixedState::default().build_hasher(),
        }
    }
}

/// Computes the fingerprint of a key and looks up its hash.
pub(super) struct GoHasher {
    log: Rc<RefCell<HashLog>>,
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
        let mut log = self.log.borrow_mut();
        let found = log.hashes.get(&(self.seed, self.fingerprint.finish()));
        found.copied().unwrap_or_else(|| {
            log.record_inconsistency(|| {
                "our table hashes a key that go has not hashed under this seed".into()
            });
            0
        })
    }
}
