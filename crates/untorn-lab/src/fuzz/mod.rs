//! Sequences of operations on a [`Table`](untorn::gomap::Table), a [`GoMap`](untorn::GoMap) and a [`Map`](untorn::Map),
//! beside a plain model: the bodies of the targets in `fuzz/`, and of the tests that need no fuzzer.

mod foreign;
mod kind;
pub mod map;
mod search;
pub mod table;

use std::fmt;
use std::ops::Range;

use arbitrary::{Arbitrary, Unstructured};

pub use self::foreign::{Call, Fuse, Spread};
pub use self::search::search;

/// A sequence of operations with what it is run on.
pub trait Case: for<'a> Arbitrary<'a> + fmt::Debug + Clone {
    /// Runs it beside its model.
    ///
    /// # Panics
    /// If the two do not agree.
    fn run(&self);

    /// The same without these operations.
    #[must_use]
    fn without(&self, operations: Range<usize>) -> Self;

    /// Number of operations.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The case that these bytes stand for, as the fuzzer reads them; `None` if there are too few.
#[must_use]
pub fn read<C: Case>(bytes: &[u8]) -> Option<C> {
    C::arbitrary_take_rest(Unstructured::new(bytes)).ok()
}

/// Operations until the bytes are used up.
fn operations<'a, O: Arbitrary<'a>>(u: &mut Unstructured<'a>) -> arbitrary::Result<Vec<O>> {
    let mut operations = Vec::new();
    while !u.is_empty() && operations.len() < 400 {
        operations.push(u.arbitrary()?);
    }
    Ok(operations)
}

/// `all` without a range of it.
fn without<T: Clone>(all: &[T], range: Range<usize>) -> Vec<T> {
    [&all[..range.start], &all[range.end..]].concat()
}

/// What a run may still cost, in look-ups: a long sequence on a large map ends early. Under a fuzzer, which finds more by
/// many short runs than by few long ones, that is about a millisecond.
struct Work(u32);

impl Work {
    fn new() -> Self {
        Self(if cfg!(untorn_fuzzing) { 1_000 } else { 40_000 })
    }

    fn spend(&mut self, work: usize) {
        let work = u32::try_from(work).unwrap_or(u32::MAX);
        self.0 = self.0.saturating_sub(work);
    }

    fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// Makes every run of a case the same, where the library is built to allow it.
fn repeat_random_numbers() {
    #[cfg(untorn_fuzzing)]
    untorn::repeat_random_numbers();
}
