//! Shrinks a sequence with a disagreement.

use std::ops::Range;

use super::operation::{Operation, Sequence};
use crate::shrink;

/// The maximum number of sequences to try.
const TRIES: usize = 4000;

/// Removes operations from `sequence` while the two sides still disagree. `disagree` returns the
/// step after which they do; later steps are removed.
///
/// Returns `None` if they do not disagree on `sequence` itself.
pub fn shrink(
    sequence: &Sequence,
    mut disagree: impl FnMut(&Sequence) -> Option<usize>,
) -> Option<Sequence> {
    let mut attempt = |mut candidate: Sequence| {
        let step = disagree(&candidate)?;
        candidate.operations.truncate(step + 1);
        Some(candidate)
    };
    let mut smallest = attempt(sequence.clone())?;
    let simplifications: [fn(&mut Sequence); 2] = [
        |sequence| sequence.hint = 0,
        |sequence| sequence.checksum_every = 1,
    ];
    for simplify in simplifications {
        let mut simpler = smallest.clone();
        simplify(&mut simpler);
        smallest = attempt(simpler).unwrap_or(smallest);
    }
    let chunk = smallest.operations.len() / 2;
    let len = |sequence: &Sequence| sequence.operations.len();
    Some(shrink::shrink(
        smallest,
        len,
        chunk,
        TRIES,
        |sequence, range| attempt(without(sequence, &range)),
    ))
}

fn without(sequence: &Sequence, range: &Range<usize>) -> Sequence {
    let keep = |(i, _): &(usize, &Operation)| !range.contains(i);
    let kept = sequence.operations.iter().enumerate().filter(keep);
    sequence.with(kept.map(|(_, operation)| *operation).collect())
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Operation, Sequence, Slot};
    use super::shrink;

    #[test]
    fn shrinking_keeps_the_relevant_steps_in_order() {
        let sequence = Sequence {
            kind: Kind::U64,
            hint: 100,
            seed: 1,
            checksum_every: 8,
            operations: (0..500).map(|n| Operation::Insert(Slot::A, n, 0)).collect(),
        };
        // The sides disagree once 17, 130 and 300 have been inserted in this order.
        let disagree = |sequence: &Sequence| {
            let mut wanted = [17, 130, 300].iter();
            let mut next = wanted.next();
            sequence.operations.iter().position(|operation| {
                if operation.key() == next.copied() {
                    next = wanted.next();
                }
                next.is_none()
            })
        };
        let small = shrink(&sequence, disagree).expect("the sides disagree");
        let keys: Vec<_> = small.operations.iter().filter_map(|o| o.key()).collect();
        assert_eq!(keys, [17, 130, 300]);
        assert_eq!((small.hint, small.checksum_every), (0, 1));
        assert_eq!(shrink(&sequence.with(Vec::new()), disagree), None);
    }
}
