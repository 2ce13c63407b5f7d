//! Making a sequence that shows a disagreement small.

use super::operation::{Operation, Sequence};

/// How many sequences are tried at most.
const TRIES: usize = 4000;

/// Drops operations from `sequence` for as long as the two sides still disagree. `disagree` gives the step after
/// which they do; nothing that comes later is kept.
///
/// `None` if they do not disagree on `sequence` itself.
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
    let mut tries = 0;
    let mut chunk = smallest.operations.len() / 2;
    while chunk > 0 && tries < TRIES {
        let before = smallest.operations.len();
        // From the end, where what is dropped moves nothing that is still to be tried.
        let mut end = before;
        while end > 0 && tries < TRIES {
            let start = end.saturating_sub(chunk);
            tries += 1;
            if let Some(smaller) = attempt(without(&smallest, start, end)) {
                smallest = smaller;
            }
            end = start.min(smallest.operations.len());
        }
        // Dropping single operations is repeated until none can go.
        if chunk > 1 || smallest.operations.len() == before {
            chunk /= 2;
        }
    }
    Some(smallest)
}

fn without(sequence: &Sequence, start: usize, end: usize) -> Sequence {
    let keep = |(i, _): &(usize, &Operation)| !(start..end).contains(i);
    let kept = sequence.operations.iter().enumerate().filter(keep);
    sequence.with(kept.map(|(_, operation)| *operation).collect())
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Operation, Sequence, Slot};
    use super::shrink;

    #[test]
    fn what_does_not_matter_is_dropped_and_what_does_is_kept_in_order() {
        let sequence = Sequence {
            kind: Kind::U64,
            hint: 100,
            seed: 1,
            checksum_every: 8,
            operations: (0..500).map(|n| Operation::Insert(Slot::A, n, 0)).collect(),
        };
        // They disagree once 17, 130 and 300 have been inserted in this order.
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
        let small = shrink(&sequence, disagree).expect("they disagree");
        let keys: Vec<_> = small.operations.iter().filter_map(|o| o.key()).collect();
        assert_eq!(keys, [17, 130, 300]);
        assert_eq!((small.hint, small.checksum_every), (0, 1));
        assert_eq!(shrink(&sequence.with(Vec::new()), disagree), None);
    }
}
