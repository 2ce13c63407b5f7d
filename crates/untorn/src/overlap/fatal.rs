//! The exit path: one report on stderr, then exit status 2; no code can catch or delay it.
//!
//! It allocates nothing and takes no lock that another thread may hold: it writes to the descriptor
//! of stderr. The text is at most 4096 bytes, which a pipe that is ready for writing accepts whole,
//! so it is not interleaved with other output. A pipe that is full is waited for no longer than
//! [`WRITE_TIMEOUT`]. If the process exits meanwhile, because `main` returns or a thread calls
//! `exit`, that exit waits for the report, and the exit status is 2.
//!
//! Without POSIX, and under Miri, which has no alarm, std's stderr and `exit` are used instead. On
//! `wasm32-unknown-unknown`, which has neither, the report is the message of a panic and the module
//! traps.

#![allow(unsafe_code, reason = "a few calls of the operating system")]

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
use crate::sync::{Ordering, ProcessNumber};

/// The maximum bytes of a report: `PIPE_BUF` of Linux, the largest write that is atomic on a pipe.
const REPORT_LEN: usize = 4096;

/// The time for other threads to arrive at the closed gate, so that they print nothing more.
const DRAIN_TIME: Duration = Duration::from_millis(1);

/// The maximum time to wait for a stderr that accepts no bytes.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum time of the whole exit path, including a write that blocks after all, a backtrace,
/// and the reports of ThreadSanitizer in a build with it.
const EXIT_DEADLINE_SECS: u32 = if cfg!(untorn_tsan) { 15 } else { 5 };

/// The number of the process that is about to end, since a thread of it is reporting. A child that
/// was forked meanwhile has a copy, but not that thread.
static REPORTING: ProcessNumber = ProcessNumber::new(0);

/// Registers the exit handler, before the first access.
pub(super) fn prepare() {
    system::register_exit_wait();
}

/// Writes a text other than a report to stderr, without a lock.
pub(super) fn write_stderr(text: &str) {
    system::write_to_stderr(text.as_bytes(), WRITE_TIMEOUT);
}

/// Reports `overlap` and ends the process. `close` closes the gate to all accesses, or returns
/// false if another writer holds it.
pub(super) fn report_and_exit(overlap: &Overlap, mut close: impl FnMut() -> bool) -> ! {
    if !clock::EXISTS {
        trap(overlap);
    }
    let process = system::process_number();
    // Relaxed: the number only selects one thread.
    if REPORTING.swap(process, Ordering::Relaxed) == process && !mutant("reports_mix") {
        loop {
            thread::park();
        }
    }
    system::ignore_broken_pipes();
    // A deadline, since `write` may block: a terminal may be ready for some bytes but not for all.
    let by_signal = tsan::DEFERS_SIGNALS && !mutant("tsan_is_waited_for_without_end");
    system::exit_after(EXIT_DEADLINE_SECS, by_signal);
    let start = Instant::now();
    while !close() && start.elapsed() < DRAIN_TIME {
        thread::yield_now();
    }
    thread::sleep(DRAIN_TIME);
    tsan::end();

    let mut text = ArrayString::<REPORT_LEN>::new();
    // A longer report is cut: two sites with paths of a thousand characters each still fit.
    let _ = writeln!(text, "{}", overlap.fatal());
    if mutant("reports_mix") {
        for byte in text.as_bytes() {
            system::write_to_stderr(&[*byte], WRITE_TIMEOUT);
            thread::yield_now();
        }
        thread::sleep(DRAIN_TIME);
    } else {
        system::write_to_stderr(text.as_bytes(), WRITE_TIMEOUT);
    }
    if Environment::get().backtrace {
        // The report is written. Capturing a backtrace allocates and locks; the deadline bounds it.
        let backtrace = format!("\n{}", Backtrace::force_capture());
        system::write_to_stderr(backtrace.as_bytes(), WRITE_TIMEOUT);
    }
    system::exit()
}

/// Reports through the panic hook, which a program for the browser sets for that, and aborts, so
/// that no code can catch the panic.
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

    /// Writes the bytes that stderr accepts within `timeout`.
    pub(super) fn write_to_stderr(mut bytes: &[u8], timeout: Duration) {
        let start = Instant::now();
        while !bytes.is_empty() {
            let left = timeout.saturating_sub(start.elapsed());
            let mut stderr = libc::pollfd {
                fd: libc::STDERR_FILENO,
                events: libc::POLLOUT,
                revents: 0,
            };
            // At least one poll, for the rest of the timeout in milliseconds.
            let millis = left.as_millis().min(1000) as libc::c_int;
            // SAFETY: points at one pollfd.
            let ready = unsafe { libc::poll(&raw mut stderr, 1, millis) };
            if ready <= 0 || stderr.revents & libc::POLLOUT == 0 {
                if ready < 0 && is_transient() && !left.is_zero() {
                    continue;
                }
                return;
            }
            // No more than a pipe that is ready accepts without blocking.
            let len = bytes.len().min(super::REPORT_LEN);
            // SAFETY: the bytes are readable for their length.
            let written = unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), len) };
            match usize::try_from(written) {
                Ok(written) => bytes = &bytes[written..],
                Err(_) if is_transient() && !left.is_zero() => {}
                Err(_) => return,
            }
        }
    }

    /// Ignores SIGPIPE: a closed stderr must not end the process by a signal, with another status.
    pub(super) fn ignore_broken_pipes() {
        // SAFETY: no handler is installed.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    }

    /// Returns whether the last error is transient: a signal, or a full stderr in nonblocking mode.
    fn is_transient() -> bool {
        use std::io::ErrorKind::{Interrupted, WouldBlock};
        matches!(
            std::io::Error::last_os_error().kind(),
            Interrupted | WouldBlock
        )
    }

    /// Sets a deadline of `seconds` for the process, enforced by SIGALRM: by its default action if
    /// `by_signal`, otherwise by a handler that exits with status 2.
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

    /// Unblocks a signal on this thread, for programs that handle all signals on a dedicated
    /// thread.
    fn unblock(signal: libc::c_int) {
        let mut set = MaybeUninit::uninit();
        // SAFETY: points at a set.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: the call above has initialized the set.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
        // SAFETY: as above; a null pointer for the old mask is allowed.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut()) };
    }

    /// Registers an exit handler that waits for a report in progress.
    pub(super) fn register_exit_wait() {
        extern "C" fn wait_while_reporting() {
            // Relaxed: no data is accessed through the number.
            while super::REPORTING.load(Ordering::Relaxed) == process_number()
                && !mutant("exit_overtakes_the_report")
            {
                // SAFETY: no condition.
                unsafe { libc::pause() };
            }
        }
        // SAFETY: the function may be called at any time, also after all destructors have run.
        unsafe { libc::atexit(wait_while_reporting) };
    }

    /// Returns the number of this process, which is not 0.
    pub(super) fn process_number() -> u32 {
        // SAFETY: no condition.
        unsafe { libc::getpid() }.unsigned_abs()
    }

    pub(super) fn exit() -> ! {
        // SAFETY: no condition; nothing of this process runs after it.
        unsafe { libc::_exit(super::STATUS) }
    }
}

/// The implementation without POSIX, and under Miri: std's stderr, whose lock may block, and an
/// exit that runs exit handlers.
#[cfg(not(all(unix, not(miri))))]
mod system {
    use std::io::Write;
    use std::time::Duration;

    pub(super) fn write_to_stderr(bytes: &[u8], _timeout: Duration) {
        let _ = std::io::stderr().write_all(bytes);
    }

    pub(super) fn ignore_broken_pipes() {}

    pub(super) fn exit_after(_seconds: u32, _by_signal: bool) {}

    pub(super) fn register_exit_wait() {}

    /// Returns a number other than 0: there is no `fork` that could copy it.
    pub(super) fn process_number() -> u32 {
        1
    }

    pub(super) fn exit() -> ! {
        std::process::exit(super::STATUS)
    }
}
