//! The black-box checker of linearizability: is there a total order of all operations that explains
//! every result and respects the order of operations that did not overlap?
//!
//! The search of Wing and Gong with Lowe's memoization. An operation can be next if no remaining
//! operation had returned before it was invoked. Two paths to the same set of operations and the
//! same contents are followed once. The whole map is one object; a batch and a view are one
//! operation each. Revisions are ignored.

use std::collections::HashSet;

use super::model::{Contents, Operation};

/// The result of the search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An order was found: indices into the history.
    Linearizable(Vec<usize>),
    /// No order exists.
    Violation,
    /// The search was given up after [`LIMIT`] steps.
    GaveUp,
}

/// The maximum number of steps of a search.
pub const LIMIT: usize = 1 << 20;

struct Search<'h> {
    history: &'h [Operation],
    /// The visited states: the operations done and the contents then.
    seen: HashSet<(u128, Contents)>,
    order: Vec<usize>,
}

/// Searches an order of a history that starts with an empty map.
///
/// # Panics
/// Panics if there are more than 128 operations.
#[must_use]
pub fn linearize(history: &[Operation]) -> Verdict {
    assert!(
        history.len() <= 128,
        "a history of more than 128 operations"
    );
    let mut search = Search {
        history,
        seen: HashSet::new(),
        order: Vec::new(),
    };
    match search.run(0, &Contents::default()) {
        Some(true) => Verdict::Linearizable(search.order),
        Some(false) => Verdict::Violation,
        None => Verdict::GaveUp,
    }
}

impl Search<'_> {
    /// Returns whether the operations that are not in `done` can follow; `None` at the limit.
    fn run(&mut self, done: u128, contents: &Contents) -> Option<bool> {
        let history = self.history;
        let open = |i: &usize| done & (1 << i) == 0;
        let open = || (0..history.len()).filter(open);
        let Some(first_return) = open().map(|i| history[i].returned).min() else {
            return Some(true);
        };
        if !self.seen.insert((done, *contents)) {
            return Some(false);
        }
        if self.seen.len() > LIMIT {
            return None;
        }
        for i in open().filter(|&i| history[i].invoked < first_return) {
            if let Some(after) = history[i].after(contents) {
                self.order.push(i);
                if self.run(done | (1 << i), &after)? {
                    return Some(true);
                }
                self.order.pop();
            }
        }
        Some(false)
    }
}
