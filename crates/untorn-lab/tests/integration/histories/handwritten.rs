//! Handwritten histories with their expected verdicts.

use untorn_lab::history::linearizability::{Verdict, linearize};
use untorn_lab::history::model::{Contents, Key, Operation, Outcome, Step, Value};
use untorn_lab::history::revisions::{Anomaly, replay};
use untorn_lab::history::shrink::shrink;

const NOTHING: Value = 0;

fn some(value: Value) -> Option<Value> {
    (value != NOTHING).then_some(value)
}

pub(super) fn get(key: Key, saw: Value) -> Step {
    let saw = some(saw);
    Step::Get { key, saw }
}

/// Writes `value` where `old` was.
pub(super) fn put(key: Key, value: Value, old: Value) -> Step {
    let (value, old) = (some(value), Some(some(old)));
    Step::Write { key, value, old }
}

/// Returns an operation of a thread from one moment to another.
pub(super) fn op(thread: usize, (invoked, returned): (u64, u64), steps: &[Step]) -> Operation {
    let call = if steps.iter().all(Step::is_read) {
        "pin"
    } else {
        "batch"
    };
    Operation {
        steps: steps.to_vec(),
        ..Operation::new(thread, call, (invoked, returned))
    }
}

/// Returns an operation with a revision.
pub(super) fn at(thread: usize, moments: (u64, u64), revision: u64, steps: &[Step]) -> Operation {
    Operation {
        revision: Some(revision),
        ..op(thread, moments, steps)
    }
}

fn aborted(operation: Operation) -> Operation {
    Operation {
        outcome: Outcome::Aborted,
        ..operation
    }
}

pub(super) fn ordered(mut history: Vec<Operation>) -> Vec<Operation> {
    history.sort_by_key(|operation| operation.invoked);
    history
}

/// Returns histories for the black-box checker, and whether each is linearizable.
pub(crate) fn black_box() -> Vec<(&'static str, bool, Vec<Operation>)> {
    let both = |a, b| [get(0, a), get(1, b)];
    let pair = |a, b, old| [put(0, a, old), put(1, b, old)];
    let mut all = vec![
        ("nothing happens", true, vec![]),
        (
            "a read after a write",
            true,
            vec![op(0, (0, 1), &[put(0, 7, 0)]), op(1, (2, 3), &[get(0, 7)])],
        ),
        (
            "a stale read",
            false,
            vec![op(0, (0, 1), &[put(0, 7, 0)]), op(1, (2, 3), &[get(0, 0)])],
        ),
        (
            "a read during a write, before it",
            true,
            vec![op(0, (0, 3), &[put(0, 7, 0)]), op(1, (1, 2), &[get(0, 0)])],
        ),
        (
            "two reads during a write, the new value first",
            false,
            vec![
                op(0, (0, 9), &[put(0, 7, 0)]),
                op(1, (1, 2), &[get(0, 7)]),
                op(2, (3, 4), &[get(0, 0)]),
            ],
        ),
        (
            "the same reads, overlapping",
            true,
            vec![
                op(0, (0, 9), &[put(0, 7, 0)]),
                op(1, (1, 4), &[get(0, 7)]),
                op(2, (2, 3), &[get(0, 0)]),
            ],
        ),
        (
            "three writes at once, read in the opposite order",
            true,
            vec![
                op(0, (0, 9), &[put(0, 1, 2)]),
                op(1, (1, 10), &[put(0, 2, 3)]),
                op(2, (2, 11), &[put(0, 3, 0)]),
                op(3, (3, 4), &[get(0, 3)]),
                op(3, (5, 6), &[get(0, 2)]),
                op(3, (7, 8), &[get(0, 1)]),
            ],
        ),
        (
            "a read of what is written later",
            false,
            vec![op(1, (0, 1), &[get(0, 7)]), op(0, (2, 3), &[put(0, 7, 0)])],
        ),
        (
            "a lost update",
            false,
            vec![
                op(0, (0, 1), &[put(0, 1, 0)]),
                op(1, (2, 9), &[put(0, 2, 1)]),
                op(2, (3, 8), &[put(0, 3, 1)]),
            ],
        ),
        (
            "a pair",
            true,
            vec![
                op(0, (0, 9), &pair(1, 1, 0)),
                op(1, (1, 4), &both(1, 1)),
                op(2, (2, 3), &both(0, 0)),
            ],
        ),
        (
            "a torn pair",
            false,
            vec![op(0, (0, 9), &pair(1, 1, 0)), op(1, (1, 2), &both(1, 0))],
        ),
        (
            "two commits that two views observe in opposite orders",
            false,
            vec![
                op(0, (0, 9), &[put(0, 1, 0)]),
                op(1, (1, 10), &[put(1, 2, 0)]),
                op(2, (2, 3), &both(1, 0)),
                op(3, (4, 5), &both(0, 2)),
            ],
        ),
        (
            "write skew: each commit read the other's key as it was before",
            false,
            vec![
                op(0, (0, 9), &[get(1, 0), put(0, 1, 0)]),
                op(1, (1, 10), &[get(0, 0), put(1, 2, 0)]),
            ],
        ),
        (
            "dirty writes: each of two commits overwrote the other",
            false,
            vec![
                op(0, (0, 9), &[put(0, 1, 0), put(1, 1, 2)]),
                op(1, (1, 10), &[put(0, 2, 1), put(1, 2, 0)]),
            ],
        ),
        (
            "a value that its own batch replaced",
            false,
            vec![
                op(0, (0, 9), &[put(0, 1, 0), put(0, 2, 1)]),
                op(1, (1, 2), &[get(0, 1)]),
            ],
        ),
        (
            "an aborted batch leaves nothing",
            true,
            vec![
                aborted(op(0, (0, 1), &[put(0, 1, 0), get(0, 1)])),
                op(1, (2, 3), &[get(0, 0)]),
            ],
        ),
        (
            "a value of an aborted batch",
            false,
            vec![
                aborted(op(0, (0, 9), &[put(0, 1, 0)])),
                op(1, (1, 2), &[get(0, 1)]),
            ],
        ),
        (
            "the reads of an aborted batch must be correct",
            false,
            vec![
                op(0, (0, 1), &[put(0, 1, 0)]),
                aborted(op(1, (2, 3), &[get(0, 0), put(0, 2, 0)])),
            ],
        ),
    ];
    let counts = |added, changed, removed| Step::Refresh {
        to: [Some(1), Some(3), None, None],
        counts: Some([added, changed, removed]),
    };
    let from = [put(0, 1, 0), put(1, 2, 0), put(2, 4, 0)];
    for (name, good, step) in [
        ("a refresh that counts right", true, counts(0, 1, 1)),
        ("a refresh that counts wrong", false, counts(1, 1, 1)),
        ("clearing", true, Step::Clear { of: Some(3) }),
        ("keeping the even", true, {
            let (rest, gone) = (0, Some(1));
            Step::Retain { rest, gone }
        }),
        ("a length", true, Step::Len { saw: 3 }),
        ("a wrong length", false, Step::Len { saw: 2 }),
        ("an entry that comes twice", false, {
            let saw: Contents = [Some(1), Some(2), Some(4), None];
            Step::All { saw, entries: 4 }
        }),
    ] {
        let history = vec![op(0, (0, 1), &from), op(1, (2, 3), &[step])];
        all.push((name, good, history));
    }
    all
}

/// Returns histories for the checker of revisions, with the expected anomaly.
fn with_revisions() -> Vec<(&'static str, Option<Anomaly>, Vec<Operation>)> {
    use Anomaly as A;
    let both = |a, b| [get(0, a), get(1, b)];
    let first = at(0, (0, 1), 1, &[put(0, 1, 0), put(1, 1, 0)]);
    let second = at(0, (4, 7), 2, &[put(0, 2, 1), put(1, 2, 1)]);
    let history = |more: &[Operation]| {
        let mut history = vec![first.clone(), second.clone()];
        history.extend_from_slice(more);
        history
    };
    let moved = |revision, only_at| Operation {
        outcome: Outcome::Moved,
        only_at: Some(only_at),
        ..at(1, (8, 9), revision, &[])
    };
    vec![
        ("two commits", None, history(&[])),
        (
            "a view before the second, one after, one during",
            None,
            history(&[
                at(1, (2, 3), 1, &both(1, 1)),
                at(1, (5, 6), 2, &both(2, 2)),
                at(2, (8, 9), 2, &both(2, 2)),
            ]),
        ),
        (
            "an old view taken during the second",
            None,
            history(&[at(1, (5, 6), 1, &both(1, 1))]),
        ),
        (
            "torn",
            Some(A::Torn),
            history(&[at(1, (5, 6), 2, &both(2, 1))]),
        ),
        (
            "a right view of the wrong revision",
            Some(A::StaleRead),
            history(&[at(1, (5, 6), 2, &both(1, 1))]),
        ),
        (
            "stale beyond real time",
            Some(A::StaleRead),
            history(&[at(1, (8, 9), 1, &both(1, 1))]),
        ),
        (
            "a get without revision, stale",
            Some(A::StaleRead),
            history(&[op(1, (8, 9), &[get(0, 1)])]),
        ),
        (
            "a get without revision, right",
            None,
            history(&[op(1, (5, 9), &[get(0, 1)])]),
        ),
        (
            "from the future",
            Some(A::FutureRead),
            history(&[at(1, (2, 3), 2, &both(2, 2))]),
        ),
        (
            "a revision that does not exist",
            Some(A::FutureRead),
            history(&[at(1, (8, 9), 3, &both(2, 2))]),
        ),
        (
            "a thread that reads an older state",
            Some(A::GoesBack),
            history(&[
                at(1, (5, 6), 2, &both(2, 2)),
                at(1, (10, 11), 1, &both(1, 1)),
            ]),
        ),
        (
            "one revision twice",
            Some(A::DoubleRevision),
            history(&[at(1, (5, 6), 2, &[put(2, 5, 0)])]),
        ),
        (
            "a revision without a commit",
            Some(A::MissingRevision),
            history(&[at(1, (8, 9), 4, &[put(2, 5, 0)])]),
        ),
        (
            "numbered against real time",
            Some(A::CommitOrder),
            vec![
                at(0, (0, 1), 2, &[put(0, 1, 0)]),
                at(1, (2, 3), 1, &[put(1, 2, 0)]),
            ],
        ),
        (
            "a value of an aborted batch",
            Some(A::AbortedRead),
            history(&[
                aborted(at(1, (5, 6), 1, &[put(0, 9, 1)])),
                at(2, (8, 9), 2, &both(9, 2)),
            ]),
        ),
        (
            "a value that its own batch replaced",
            Some(A::IntermediateRead),
            history(&[
                at(1, (8, 9), 3, &[put(2, 5, 0), put(2, 6, 5)]),
                at(2, (10, 11), 3, &[get(2, 5)]),
            ]),
        ),
        (
            "a value that was never written",
            Some(A::Garbage),
            history(&[at(1, (8, 9), 2, &both(99, 2))]),
        ),
        (
            "a lost update",
            Some(A::LostUpdate),
            history(&[at(1, (5, 9), 3, &[put(0, 3, 1)])]),
        ),
        (
            "dirty writes",
            Some(A::DirtyWrite),
            vec![
                at(0, (0, 9), 1, &[put(0, 1, 0), put(1, 1, 2)]),
                at(1, (1, 10), 2, &[put(0, 2, 1), put(1, 2, 0)]),
            ],
        ),
        (
            "circular flow",
            Some(A::CircularFlow),
            vec![
                at(0, (0, 9), 1, &[get(1, 2), put(0, 1, 0)]),
                at(1, (1, 10), 2, &[get(0, 1), put(1, 2, 0)]),
            ],
        ),
        (
            "write skew",
            Some(A::LostUpdate),
            vec![
                at(0, (0, 9), 1, &[get(1, 0), put(0, 1, 0)]),
                at(1, (1, 10), 2, &[get(0, 0), put(1, 2, 0)]),
            ],
        ),
        (
            "a wrong count",
            Some(A::WrongCount),
            history(&[at(1, (8, 9), 2, &[Step::Len { saw: 3 }])]),
        ),
        ("a revision mismatch", None, history(&[moved(2, 1)])),
        (
            "a mismatch reported for equal revisions",
            Some(A::WrongRevision),
            history(&[moved(2, 2)]),
        ),
    ]
}

#[test]
fn handwritten_histories_get_their_verdict() {
    for (name, good, history) in black_box() {
        let history = ordered(history);
        let verdict = linearize(&history);
        let expected = matches!(verdict, Verdict::Linearizable(_)) == good;
        assert!(
            expected && verdict != Verdict::GaveUp,
            "{name}: {verdict:?}"
        );
    }
}

#[test]
fn handwritten_revisions_get_their_verdict() {
    for (name, expected, history) in with_revisions() {
        let violations = replay(&ordered(history)).violations;
        let found = violations.first().map(|violation| violation.anomaly);
        assert_eq!(found, expected, "{name}: {violations:?}");
    }
}

#[test]
fn a_found_order_explains_each_operation() {
    for (name, good, history) in black_box() {
        let Verdict::Linearizable(order) = linearize(&history) else {
            assert!(!good, "{name}");
            continue;
        };
        assert_eq!(order.len(), history.len(), "{name}");
        let mut contents = Contents::default();
        for (place, &i) in order.iter().enumerate() {
            let overtaken = order[place..]
                .iter()
                .any(|&later| history[later].returned < history[i].invoked);
            assert!(!overtaken, "{name}");
            contents = history[i].after(&contents).expect(name);
        }
    }
}

#[test]
fn a_violation_shrinks_to_its_contradiction() {
    let mut history = vec![
        op(0, (0, 1), &[put(0, 1, 0), put(1, 1, 0)]),
        op(1, (2, 3), &[get(0, 1), get(1, 1)]),
        op(0, (4, 5), &[put(2, 9, 0)]),
        op(0, (6, 7), &[put(0, 2, 1)]),
        op(1, (8, 9), &[get(2, 9), get(0, 1)]),
        op(2, (10, 11), &[put(3, 4, 0)]),
        aborted(op(2, (12, 13), &[put(3, 5, 4)])),
    ];
    let bad = shrink(&history);
    let steps: usize = bad.iter().map(|operation| operation.steps.len()).sum();
    assert_eq!((bad.len(), steps), (3, 3), "{bad:#?}");
    // A removal that explains an absence remains: without it the correct part would become a
    // violation.
    history.truncate(2);
    history.push(op(0, (4, 5), &[put(0, 0, 1)]));
    history.push(op(1, (6, 7), &[get(0, 0)]));
    history.push(op(1, (8, 9), &[get(1, 7)]));
    let bad = shrink(&history);
    assert_eq!(linearize(&bad), Verdict::Violation);
    assert!(
        bad.iter().all(|operation| operation.invoked != 6),
        "{bad:#?}"
    );
}
