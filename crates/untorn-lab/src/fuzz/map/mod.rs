//! Sequences of operations on a `Map`.

mod contents;
mod model;
mod operation;
mod write;

use std::ops::Range;

use arbitrary::{Arbitrary, Unstructured};

use self::model::Model;
pub use self::operation::{Change, Condition, End, Operation, Update, Write};
use super::foreign::{Ledger, Spread};
use super::kind::{Kind, Probes, Text, Word64};
use super::{operations, repeat_random_numbers, without};

/// The kinds of keys.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Keys {
    /// `u64`, with values of nothing to drop: large segments.
    Word64,
    /// `String`, asked for by `&str`.
    Text,
    /// Panicking, counted.
    Probes,
}

/// A map and what is done with it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The kind of its keys.
    pub keys: Keys,
    /// How they are hashed.
    pub spread: Spread,
    /// How many keys there are: 2^8 and up, or under a fuzzer 2^2 and up.
    pub size: u8,
    /// One after the other.
    pub operations: Vec<Operation>,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self {
            keys: u.arbitrary()?,
            spread: u.arbitrary()?,
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
        let ledger = Ledger::default();
        // Under a fuzzer the segments and directories are small as well.
        let least = if cfg!(untorn_fuzzing) { 2 } else { 8 };
        let keys = self.spread.limit(1 << (least + self.size));
        Model::<K>::new(&ledger, self.spread, keys).run(&self.operations);
        ledger.assert_settled();
    }
}
