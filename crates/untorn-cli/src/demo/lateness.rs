//! The lateness of refreshes, as text and for scripts.

use std::io;
use std::thread::available_parallelism;
use std::time::Duration;

use serde::Serialize;
use untorn_lab::rivals::Lateness;

use crate::output::{Output, counted};

/// The lateness in seconds, for scripts.
#[derive(Serialize)]
pub(super) struct LatenessSeconds {
    median: f64,
    p99: f64,
    max: f64,
}

impl LatenessSeconds {
    pub(super) fn of(late: &Lateness) -> Self {
        Self {
            median: late.median.as_secs_f64(),
            p99: late.p99.as_secs_f64(),
            max: late.max.as_secs_f64(),
        }
    }
}

/// Formats a time with about three digits and a unit.
pub(super) fn time(time: Duration) -> String {
    match time.as_secs_f64() * 1e6 {
        short if short < 1e3 => format!("{short:.0} µs"),
        some if some < 1e6 => format!("{:.1} ms", some / 1e3),
        long => format!("{:.2} s", long / 1e6),
    }
}

pub(super) fn processors() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Warns that times include scheduling delays if there are more threads than processors.
pub(super) fn warn(output: &Output, threads: u32) {
    let processors = processors();
    if threads as usize > processors {
        output.aside(format_args!(
            "{}: with more threads than processors, long times are mostly spent waiting for a processor.",
            counted(processors as u64, "processor")
        ));
    }
}

/// Adds the number of readers and the next step to the error of a failed start.
pub(super) fn cannot_start(readers: u16, error: &io::Error) -> io::Error {
    let readers = counted(readers.into(), "reader");
    io::Error::new(
        error.kind(),
        format!("cannot start {readers}: {error}; try fewer (--readers)"),
    )
}
