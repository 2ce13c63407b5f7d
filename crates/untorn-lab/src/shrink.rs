//! Shrinks a failing sequence of operations.

use std::ops::Range;

/// Removes ranges of operations from `smallest` while it still fails.
///
/// The ranges start at `chunk` operations and get smaller; single operations are tried until none
/// can be removed. `attempt` returns the sequence without a range if that one fails too. It is
/// called at most `tries` times.
pub(crate) fn shrink<T>(
    mut smallest: T,
    len: impl Fn(&T) -> usize,
    mut chunk: usize,
    mut tries: usize,
    mut attempt: impl FnMut(&T, Range<usize>) -> Option<T>,
) -> T {
    while chunk > 0 && tries > 0 {
        let before = len(&smallest);
        // From the end, so that a removal does not move the operations that are still to be tried.
        let mut end = before;
        while end > 0 && tries > 0 {
            let start = end.saturating_sub(chunk);
            tries -= 1;
            if let Some(smaller) = attempt(&smallest, start..end) {
                smallest = smaller;
            }
            end = start.min(len(&smallest));
        }
        if chunk > 1 || len(&smallest) == before {
            chunk /= 2;
        }
    }
    smallest
}
