//! A progress line on stderr, which the next one replaces; shown only on a terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Seconds without progress before the line appears.
const QUIET_SECONDS: u64 = 4;

/// Returns `true` if stderr is a terminal that can replace a line.
pub(crate) fn is_visible() -> bool {
    io::stderr().is_terminal() && anstyle_query::term_supports_ansi_color()
}

/// Replaces the line.
pub(crate) fn show(text: impl Display) {
    if is_visible() {
        let mut stderr = io::stderr().lock();
        // Progress is optional: a failed write is not an error.
        // Without wrapping: of a line that wraps, only the last row would be replaced.
        let _ = write!(stderr, "\r\x1b[K\x1b[?7l{text}\x1b[?7h");
        let _ = stderr.flush();
    }
}

/// Removes the line.
pub(crate) fn clear() {
    show("");
}

/// Runs `work`, which takes about `seconds`, and shows the elapsed time after a few seconds.
pub(crate) fn during<T>(seconds: f64, work: impl FnOnce() -> T) -> T {
    if !is_visible() {
        return work();
    }
    let start = Instant::now();
    thread::scope(|scope| {
        let (working, work_ended) = mpsc::channel::<()>();
        scope.spawn(move || {
            let second = Duration::from_secs(1);
            while work_ended.recv_timeout(second) == Err(RecvTimeoutError::Timeout) {
                let elapsed = start.elapsed().as_secs();
                if elapsed >= QUIET_SECONDS {
                    show(format_args!("{elapsed} s of about {seconds:.0} s"));
                }
            }
            clear();
        });
        let result = work();
        drop(working);
        result
    })
}
