//! Runs sequences of operations on a [`Table`](untorn::gomap::Table), a [`GoMap`](untorn::GoMap)
//! and a [`Map`](untorn::Map), each beside a model: the bodies of the targets in `fuzz/`, and of
//! the tests that need no fuzzer.

mod kind;
pub mod map;
mod search;
pub mod table;
mod user_code;

use std::fmt;
use std::ops::Range;

use arbitrary::{Arbitrary, Unstructured};

pub use self::search::search;
pub use self::user_code::{BadHash, Call, PanicAfter};

/// A sequence of operations and the map that it runs on.
pub trait Case: for<'a> Arbitrary<'a> + fmt::Debug + Clone {
    /// Runs the operations beside the model.
    ///
    /// # Panics
    /// Panics if map and model differ.
    fn run(&self);

    /// Returns a copy without a range of operations.
    #[must_use]
    fn without(&self, operations: Range<usize>) -> Self;

    /// Returns the number of operations.
    fn len(&self) -> usize;

    /// Returns whether there are no operations.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Decodes a case as the fuzzer does; `None` if there are too few bytes.
#[must_use]
pub fn read<C: Case>(bytes: &[u8]) -> Option<C> {
    C::arbitrary_take_rest(Unstructured::new(bytes)).ok()
}

/// Decodes operations until the bytes are used up.
fn operations<'a, O: Arbitrary<'a>>(u: &mut Unstructured<'a>) -> arbitrary::Result<Vec<O>> {
    let mut operations = Vec::new();
    while !u.is_empty() && operations.len() < 400 {
        operations.push(u.arbitrary()?);
    }
    Ok(operations)
}

/// Returns a copy of `all` without a range.
fn without<T: Clone>(all: &[T], range: Range<usize>) -> Vec<T> {
    [&all[..range.start], &all[range.end..]].concat()
}

/// The remaining budget of a run, in lookups: a long sequence on a large map ends early. Under a
/// fuzzer, which finds more with many short runs than with few long ones, it is about a
/// millisecond.
struct Budget(u32);

impl Budget {
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

/// Resets the random numbers, so that a case is repeatable, if the library is built with
/// `untorn_fuzzing`.
fn repeat_random_numbers() {
    #[cfg(untorn_fuzzing)]
    untorn::repeat_random_numbers();
}
