//! Random cases without a fuzzer.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use super::{Case, read};

/// How many smaller cases are tried at most.
const TRIES: usize = 1000;

/// Runs so many random cases; the same ones for the same seed.
///
/// # Panics
/// If one fails, with a smaller one that fails too.
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

/// Drops operations for as long as it still fails.
fn shrink<C: Case>(mut case: C, mut last: String) -> (C, String) {
    let (mut tries, mut chunk) = (0, case.len().div_ceil(2));
    while chunk > 0 && tries < TRIES {
        let before = case.len();
        let mut end = before;
        while end > 0 && tries < TRIES {
            let start = end.saturating_sub(chunk);
            let smaller = case.without(start..end);
            tries += 1;
            if let Some(failure) = failure(&smaller) {
                (case, last) = (smaller, failure);
            }
            end = start.min(case.len());
        }
        if chunk > 1 || case.len() == before {
            chunk /= 2;
        }
    }
    (case, last)
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What the case fails with, without a word on stderr.
fn failure<C: Case>(case: &C) -> Option<String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
    QUIET.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| case.run()));
    QUIET.set(false);
    let payload = outcome.err()?;
    let text = payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).into()));
    Some(text.unwrap_or_else(|| "a panic without a text".into()))
}
