//! Runs models under loom, within a bound that the environment extends.

use std::sync::Arc;

use crate::sync::{Counter, Ordering};

/// The executions that a model explores.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// All.
    None,
    /// Those with at most so many preemptions. `UNTORN_LOOM_PREEMPTIONS` is a number to add to
    /// this, or `none` for every execution.
    Preemptions(usize),
}

impl Bound {
    fn preemptions(self) -> Option<usize> {
        let Self::Preemptions(bound) = self else {
            return None;
        };
        match std::env::var("UNTORN_LOOM_PREEMPTIONS") {
            Ok(longer) if longer == "none" => None,
            Ok(longer) => {
                let longer: usize = longer
                    .parse()
                    .expect("UNTORN_LOOM_PREEMPTIONS: a number or none");
                Some(bound + longer)
            }
            Err(_) => Some(bound),
        }
    }
}

/// Checks `body` in every execution within the bound.
pub(crate) fn check(name: &str, bound: Bound, body: impl Fn() + Sync + Send + 'static) {
    static TOTAL: Counter = Counter::new(0);
    let preemptions = bound.preemptions();
    let executions = Arc::new(Counter::new(0));
    let count = Arc::clone(&executions);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        body();
    });
    let executions = executions.load(Ordering::Relaxed);
    let total = TOTAL.fetch_add(executions, Ordering::Relaxed) + executions;
    let bound = preemptions.map_or("no bound".into(), |n| format!("at most {n} preemptions"));
    println!("{name}: {executions} executions, {bound}; {total} in all so far");
}
