//! One line on stderr that the next one replaces, where somebody can see it.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// After so many seconds one wonders whether it still goes on.
const A_FEW: u64 = 4;

/// A dumb terminal cannot replace a line.
fn is_seen() -> bool {
    io::stderr().is_terminal() && anstyle_query::term_supports_ansi_color()
}

/// Replaces the line.
pub(crate) fn show(text: impl Display) {
    if is_seen() {
        let mut stderr = io::stderr().lock();
        // Whether it can be written changes nothing.
        let _ = write!(stderr, "\r\x1b[K{text}");
        let _ = stderr.flush();
    }
}

/// Removes the line.
pub(crate) fn clear() {
    show("");
}

/// Does the work, which is to take about so many seconds, and tells how far it is if that is more than a few.
pub(crate) fn beside<T>(seconds: f64, work: impl FnOnce() -> T) -> T {
    if !is_seen() {
        return work();
    }
    let start = Instant::now();
    thread::scope(|scope| {
        let (working, work_ended) = mpsc::channel::<()>();
        scope.spawn(move || {
            let second = Duration::from_secs(1);
            while work_ended.recv_timeout(second) == Err(RecvTimeoutError::Timeout) {
                let passed = start.elapsed().as_secs();
                if passed >= A_FEW {
                    show(format_args!("{passed} s of about {seconds:.0} s"));
                }
            }
            clear();
        });
        let done = work();
        drop(working);
        done
    })
}
