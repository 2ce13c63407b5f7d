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
use super::foreign::{Ledger, Spread};
use super::kind::{Float, Kind, Large, Probes, Text, Word32, Word64};
use super::{operations, repeat_random_numbers, without};

/// The kinds of keys.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Keys {
    /// `u64`.
    Word64,
    /// `u32`.
    Word32,
    /// `String`, asked for by `&str`.
    Text,
    /// 160 bytes, kept in a box.
    Large,
    /// `Float64`.
    Float,
    /// Panicking, counted; the first one stays.
    Probes,
    /// The same, but that a newer one replaces it.
    UpdatedProbes,
    /// The same, kept in a box.
    LargeProbes,
}

/// A table and what is done with it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The kind of its keys.
    pub keys: Keys,
    /// How they are hashed.
    pub spread: Spread,
    /// Behind the gate, as a `GoMap`.
    pub gated: bool,
    /// For how many entries there is room from the start.
    pub hint: u8,
    /// One after the other.
    pub operations: Vec<Operation>,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self {
            keys: u.arbitrary()?,
            spread: u.arbitrary()?,
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
        let table = Table::with_hint_and_hasher(self.hint.into(), self.spread);
        if self.gated {
            // Never the exit: one thread does not overlap with itself.
            self.run_on::<K, _>(GoMap::from(table).on_overlap(OnOverlap::Panic));
        } else {
            self.run_on::<K, _>(RefCell::new(table));
        }
    }

    fn run_on<K: Kind, S: Subject<K>>(&self, subject: S) {
        let ledger = Ledger::default();
        Model::new(&subject, &ledger, self.spread).run(&self.operations);
        let table = subject.into_table();
        table.assert_invariants();
        drop(table);
        ledger.assert_settled();
    }
}
