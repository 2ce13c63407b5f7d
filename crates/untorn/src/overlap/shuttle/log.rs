//! What is known of the attempts of an execution, and what reports on them may say.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::forget;
use std::ops::{Deref, DerefMut};

use shuttle::thread;

use super::super::{AccessKind, Overlap, OverlapKind};
use crate::schedules::{come_in, go_out, overlaps};

/// One attempt: who made it, and when, in moments that are counted.
struct Attempt {
    task: String,
    operation: &'static str,
    writes: bool,
    called: usize,
    /// When it had entered or been reported; `MAX` until then.
    returned: usize,
    /// When its guard had been dropped; `MAX` until then.
    over: usize,
    /// What it reported.
    report: Option<Overlap>,
}

#[derive(Default)]
struct Log {
    moment: usize,
    attempts: Vec<Attempt>,
}

impl Log {
    fn now(&mut self) -> usize {
        self.moment += 1;
        self.moment
    }

    /// Those whose time has a moment in common with that of an attempt that reported, where one of the two writes.
    fn met_by(&self, number: usize) -> Vec<&Attempt> {
        let attempt = &self.attempts[number];
        let others = self.attempts.iter().enumerate();
        others
            .filter(|&(other, _)| other != number)
            .map(|(_, met)| met)
            .filter(|met| met.called < attempt.returned && attempt.called < met.over)
            .filter(|met| met.writes || attempt.writes)
            .collect()
    }
}

// All tasks of an execution run on one thread of the system, one at a time.
std::thread_local! {
    static LOG: RefCell<Log> = RefCell::default();
}

pub(super) fn begin_log() {
    LOG.take();
}

/// A guard, or whatever else an access returns, until it is dropped.
pub(super) struct Held<G> {
    guard: Option<G>,
    number: usize,
    /// Whether the access lasts as long as this.
    lasts: bool,
    writes: bool,
}

impl<G> Held<G> {
    /// The guard itself.
    pub(super) fn guard(&self) -> &G {
        self.guard.as_ref().expect("until it is dropped")
    }

    /// A part of it, in the same access.
    pub(super) fn map<H>(mut self, f: impl FnOnce(G) -> H) -> Held<H> {
        Held {
            guard: self.guard.take().map(f),
            number: self.number,
            lasts: self.lasts,
            writes: self.writes,
        }
    }

    /// An access that never ends.
    pub(super) fn forget(mut self) {
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
            go_out(self.writes);
        }
        drop(guard);
        LOG.with_borrow_mut(|log| {
            let over = log.now();
            log.attempts[self.number].over = over;
        });
    }
}

/// Makes an attempt, and writes it down.
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
        come_in(writes);
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
            attempt.report = Some(*mine.expect("an attempt enters or reports"));
        }
    });
    guard.map(|guard| Held {
        guard: Some(guard),
        number,
        lasts,
        writes,
    })
}

/// What is checked when all tasks have ended.
pub(super) fn assert_reports() {
    LOG.with_borrow(|log| {
        let mut lines = BTreeMap::new();
        for (number, attempt) in log.attempts.iter().enumerate() {
            let Some(report) = &attempt.report else {
                continue;
            };
            check(attempt, report, &log.met_by(number));
            // Each operation is called on one line, and each line calls one operation.
            for site in [report.here, report.other] {
                if let Some(at) = site.at.map(|at| (at.line(), at.column())) {
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

/// Checks what an attempt reported against those that it can have met.
fn check(attempt: &Attempt, report: &Overlap, met: &[&Attempt]) {
    let Overlap { here, other, .. } = report;
    let writes = |kind| kind == AccessKind::Write;
    assert!(!met.is_empty(), "nobody was there: {report}");
    assert_eq!(*here.thread, *attempt.task);
    assert_eq!(here.operation, attempt.operation);
    assert_eq!(writes(here.kind), attempt.writes);
    if other.thread_number == 0 {
        assert_eq!((&*other.thread, other.at), ("<unknown>", None));
        let such = met.iter().any(|met| met.writes == writes(other.kind));
        assert!(such, "this was not there: {report}");
    } else {
        let such = |met: &&&Attempt| met.task == *other.thread && met.operation == other.operation;
        let such = met.iter().find(such);
        let such = such.unwrap_or_else(|| panic!("this was not there: {report}"));
        assert_eq!(such.writes, writes(other.kind));
        assert_eq!(report.is_reentrant(), such.task == attempt.task);
    }
    let kind = match (attempt.writes, writes(other.kind)) {
        (true, true) => OverlapKind::Writes,
        _ => OverlapKind::ReadAndWrite,
    };
    assert_eq!(report.kind, kind);
    let readers = met.iter().filter(|met| !met.writes).count();
    let most = if writes(other.kind) { 0 } else { readers - 1 };
    assert!(report.more <= most, "{readers} readers: {report}");
}
