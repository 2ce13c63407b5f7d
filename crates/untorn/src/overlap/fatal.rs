//! The end of the process: one report on stderr, exit status 2, and nothing that can catch or delay it.
//!
//! No allocation, and no lock that another thread may hold: stderr is written by its descriptor. The text is at most
//! 4096 bytes, which a pipe that can take anything takes whole, so it is not mixed with what others write; a pipe
//! that takes nothing is waited for no longer than [`WRITE_AT_MOST`]. A process that ends by itself meanwhile, because
//! `main` returns or somebody calls `exit`, waits for the report and ends as it does.
//!
//! Without POSIX, and under Miri, which has no alarm, std's stderr and `exit` take their place. On
//! `wasm32-unknown-unknown`, which has neither, the report is the message of a panic and the module
//! traps.

#![allow(
    unsafe_code,
    reason = "named for it: a few calls of the operating system"
)]

use std::backtrace::Backtrace;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use arrayvec::ArrayString;

use super::policy::Environment;
use super::report::Overlap;
use super::tsan;
use crate::clock;
use crate::mutants::mutant;
use crate::sync::{Flag, Ordering};

/// The longest report: what POSIX lets a pipe take in one piece on Linux (`PIPE_BUF`).
const REPORT_LEN: usize = 4096;

/// How long the other threads are given to run into the closed gate, so that they print no more.
const SETTLE: Duration = Duration::from_millis(1);

/// How long a stderr that takes nothing is waited for.
const WRITE_AT_MOST: Duration = Duration::from_secs(1);

/// How long all of it may take, a write that blocks after all and a backtrace included; ThreadSanitizer's reports with it, if it
/// is there.
const END_AT_MOST_SECONDS: u32 = if cfg!(untorn_tsan) { 15 } else { 5 };

/// Whether somebody is reporting, and the process is about to end.
static REPORTING: Flag = Flag::new(false);

/// What has to be arranged before there is anything to report.
pub(super) fn prepare() {
    system::hold_exit();
}

/// Says something that is no report, without a lock.
pub(super) fn say(text: &str) {
    system::write_to_stderr(text.as_bytes(), WRITE_AT_MOST);
}

/// Reports `overlap` and ends the process. `close` shuts the gate to everybody, or says that it could not yet.
pub(super) fn die(overlap: &Overlap, mut close: impl FnMut() -> bool) -> ! {
    if !clock::EXISTS {
        trap(overlap);
    }
    // Relaxed: only that one thread comes first.
    if REPORTING.swap(true, Ordering::Relaxed) && !mutant("reports_mix") {
        loop {
            thread::park();
        }
    }
    system::ignore_broken_pipes();
    // Whatever blocks from here on: a terminal can say that it takes something and then not take all.
    let by_signal = tsan::KEEPS_SIGNALS_BACK && !mutant("tsan_is_waited_for_without_end");
    system::exit_after(END_AT_MOST_SECONDS, by_signal);
    let start = Instant::now();
    while !close() && start.elapsed() < SETTLE {
        thread::yield_now();
    }
    thread::sleep(SETTLE);
    tsan::end();

    let mut text = ArrayString::<REPORT_LEN>::new();
    // Whatever does not fit is cut: two sites with paths of a thousand characters each would still fit.
    let _ = writeln!(text, "{}", overlap.fatal());
    if mutant("reports_mix") {
        for byte in text.as_bytes() {
            system::write_to_stderr(&[*byte], WRITE_AT_MOST);
            thread::yield_now();
        }
        thread::sleep(SETTLE);
    } else {
        system::write_to_stderr(text.as_bytes(), WRITE_AT_MOST);
    }
    if Environment::get().backtrace {
        // The report is out. Capturing allocates and locks: that is what the deadline is for, too.
        let backtrace = format!("\n{}", Backtrace::force_capture());
        system::write_to_stderr(backtrace.as_bytes(), WRITE_AT_MOST);
    }
    system::exit()
}

/// Reports by a panic hook, which a program for the browser has for that, and aborts: also where
/// panics unwind, nothing can catch it.
fn trap(overlap: &Overlap) -> ! {
    let _ = catch_unwind(AssertUnwindSafe(|| panic!("{}", overlap.fatal())));
    process::abort()
}

/// Go's exit status for a fatal error of the runtime.
const STATUS: i32 = 2;

#[cfg(all(unix, not(miri)))]
mod system {
    use std::mem::MaybeUninit;
    use std::ptr;
    use std::time::{Duration, Instant};

    use crate::mutants::mutant;
    use crate::sync::Ordering;

    /// Writes what stderr takes within the time.
    pub(super) fn write_to_stderr(mut bytes: &[u8], at_most: Duration) {
        let start = Instant::now();
        while !bytes.is_empty() {
            let left = at_most.saturating_sub(start.elapsed());
            let mut stderr = libc::pollfd {
                fd: libc::STDERR_FILENO,
                events: libc::POLLOUT,
                revents: 0,
            };
            // At least one look, and what is left of the time in milliseconds.
            let timeout = left.as_millis().min(1000) as libc::c_int;
            // SAFETY: points at one pollfd.
            let ready = unsafe { libc::poll(&raw mut stderr, 1, timeout) };
            if ready <= 0 || stderr.revents & libc::POLLOUT == 0 {
                if ready < 0 && to_be_retried() && !left.is_zero() {
                    continue;
                }
                return;
            }
            // No more than what a pipe that is ready takes without waiting.
            let len = bytes.len().min(super::REPORT_LEN);
            // SAFETY: the bytes are readable for their length.
            let written = unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), len) };
            match usize::try_from(written) {
                Ok(written) => bytes = &bytes[written..],
                Err(_) if to_be_retried() && !left.is_zero() => {}
                Err(_) => return,
            }
        }
    }

    /// Keeps a stderr that nobody reads from ending the process by a signal, and so with another status.
    pub(super) fn ignore_broken_pipes() {
        // SAFETY: no handler is installed.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    }

    /// Whether the call failed for now only: by a signal, or on a stderr that does not block and is full again.
    fn to_be_retried() -> bool {
        use std::io::ErrorKind::{Interrupted, WouldBlock};
        matches!(
            std::io::Error::last_os_error().kind(),
            Interrupted | WouldBlock
        )
    }

    /// Ends the process in so many seconds if it has not ended by itself, or lets the signal do so.
    pub(super) fn exit_after(seconds: u32, by_signal: bool) {
        extern "C" fn exit_on_signal(_: libc::c_int) {
            exit();
        }
        let handler = if by_signal {
            libc::SIG_DFL
        } else {
            exit_on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t
        };
        // SAFETY: the handler only calls `_exit`, which a signal handler may.
        unsafe { libc::signal(libc::SIGALRM, handler) };
        unblock(libc::SIGALRM);
        // SAFETY: no condition.
        unsafe { libc::alarm(seconds) };
    }

    /// Lets this thread have the signal, in a program that keeps all signals for one thread of its own.
    fn unblock(signal: libc::c_int) {
        let mut set = MaybeUninit::uninit();
        // SAFETY: points at a set.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: the call above has made it a set.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
        // SAFETY: as above; nobody asks for the mask as it was.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut()) };
    }

    /// Lets an ordinary end of the process wait for a report that is under way.
    pub(super) fn hold_exit() {
        extern "C" fn wait_while_reporting() {
            // Relaxed: the report says all that there is to say.
            while super::REPORTING.load(Ordering::Relaxed) && !mutant("exit_overtakes_the_report") {
                // SAFETY: no condition.
                unsafe { libc::pause() };
            }
        }
        // SAFETY: the function may be called at any time, also when everything else has been torn down.
        unsafe { libc::atexit(wait_while_reporting) };
    }

    pub(super) fn exit() -> ! {
        // SAFETY: no condition; nothing of this process runs after it.
        unsafe { libc::_exit(super::STATUS) }
    }
}

/// Without POSIX, and under Miri: std's stderr, which may wait for its lock, and an exit that runs
/// exit handlers.
#[cfg(not(all(unix, not(miri))))]
mod system {
    use std::io::Write;
    use std::time::Duration;

    pub(super) fn write_to_stderr(bytes: &[u8], _at_most: Duration) {
        let _ = std::io::stderr().write_all(bytes);
    }

    pub(super) fn ignore_broken_pipes() {}

    pub(super) fn exit_after(_seconds: u32, _by_signal: bool) {}

    pub(super) fn hold_exit() {}

    pub(super) fn exit() -> ! {
        std::process::exit(super::STATUS)
    }
}
