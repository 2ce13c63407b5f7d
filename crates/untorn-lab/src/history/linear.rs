//! The black-box checker: is there an order of all operations, one after the other, that explains what each was told and
//! keeps the order of those that did not overlap?
//!
//! The search of Wing and Gong with Lowe's memory of what was tried: an operation can come next if none that is still to
//! come had returned before it was invoked; two ways to the same set of operations and the same contents need to be
//! followed once. The whole map is one object, a batch and a view are one operation each. Revisions are not looked at.

use std::collections::HashSet;

use super::model::{Contents, Operation};

/// What the search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order; this one, as places in the history.
    Linearizable(Vec<usize>),
    /// There is none.
    Violation,
    /// The search was given up after [`LIMIT`] steps.
    GaveUp,
}

/// How many steps a search takes at most.
pub const LIMIT: usize = 1 << 20;

struct Search<'h> {
    history: &'h [Operation],
    /// What was done and what the map held then.
    seen: HashSet<(u128, Contents)>,
    order: Vec<usize>,
}

/// Looks for an order of a history that begins with an empty map.
///
/// # Panics
/// If there are more than 128 operations.
#[must_use]
pub fn linearize(history: &[Operation]) -> Verdict {
    assert!(history.len() <= 128, "too long for this search");
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
    /// Whether the operations that are not in `done` can follow; `None` if that took too long.
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
