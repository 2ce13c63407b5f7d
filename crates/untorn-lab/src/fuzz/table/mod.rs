//! Sequences of operations on a `Table` or a `GoMap`.

mod model;
mod operation;
mod subject;

use std::cell::RefCell;
use std::ops::Range;

use arbitrary::{Arbitrary, Unstructured};
use untorn::gomap::Table;
use untorn::{GoMap, OnOverlap};

use self::model::Model;
pub use self::operation::{Action, Operation};
use self::subject::Subject;
use super::kind::{Float, Kind, Large, Probes, Text, Word32, Word64};
use super::user_code::{BadHash, LeakCheck};
use super::{operations, repeat_random_numbers, without};

/// The kinds of keys.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Keys {
    /// `u64`.
    Word64,
    /// `u32`.
    Word32,
    /// `String`, looked up by `&str`.
    Text,
    /// 160 bytes, stored in a box.
    Large,
    /// `Float64`.
    Float,
    /// Panicking and counted; an overwrite retains the stored key.
    Probes,
    /// Like `Probes`, but an overwrite replaces the stored key.
    UpdatedProbes,
    /// Like `UpdatedProbes`, but stored in a box.
    LargeProbes,
}

/// A table and the operations on it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The kind of its keys.
    pub keys: Keys,
    /// The distribution of the hashes.
    pub hash: BadHash,
    /// Behind the gate, as a `GoMap`.
    pub gated: bool,
    /// The size hint at creation.
    pub hint: u8,
    /// The operations, in order.
    pub operations: Vec<Operation>,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self {
            keys: u.arbitrary()?,
            hash: u.arbitrary()?,
            gated: u.arbitrary()?,
            hint: u.arbitrary()?,
            operations: operations(u)?,
        })
    }
}

impl super::Case for Case {
    fn run(&self) {
        match self.keys {
            Keys::Word64 => self.run_with::<Word64>(),
            Keys::Word32 => self.run_with::<Word32>(),
            Keys::Text => self.run_with::<Text>(),
            Keys::Large => self.run_with::<Large>(),
            Keys::Float => self.run_with::<Float>(),
            Keys::Probes => self.run_with::<Probes<false, 0>>(),
            Keys::UpdatedProbes => self.run_with::<Probes<true, 0>>(),
            Keys::LargeProbes => self.run_with::<Probes<true, 16>>(),
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
        let table = Table::with_hint_and_hasher(self.hint.into(), self.hash);
        if self.gated {
            // A policy other than exit, although one thread does not overlap with itself.
            self.run_on::<K, _>(GoMap::from(table).on_overlap(OnOverlap::Panic));
        } else {
            self.run_on::<K, _>(RefCell::new(table));
        }
    }

    fn run_on<K: Kind, S: Subject<K>>(&self, subject: S) {
        let leak_check = LeakCheck::default();
        Model::new(&subject, &leak_check, self.hash).run(&self.operations);
        let table = subject.into_table();
        table.assert_invariants();
        drop(table);
        leak_check.assert_no_leaks();
    }
}
