//! Support for tests under shuttle: random schedules, drawn by two schedulers, and the code that
//! the scenarios share.
//!
//! `just shuttle` runs them. Each scenario prints its number of schedules and its seed. Shuttle
//! prints a schedule that fails; with `UNTORN_SHUTTLE_REPLAY` set to it, the named scenario runs
//! that schedule only. `UNTORN_SHUTTLE_SCHEDULES` sets the number of schedules.
//!
//! | file | what |
//! |---|---|
//! | `gomap/shuttle.rs` | `GoMap`: guards, records, cursors, hashing before the access, reports |
//! | `overlap/shuttle/` | `OverlapCell`: guards that are held, mapped, cloned, leaked; attempts that fail |
//! | `map/in_progress/shuttle.rs` | `Map`: initializers of one key, of keys that need each other, beside a removal |
//! | `progress.rs`, `freeze.rs` | wait-freedom: no access waits for a task that never runs again |
//!
//! Shuttle treats every atomic access as `SeqCst`. The loom models in `overlap/model/` check which
//! orderings suffice.

mod freeze;
mod progress;

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread::{self, JoinHandle};

use crate::overlap::Overlap;
use crate::random::repeat_random_numbers;
use crate::sync::{Counter, Ordering};

/// The accesses in progress and the reports of an execution.
#[derive(Default)]
struct Inside {
    readers: Cell<usize>,
    writers: Cell<usize>,
    overlaps: RefCell<Vec<Overlap>>,
    entered: Cell<usize>,
}

// All tasks of an execution run on one thread of the system, one at a time. The thread-local makes
// the counts reachable from foreign code that a map calls.
std::thread_local! {
    static INSIDE: Inside = Inside::default();
}

fn count(writes: bool, change: fn(usize) -> usize) {
    INSIDE.with(|inside| {
        let counter = if writes {
            &inside.writers
        } else {
            &inside.readers
        };
        counter.set(change(counter.get()));
        let (readers, writers) = (inside.readers.get(), inside.writers.get());
        assert!(
            writers == 0 || (writers == 1 && readers == 0),
            "{readers} readers and {writers} writers are inside"
        );
    });
}

/// Counts an access as in progress, and asserts that no conflicting access is.
pub(crate) fn begin_visit(writes: bool) {
    count(writes, |visitors| visitors + 1);
}

/// Counts an access as finished.
pub(crate) fn end_visit(writes: bool) {
    count(writes, |visitors| visitors - 1);
}

/// Performs an access that takes a step, in which other tasks run.
pub(crate) fn visit(writes: bool) {
    begin_visit(writes);
    thread::yield_now();
    end_visit(writes);
}

/// Records a report. It is the overlap policy of the maps and cells in a scenario.
pub(crate) fn note(overlap: &Overlap) {
    INSIDE.with(|inside| inside.overlaps.borrow_mut().push(overlap.clone()));
}

fn note_entered() {
    INSIDE.with(|inside| inside.entered.set(inside.entered.get() + 1));
}

/// Returns the reports of this execution, and the number of accesses that entered.
pub(crate) fn overlaps() -> (Vec<Overlap>, usize) {
    INSIDE.with(|inside| (inside.overlaps.borrow().clone(), inside.entered.get()))
}

fn is_report(message: &str) -> bool {
    message.starts_with("concurrent ")
}

fn is_deadlock(message: &str) -> bool {
    message.contains(": this would deadlock; ")
}

/// Returns the result of an access under the policy [`note`], or `None` if it was reported.
pub(crate) fn attempt<R>(access: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(access)) {
        Ok(result) => {
            note_entered();
            Some(result)
        }
        Err(panic) => match panic.downcast_ref::<String>() {
            Some(message) if is_report(message) => None,
            _ => resume_unwind(panic),
        },
    }
}

/// Returns the result of a `try_` access, or records its overlap and returns `None`.
#[allow(
    clippy::result_large_err,
    reason = "an overlap is described in place, without allocating"
)]
pub(crate) fn tried<R>(access: Result<R, Box<Overlap>>) -> Option<R> {
    match access {
        Ok(result) => {
            note_entered();
            Some(result)
        }
        Err(overlap) => {
            note(&overlap);
            None
        }
    }
}

/// Hides the panics of reports, and of calls that would deadlock, from shuttle's panic hook, which
/// would print each as a failure.
fn silence_reports() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Shuttle sets its hook in its first execution.
        shuttle::check_random(|| (), 1);
        let shuttles = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let message = info.payload().downcast_ref::<String>();
            let is_expected = |message: &str| is_report(message) || is_deadlock(message);
            if !message.is_some_and(|message| is_expected(message)) {
                shuttles(info);
            }
        }));
    });
}

/// Resets the state of the scenario, at the beginning of each execution.
fn reset() {
    repeat_random_numbers();
    INSIDE.with(|inside| {
        inside.readers.set(0);
        inside.writers.set(0);
        inside.entered.set(0);
        inside.overlaps.borrow_mut().clear();
    });
}

/// Returns the number of schedules to draw.
fn wanted() -> usize {
    std::env::var("UNTORN_SHUTTLE_SCHEDULES").map_or(10_000, |n| {
        n.parse().expect("UNTORN_SHUTTLE_SCHEDULES is a number")
    })
}

fn config() -> shuttle::Config {
    let mut config = shuttle::Config::new();
    config.silence_warnings = true;
    config
}

/// Runs `body` under random schedules, and under schedules with few priority changes at random
/// points (probabilistic concurrency testing).
pub(crate) fn schedules(name: &'static str, body: fn()) {
    const SEED: u64 = 265;
    silence_reports();
    let body = move || {
        reset();
        body();
    };
    if let Ok(schedule) = std::env::var("UNTORN_SHUTTLE_REPLAY") {
        shuttle::replay(body, &schedule);
        return;
    }
    let schedules = wanted();
    println!("{name}: {schedules} schedules at random and by priorities each, seed {SEED}");
    let at_random = RandomScheduler::new_from_seed(SEED, schedules);
    shuttle::Runner::new(at_random, config()).run(body);
    let by_priorities = PctScheduler::new_from_seed(SEED, 3, schedules);
    shuttle::Runner::new(by_priorities, config()).run(body);
}

/// Starts a named task.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let named = thread::Builder::new().name(name.into());
    named.spawn(body).expect("shuttle has room for a task")
}

/// Joins tasks, and asserts that none panicked.
pub(crate) fn join_all(tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    for task in tasks {
        task.join().expect("a task does not panic");
    }
}

/// Adds the reports of an execution to those of the scenario.
pub(crate) fn add_reports(total: &Counter) {
    let (overlaps, _) = overlaps();
    total.fetch_add(overlaps.len() as u64, Ordering::Relaxed);
}

/// Asserts that a scenario had reports: one without overlapping accesses tests nothing.
pub(crate) fn assert_some(name: &str, total: &Counter) {
    let reports = total.load(Ordering::Relaxed);
    println!("{name}: {reports} reports");
    assert!(reports > 0);
}

/// Asserts that this execution had no reports.
pub(crate) fn assert_no_reports() {
    let (overlaps, _) = overlaps();
    assert!(overlaps.is_empty(), "{}", overlaps[0]);
}
