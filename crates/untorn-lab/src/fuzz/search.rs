//! Random cases, without a fuzzer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Case, read};
use crate::shrink;
use crate::silent_panics::set_silent;

/// The maximum number of smaller cases to try.
const TRIES: usize = 1000;

/// Runs `runs` random cases, which are equal for equal seeds.
///
/// # Panics
/// Panics if a case fails, with a smaller case that fails too.
pub fn search<C: Case>(seed: u64, runs: usize) {
    let mut random = fastrand::Rng::with_seed(seed);
    for run in 0..runs {
        let mut bytes = vec![0; random.usize(16..2_000)];
        random.fill(&mut bytes);
        let Some(case) = read::<C>(&bytes) else {
            continue;
        };
        if let Some(failure) = failure(&case) {
            let (smallest, last) = shrink(case, failure);
            panic!("case {run} of seed {seed}: {last}\n{smallest:#?}");
        }
    }
}

/// Removes operations while the case still fails.
fn shrink<C: Case>(case: C, failed: String) -> (C, String) {
    let chunk = case.len().div_ceil(2);
    shrink::shrink(
        (case, failed),
        |(case, _)| case.len(),
        chunk,
        TRIES,
        |(case, _), range| {
            let smaller = case.without(range);
            failure(&smaller).map(|failed| (smaller, failed))
        },
    )
}

/// Runs a case and returns its panic message; prints no panic report.
fn failure<C: Case>(case: &C) -> Option<String> {
    set_silent(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| case.run()));
    set_silent(false);
    let payload = outcome.err()?;
    let text = payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).into()));
    Some(text.unwrap_or_else(|| "a panic without a message".into()))
}
