//! Handwritten histories of subscriptions, initializers and conditional calls, with their expected
//! verdicts.

use untorn_lab::history::detail::{Changes, Detail, Follows, Transition};
use untorn_lab::history::initializers;
use untorn_lab::history::linearizability::{Verdict, linearize};
use untorn_lab::history::model::{Contents, KEYS, Key, Operation, Outcome, Step, Value};
use untorn_lab::history::revisions::{Anomaly, replay};

use super::handwritten::{at, get, op, ordered, put};

/// The contents at each revision of [`commits`].
const STATES: [Contents; 5] = [
    [None; KEYS],
    [Some(1), Some(1), None, None],
    [Some(2), Some(1), None, None],
    [Some(2), Some(3), None, None],
    [Some(4), Some(3), None, None],
];

/// Returns four commits of one thread, with ten moments for each.
fn commits() -> Vec<Operation> {
    vec![
        at(0, (0, 1), 1, &[put(0, 1, 0), put(1, 1, 0)]),
        at(0, (10, 11), 2, &[put(0, 2, 1)]),
        at(0, (20, 21), 3, &[put(1, 3, 1)]),
        at(0, (30, 31), 4, &[put(0, 4, 2)]),
    ]
}

fn subscribe(follows: Follows, moment: u64, revision: u64) -> Operation {
    let subscriber = 7;
    Operation {
        detail: Some(Detail::Subscribed {
            subscriber,
            follows,
        }),
        ..at(1, (moment, moment + 1), revision, &[])
    }
}

/// Returns a call without a wait that returned no step.
fn nothing(moment: u64, compared: u64, pending: u64) -> Operation {
    received(moment, compared, None, pending)
}

/// Returns a call without a wait that returned a step.
fn step(follows: Follows, moment: u64, (from, to): (u64, u64), missed: u64) -> Operation {
    let before = STATES[from as usize];
    let transition = Transition {
        from,
        before,
        changes: follows.changes(&before, &STATES[to as usize]),
        missed,
    };
    received(moment, to, Some(&transition), 0)
}

fn received(moment: u64, compared: u64, step: Option<&Transition>, pending: u64) -> Operation {
    let all = Step::All {
        saw: STATES[compared as usize],
        entries: STATES[compared as usize].iter().flatten().count(),
    };
    let steps = step.iter().map(|_| all.clone());
    Operation {
        detail: Some(Detail::Received {
            subscriber: 7,
            waited: false,
            step: step.cloned().map(Box::new),
            pending,
        }),
        ..at(
            1,
            (moment, moment + 1),
            compared,
            &steps.collect::<Vec<_>>(),
        )
    }
}

/// Changes what a call received.
fn with(mut call: Operation, change: impl FnOnce(&mut Transition, &mut bool)) -> Operation {
    if let Some(Detail::Received {
        step: Some(step),
        waited,
        ..
    }) = &mut call.detail
    {
        change(step, waited);
    }
    call
}

fn subscriptions() -> Vec<(&'static str, Option<Anomaly>, Vec<Operation>)> {
    use Anomaly as A;
    let (all, one) = (Follows::All, Follows::One(0));
    vec![
        (
            "each version is a step",
            None,
            vec![
                subscribe(all, 2, 1),
                step(all, 12, (1, 2), 0),
                nothing(14, 2, 0),
                step(all, 32, (2, 4), 1),
            ],
        ),
        (
            "a version that was lost",
            Some(A::LostChange),
            vec![subscribe(all, 2, 1), nothing(12, 2, 0)],
        ),
        (
            "a step that starts too late",
            Some(A::LostChange),
            vec![
                subscribe(all, 2, 1),
                step(all, 12, (1, 2), 0),
                step(all, 32, (3, 4), 0),
            ],
        ),
        (
            "an old step",
            Some(A::StaleRead),
            vec![subscribe(all, 2, 1), step(all, 22, (1, 2), 0)],
        ),
        (
            "only versions with another value are steps",
            None,
            vec![
                subscribe(one, 2, 1),
                step(one, 12, (1, 2), 0),
                nothing(22, 3, 0),
                step(one, 32, (3, 4), 0),
            ],
        ),
        (
            "a version that was not compared is counted",
            None,
            vec![
                subscribe(one, 2, 1),
                step(one, 12, (1, 2), 0),
                step(one, 32, (2, 4), 1),
            ],
        ),
        (
            "a version that was compared is counted, too",
            Some(A::WrongMissed),
            vec![
                subscribe(one, 2, 1),
                step(one, 12, (1, 2), 0),
                nothing(22, 3, 0),
                step(one, 32, (3, 4), 1),
            ],
        ),
        (
            "a version that was not compared is forgotten",
            Some(A::WrongMissed),
            vec![
                subscribe(Follows::One(2), 2, 1),
                nothing(22, 3, 1),
                nothing(32, 4, 0),
            ],
        ),
        (
            "a change that was lost",
            Some(A::LostChange),
            vec![
                subscribe(one, 2, 1),
                nothing(12, 2, 0),
                step(one, 32, (3, 4), 1),
            ],
        ),
        (
            "a step without a change",
            Some(A::WrongTransition),
            vec![subscribe(one, 12, 2), step(one, 22, (2, 3), 0)],
        ),
        (
            "an old value of another revision",
            Some(A::WrongTransition),
            vec![
                subscribe(one, 2, 1),
                with(step(one, 12, (1, 2), 0), |step, _| {
                    step.changes[0] = Some((Some(9), Some(2)));
                }),
            ],
        ),
        (
            "a change of another key",
            Some(A::WrongTransition),
            vec![
                subscribe(Follows::Rest(0), 2, 1),
                with(step(Follows::Rest(0), 32, (1, 4), 2), |step, _| {
                    step.changes = all.changes(&STATES[1], &STATES[4]);
                }),
            ],
        ),
        (
            "a wait that compared a version in between",
            None,
            vec![
                subscribe(one, 12, 2),
                with(step(one, 32, (3, 4), 0), |_, waited| *waited = true),
            ],
        ),
        (
            "a wait that skipped a step",
            Some(A::LostChange),
            vec![
                subscribe(one, 2, 1),
                with(step(one, 32, (3, 4), 0), |_, waited| *waited = true),
            ],
        ),
        (
            "a wait that counts too many",
            Some(A::WrongMissed),
            vec![
                subscribe(one, 12, 2),
                with(step(one, 32, (3, 4), 1), |_, waited| *waited = true),
            ],
        ),
    ]
}

#[test]
fn subscriptions_get_their_verdict() {
    for (name, expected, calls) in subscriptions() {
        let history = ordered([commits(), calls].concat());
        let violations = replay(&history).violations;
        let found = violations.first().map(|violation| violation.anomaly);
        assert_eq!(found, expected, "{name}: {violations:?}");
    }
}

#[test]
fn changes_are_those_of_the_followed_keys() {
    let changes = |follows: Follows| follows.changes(&STATES[1], &STATES[4]);
    let (zero, one) = (Some((Some(1), Some(4))), Some((Some(1), Some(3))));
    let expected: [(Follows, Changes); 4] = [
        (Follows::All, [zero, one, None, None]),
        (Follows::One(1), [None, one, None, None]),
        (Follows::One(2), [None; KEYS]),
        (Follows::Rest(0), [zero, None, None, None]),
    ];
    for (follows, expected) in expected {
        assert_eq!(changes(follows), expected, "{follows:?}");
    }
}

#[test]
fn initializers_of_one_key_do_not_overlap() {
    let run = |thread, key: Key, began, ended| Operation {
        detail: Some(Detail::Initializer { key, began, ended }),
        ..op(thread, (began - 1, ended + 1), &[])
    };
    let cases = [
        (
            "one after the other",
            false,
            [run(0, 0, 1, 4), run(1, 0, 7, 9)],
        ),
        ("different keys", false, [run(0, 0, 1, 8), run(1, 1, 3, 6)]),
        (
            "one inside the other",
            true,
            [run(0, 0, 1, 8), run(1, 0, 3, 6)],
        ),
        (
            "one into the other",
            true,
            [run(0, 0, 1, 6), run(1, 0, 3, 8)],
        ),
    ];
    for (name, expected, history) in cases {
        let found = initializers::check(&history);
        assert_eq!(found.is_some(), expected, "{name}");
        assert!(found.is_none_or(|found| found.anomaly == Anomaly::TwoInitializers));
    }
}

/// Returns calls after which key 0 has the value 1 and key 1 has none, with their verdict.
fn calls() -> Vec<(&'static str, bool, Operation)> {
    let differ = |zero: Option<Option<Value>>, one| Operation {
        outcome: Outcome::Moved,
        ..op(
            1,
            (2, 3),
            &[Step::Differ {
                from: [zero, one, None, None],
            }],
        )
    };
    let keep = |keys, gone| {
        let gone = Some(gone);
        op(1, (2, 3), &[Step::Keep { keys, gone }, get(0, 0)])
    };
    let wait = |present, satisfied| Operation {
        outcome: if satisfied {
            Outcome::Completed
        } else {
            Outcome::Failed
        },
        ..op(
            1,
            (2, 3),
            &[
                Step::Contains {
                    key: 1,
                    saw: present == satisfied,
                },
                get(0, 1),
            ],
        )
    };
    vec![
        (
            "refused: a key was changed",
            true,
            differ(Some(Some(9)), None),
        ),
        (
            "refused: a key was removed",
            true,
            differ(Some(Some(1)), Some(Some(9))),
        ),
        (
            "refused, although the keys are equal",
            false,
            differ(Some(Some(1)), Some(None)),
        ),
        (
            "refused, although no key was compared",
            false,
            differ(None, None),
        ),
        ("the other keys are removed", true, keep([false; KEYS], 1)),
        ("one more is counted", false, keep([false; KEYS], 2)),
        ("a key that is not removed", false, keep([true; KEYS], 0)),
        ("a wait for an absent key", true, wait(false, true)),
        ("a wait whose time is over", true, wait(true, false)),
        ("a wait that returned too early", false, wait(true, true)),
        ("a wait that returned too late", false, wait(false, false)),
    ]
}

#[test]
fn conditional_calls_get_their_verdict() {
    for (name, good, call) in calls() {
        let history = vec![op(0, (0, 1), &[put(0, 1, 0)]), call];
        let verdict = linearize(&history);
        assert_eq!(matches!(verdict, Verdict::Linearizable(_)), good, "{name}");
        let with_revision: Vec<_> = (1..)
            .zip(history)
            .map(|(revision, operation)| Operation {
                revision: Some(if operation.commits() { revision } else { 1 }),
                ..operation
            })
            .collect();
        let violations = replay(&with_revision).violations;
        assert_eq!(violations.is_empty(), good, "{name}: {violations:?}");
    }
}
