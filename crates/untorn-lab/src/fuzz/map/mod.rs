//! Sequences of operations on a `Map`.

mod after;
mod contents;
mod filtered;
mod handles;
mod model;
mod operation;
mod refresh;
mod write;
mod write_batch;

use std::ops::Range;

use arbitrary::{Arbitrary, Unstructured};

use self::model::Model;
pub use self::operation::{
    Change, Condition, End, Filter, Initializer, Operation, Refresh, Update, Write,
};
use super::kind::{Kind, Probes, Text, Word64};
use super::user_code::{BadHash, LeakCheck};
use super::{operations, repeat_random_numbers, without};

/// The kinds of keys.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Keys {
    /// `u64`, with values without drop code: large segments.
    Word64,
    /// `String`, looked up by `&str`.
    Text,
    /// Panicking and counted.
    Probes,
}

/// A map and the operations on it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The kind of its keys.
    pub keys: Keys,
    /// The distribution of the hashes.
    pub hash: BadHash,
    /// Log2 of the number of keys, above a minimum of 2^8, or of 2^2 under a fuzzer.
    pub size: u8,
    /// The operations, in order.
    pub operations: Vec<Operation>,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self {
            keys: u.arbitrary()?,
            hash: u.arbitrary()?,
            size: u.int_in_range(0..=6)?,
            operations: operations(u)?,
        })
    }
}

impl super::Case for Case {
    fn run(&self) {
        match self.keys {
            Keys::Word64 => self.run_with::<Word64>(),
            Keys::Text => self.run_with::<Text>(),
            Keys::Probes => self.run_with::<Probes<false, 0>>(),
        }
    }

    fn without(&self, range: Range<usize>) -> Self {
        Self {
            operations: without(&self.operations, range),
            ..*self
        }
    }

    fn len(&self) -> usize {
        self.operations.len()
    }
}

impl Case {
    fn run_with<K: Kind>(&self) {
        repeat_random_numbers();
        let leak_check = LeakCheck::default();
        // Under a fuzzer the segments and directories are small as well.
        let least = if cfg!(untorn_fuzzing) { 2 } else { 8 };
        let keys = self.hash.limit(1 << (least + self.size));
        Model::<K>::new(&leak_check, self.hash, keys).run(&self.operations);
        leak_check.assert_no_leaks();
    }
}
