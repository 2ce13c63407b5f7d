//! Running under shuttle: schedules drawn at random, by two ways of drawing, and what the scenarios have in common.
//!
//! `just shuttle` runs them. Each scenario prints how many schedules it took, and its seed. A schedule that fails is
//! printed by shuttle; `UNTORN_SHUTTLE_REPLAY` set to it runs the scenario that is named with that one only.
//! `UNTORN_SHUTTLE_SCHEDULES` says how many schedules are drawn.
//!
//! | file | what |
//! |---|---|
//! | `gomap/shuttle.rs` | `GoMap`: guards, records, cursors, hashing ahead, reports |
//! | `overlap/shuttle/` | `OverlapCell`: guards that are held, mapped, cloned, forgotten; attempts that fail |
//! | `progress.rs`, `freeze.rs` | nobody waits for a task that never runs again |
//!
//! Shuttle gives every atomic the order of `SeqCst`: which ordering is enough is the models' business
//! (`overlap/model/`).

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

/// What is going on inside, and what was reported, in this execution.
#[derive(Default)]
struct Inside {
    readers: Cell<usize>,
    writers: Cell<usize>,
    overlaps: RefCell<Vec<Overlap>>,
    entered: Cell<usize>,
}

// All tasks of an execution run on one thread of the system, one at a time. Foreign code of a map reaches it by this.
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

/// Notes that an access is inside: from here on none may come in that may not be there at the same time.
pub(crate) fn come_in(writes: bool) {
    count(writes, |visitors| visitors + 1);
}

/// Notes that it is about to leave.
pub(crate) fn go_out(writes: bool) {
    count(writes, |visitors| visitors - 1);
}

/// Is inside for a while, in which the others run.
pub(crate) fn visit(writes: bool) {
    come_in(writes);
    thread::yield_now();
    go_out(writes);
}

/// The policy of what is used in a scenario.
pub(crate) fn note(overlap: &Overlap) {
    INSIDE.with(|inside| inside.overlaps.borrow_mut().push(overlap.clone()));
}

fn note_entered() {
    INSIDE.with(|inside| inside.entered.set(inside.entered.get() + 1));
}

/// What was reported, and how many attempts entered.
pub(crate) fn overlaps() -> (Vec<Overlap>, usize) {
    INSIDE.with(|inside| (inside.overlaps.borrow().clone(), inside.entered.get()))
}

fn is_report(message: &str) -> bool {
    message.starts_with("concurrent ")
}

/// The result of an access under the policy [`note`], or `None` if it was reported.
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

/// The same of an access that returns what it met.
#[allow(
    clippy::result_large_err,
    reason = "an overlap is described in place, without allocating"
)]
pub(crate) fn tried<R>(access: Result<R, Overlap>) -> Option<R> {
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

/// Keeps reports off the screen, where shuttle would take each for a failure.
fn silence_reports() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Shuttle sets its hook in its first execution.
        shuttle::check_random(|| (), 1);
        let shuttles = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let message = info.payload().downcast_ref::<String>();
            if !message.is_some_and(|message| is_report(message)) {
                shuttles(info);
            }
        }));
    });
}

/// What every execution begins with.
fn begin_anew() {
    repeat_random_numbers();
    INSIDE.with(|inside| {
        inside.readers.set(0);
        inside.writers.set(0);
        inside.entered.set(0);
        inside.overlaps.borrow_mut().clear();
    });
}

/// How many schedules are to be drawn.
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

/// Draws schedules of `body`: at random, and with few changes of priority at random places.
pub(crate) fn schedules(name: &'static str, body: fn()) {
    const SEED: u64 = 265;
    silence_reports();
    let body = move || {
        begin_anew();
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

pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let named = thread::Builder::new().name(name.into());
    named.spawn(body).expect("shuttle has room for a task")
}

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

/// That there were some: a scenario in which nothing ever met shows nothing.
pub(crate) fn assert_some(name: &str, total: &Counter) {
    let reports = total.load(Ordering::Relaxed);
    println!("{name}: {reports} reports");
    assert!(reports > 0);
}

/// That nothing was reported in this execution.
pub(crate) fn assert_quiet() {
    let (overlaps, _) = overlaps();
    assert!(overlaps.is_empty(), "{}", overlaps[0]);
}
