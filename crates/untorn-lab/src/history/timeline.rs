//! Formats a history and counts its overlaps.

use std::fmt::Write;

use super::model::{Operation, Step};

/// Returns a table with one line for each operation and a bar from its invocation to its return.
#[must_use]
pub fn timeline(history: &[Operation]) -> String {
    let mut moments: Vec<u64> = history
        .iter()
        .flat_map(|operation| [operation.invoked, operation.returned])
        .collect();
    moments.sort_unstable();
    let place = |moment| moments.partition_point(|&other| other < moment);
    let mut table = String::new();
    for operation in history {
        let (from, to) = (place(operation.invoked), place(operation.returned));
        let mut bar = " ".repeat(moments.len());
        bar.replace_range(from..=to, &format!("|{}|", "-".repeat(to - from - 1)));
        writeln!(table, "  T{} {bar} {operation}", operation.thread)
            .expect("a string can be written to");
    }
    table
}

/// The overlaps of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlaps {
    /// Operations that overlapped with an operation of another thread.
    pub operations: usize,
    /// Views.
    pub views: usize,
    /// Views that were read while another thread's commit of two or more writes was running.
    pub views_over_batches: usize,
}

/// Counts the overlaps of a history that is ordered by invocation.
#[must_use]
pub fn overlaps(history: &[Operation]) -> Overlaps {
    let calls = overlapping(history, |operation| operation.returned, |_, _| true);
    let views = overlapping(
        history,
        |operation| operation.until,
        |one, other| one.is_view() && is_batch(other),
    );
    Overlaps {
        operations: calls.iter().filter(|overlaps| **overlaps).count(),
        views: history.iter().filter(|one| one.is_view()).count(),
        views_over_batches: views.iter().filter(|overlaps| **overlaps).count(),
    }
}

fn is_batch(operation: &Operation) -> bool {
    let changes = operation.steps.iter().filter(|step| step.changes()).count();
    let replaces_all = |step: &Step| matches!(step, Step::Refresh { .. } | Step::Keep { .. });
    operation.commits() && (changes > 1 || operation.steps.iter().any(replaces_all))
}

/// Returns, for each operation, whether it overlaps with a relevant one of another thread.
fn overlapping(
    history: &[Operation],
    end: impl Fn(&Operation) -> u64,
    counts: impl Fn(&Operation, &Operation) -> bool,
) -> Vec<bool> {
    let mut overlapping = vec![false; history.len()];
    let mut open: Vec<usize> = Vec::new();
    for (i, operation) in history.iter().enumerate() {
        open.retain(|&other| end(&history[other]) > operation.invoked);
        for &other in &open {
            if history[other].thread != operation.thread {
                overlapping[i] |= counts(operation, &history[other]);
                overlapping[other] |= counts(&history[other], operation);
            }
        }
        open.push(i);
    }
    overlapping
}
