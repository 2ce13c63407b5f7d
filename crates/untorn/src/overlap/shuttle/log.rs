//! A log of the attempts of an execution, and the checks of their reports.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::forget;
use std::ops::{Deref, DerefMut};

use shuttle::thread;

use super::super::{AccessKind, Overlap, OverlapKind};
use crate::schedules::{begin_visit, end_visit, overlaps};

/// One attempt: its task, and its times by a logical clock.
struct Attempt {
    task: String,
    operation: &'static str,
    writes: bool,
    called: usize,
    /// The time at which it had entered or reported; `MAX` until then.
    returned: usize,
    /// The time at which its guard had been dropped; `MAX` until then.
    over: usize,
    /// The overlap that it reported.
    report: Option<Overlap>,
}

#[derive(Default)]
struct Log {
    time: usize,
    attempts: Vec<Attempt>,
}

impl Log {
    fn now(&mut self) -> usize {
        self.time += 1;
        self.time
    }

    /// Returns the attempts that overlap with a reporting attempt: their intervals intersect, and
    /// one of the two writes.
    fn overlapping(&self, number: usize) -> Vec<&Attempt> {
        let attempt = &self.attempts[number];
        let others = self.attempts.iter().enumerate();
        others
            .filter(|&(other, _)| other != number)
            .map(|(_, other)| other)
            .filter(|other| other.called < attempt.returned && attempt.called < other.over)
            .filter(|other| other.writes || attempt.writes)
            .collect()
    }
}

// All tasks of an execution run on one OS thread, one at a time.
std::thread_local! {
    static LOG: RefCell<Log> = RefCell::default();
}

pub(super) fn begin_log() {
    LOG.take();
}

/// A guard, or another result of an access, until it is dropped.
pub(super) struct Held<G> {
    guard: Option<G>,
    number: usize,
    /// Set if the access lasts until this is dropped.
    lasts: bool,
    writes: bool,
}

impl<G> Held<G> {
    /// Returns the guard.
    pub(super) fn guard(&self) -> &G {
        self.guard.as_ref().expect("until it is dropped")
    }

    /// Maps the guard, in the same access.
    pub(super) fn map<H>(mut self, f: impl FnOnce(G) -> H) -> Held<H> {
        Held {
            guard: self.guard.take().map(f),
            number: self.number,
            lasts: self.lasts,
            writes: self.writes,
        }
    }

    /// Leaks the guard: the access never ends.
    pub(super) fn leak(mut self) {
        forget(self.guard.take());
    }
}

impl<G: Deref> Deref for Held<G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        self.guard()
    }
}

impl<G: DerefMut> DerefMut for Held<G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        self.guard.as_mut().expect("until it is dropped")
    }
}

impl<G> Drop for Held<G> {
    fn drop(&mut self) {
        let Some(guard) = self.guard.take() else {
            return;
        };
        if self.lasts {
            end_visit(self.writes);
        }
        drop(guard);
        LOG.with_borrow_mut(|log| {
            let over = log.now();
            log.attempts[self.number].over = over;
        });
    }
}

/// Makes an attempt and logs it.
pub(super) fn begin<G>(
    operation: &'static str,
    lasts: bool,
    access: impl FnOnce() -> Option<G>,
) -> Option<Held<G>> {
    const WRITES: [&str; 4] = ["write", "try_write", "replace", "take"];
    let writes = WRITES
        .iter()
        .any(|name| operation.ends_with(&format!("::{name}")));
    let task = thread::current().name().unwrap_or("main").to_owned();
    let number = LOG.with_borrow_mut(|log| {
        let called = log.now();
        log.attempts.push(Attempt {
            task: task.clone(),
            operation,
            writes,
            called,
            returned: usize::MAX,
            over: usize::MAX,
            report: None,
        });
        log.attempts.len() - 1
    });
    let guard = access();
    if guard.is_some() && lasts {
        begin_visit(writes);
    }
    LOG.with_borrow_mut(|log| {
        let now = log.now();
        let attempt = &mut log.attempts[number];
        attempt.returned = now;
        if guard.is_none() {
            attempt.over = now;
            // A task makes one attempt at a time.
            let (overlaps, _) = overlaps();
            let mine = overlaps
                .iter()
                .rfind(|overlap| *overlap.here.thread == task);
            attempt.report = Some(mine.cloned().expect("an attempt enters or reports"));
        }
    });
    guard.map(|guard| Held {
        guard: Some(guard),
        number,
        lasts,
        writes,
    })
}

/// Checks the reports after all tasks have ended.
pub(super) fn assert_reports() {
    LOG.with_borrow(|log| {
        let mut lines = BTreeMap::new();
        for (number, attempt) in log.attempts.iter().enumerate() {
            let Some(report) = &attempt.report else {
                continue;
            };
            check(attempt, report, &log.overlapping(number));
            // Each operation is called on one line, and each line calls one operation.
            for site in [&report.here, &report.other] {
                if let Some(at) = site.location.map(|at| (at.line(), at.column())) {
                    let line = *lines.entry(site.operation).or_insert(at);
                    assert_eq!(line, at, "{}", site.operation);
                }
            }
        }
        let called: BTreeMap<_, _> = lines.iter().map(|(name, at)| (at, name)).collect();
        assert_eq!(called.len(), lines.len(), "two operations on one line");
        // Each attempt has entered or reported.
        let (overlaps, entered) = overlaps();
        assert_eq!(log.attempts.len(), entered + overlaps.len());
    });
}

/// Checks the report of an attempt against the attempts that overlap with it.
fn check(attempt: &Attempt, report: &Overlap, overlapping: &[&Attempt]) {
    let Overlap { here, other, .. } = report;
    let writes = |kind| kind == AccessKind::Write;
    assert!(!overlapping.is_empty(), "a false positive: {report}");
    assert_eq!(*here.thread, *attempt.task);
    assert_eq!(here.operation, attempt.operation);
    assert_eq!(writes(here.kind), attempt.writes);
    if other.thread_number == 0 {
        assert_eq!((&*other.thread, other.location), ("<unknown>", None));
        let found = overlapping
            .iter()
            .any(|one| one.writes == writes(other.kind));
        assert!(found, "no such access overlaps: {report}");
    } else {
        let matches =
            |one: &&&Attempt| one.task == *other.thread && one.operation == other.operation;
        let found = overlapping.iter().find(matches);
        let found = found.unwrap_or_else(|| panic!("no such access overlaps: {report}"));
        assert_eq!(found.writes, writes(other.kind));
        assert_eq!(report.is_reentrant(), found.task == attempt.task);
    }
    let kind = match (attempt.writes, writes(other.kind)) {
        (true, true) => OverlapKind::Writes,
        _ => OverlapKind::ReadAndWrite,
    };
    assert_eq!(report.kind, kind);
    let readers = overlapping.iter().filter(|one| !one.writes).count();
    let most = if writes(other.kind) { 0 } else { readers - 1 };
    assert!(
        report.additional_readers <= most,
        "{readers} readers: {report}"
    );
}
