//! Random accesses of one thread, compared with a `RefCell`, which has the same rule.

use std::cell::{Ref, RefCell, RefMut};
use std::mem::forget;
use std::thread::scope;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use untorn::{OverlapCell, ReadGuard, WriteGuard};

use crate::support::{RECORD, attempt};

#[derive(Clone, Debug)]
enum Step {
    Read,
    TryRead,
    Write,
    TryWrite,
    Touch(usize),
    Clone(usize),
    Drop(usize),
    Forget(usize),
    GetMut,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any_of_four = (0..4_usize).prop_map(|n| match n {
        0 => Step::Read,
        1 => Step::TryRead,
        2 => Step::Write,
        _ => Step::TryWrite,
    });
    let step = prop_oneof![
        8 => any_of_four,
        4 => any::<usize>().prop_map(Step::Touch),
        2 => any::<usize>().prop_map(Step::Clone),
        8 => any::<usize>().prop_map(Step::Drop),
        // Rare, since a leaked guard blocks most later steps.
        1 => any::<usize>().prop_map(Step::Forget),
        2 => Just(Step::GetMut),
    ];
    vec(step, 0..60)
}

/// An access to the cell and the same access to the model.
enum Pair<'c> {
    Read(ReadGuard<'c, u64>, Ref<'c, u64>),
    Write(WriteGuard<'c, u64>, RefMut<'c, u64>),
}

fn run_steps(steps: &[Step]) {
    let mut cell = OverlapCell::new(0).on_overlap(RECORD);
    let mut model = RefCell::new(0);
    // A `get_mut` separates two runs of steps, since no guard outlives it.
    for run in steps.split_inclusive(|step| matches!(step, Step::GetMut)) {
        let (mut held, mut readers) = (Vec::new(), 0);
        for step in run {
            apply(step, &cell, &model, &mut held);
            let reads = held.iter().filter(|pair| matches!(pair, Pair::Read(..)));
            readers = reads.count();
        }
        let writers = held.len() - readers;
        assert!(writers == 0 || (writers, readers) == (1, 0));
        drop(held);
        *cell.get_mut() += 1;
        *model.get_mut() += 1;
    }
    assert_eq!(cell.into_inner(), model.into_inner());
}

fn apply<'c>(
    step: &Step,
    cell: &'c OverlapCell<u64>,
    model: &'c RefCell<u64>,
    held: &mut Vec<Pair<'c>>,
) {
    let take = |held: &mut Vec<_>, n| (!held.is_empty()).then(|| held.swap_remove(n % held.len()));
    match step {
        Step::Read | Step::TryRead => {
            let read = if matches!(step, Step::Read) {
                attempt(|| cell.read())
            } else {
                cell.try_read()
            };
            match (read, model.try_borrow()) {
                (Ok(read), Ok(borrow)) => {
                    assert_eq!(*read, *borrow);
                    held.push(Pair::Read(read, borrow));
                }
                (Err(overlap), Err(_)) => assert!(overlap.is_reentrant()),
                (read, borrow) => panic!("{read:?} but {borrow:?}"),
            }
        }
        Step::Write | Step::TryWrite => {
            let write = if matches!(step, Step::Write) {
                attempt(|| cell.write())
            } else {
                cell.try_write()
            };
            match (write, model.try_borrow_mut()) {
                (Ok(mut write), Ok(mut borrow)) => {
                    *write += 1;
                    *borrow += 1;
                    held.push(Pair::Write(write, borrow));
                }
                (Err(overlap), Err(_)) => assert!(overlap.is_reentrant()),
                (write, borrow) => panic!("{write:?} but {borrow:?}"),
            }
        }
        Step::Touch(n) => {
            let of = n % held.len().max(1);
            match held.get_mut(of) {
                Some(Pair::Read(read, borrow)) => assert_eq!(**read, **borrow),
                Some(Pair::Write(write, borrow)) => {
                    **write += 1;
                    **borrow += 1;
                }
                None => {}
            }
        }
        Step::Clone(n) => {
            let of = held.get(n % held.len().max(1));
            if let Some(Pair::Read(read, borrow)) = of {
                let pair = Pair::Read(ReadGuard::clone(read), Ref::clone(borrow));
                held.push(pair);
            }
        }
        Step::Drop(n) => drop(take(held, *n)),
        Step::Forget(n) => {
            if let Some(pair) = take(held, *n) {
                forget(pair);
            }
        }
        Step::GetMut => {}
    }
}

proptest! {
    #[test]
    fn random_accesses_match_ref_cell(steps in steps()) {
        // On a thread of its own, so that leaked guards do not affect the next case.
        scope(|s| s.spawn(|| run_steps(&steps)).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}
