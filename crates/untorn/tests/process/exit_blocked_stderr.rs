//! A blocked exit: a stderr that accepts no bytes, locks that other threads hold, threads that
//! print, and several reporters at once.

use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write, pipe, stderr, stdout};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Output, Stdio, exit};
use std::ptr;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::support::child::{self, assert_reported, masked, output, run_on_one_pipe, wait};
use crate::support::{BlockingKey, BlockingValue, Latch, Map, config};
use untorn::OverlapCell;

/// Returns a child process that runs this body.
fn command(body: &str) -> Command {
    child::command("exit_blocked_stderr::child", body)
}

/// Runs this body in a child process, to its end.
fn run(body: &str) -> Output {
    output(&mut command(body))
}

/// Runs the body that the environment names, as a child process of the other tests.
#[test]
fn child() {
    if let Some(body) = child::body() {
        run_body(&body);
        println!("alive");
    }
}

/// Returns a map with a write that never ends.
fn config_with_stuck_writer() -> Arc<Map> {
    let (map, latch) = (config(), Latch::closed(1));
    {
        let (map, latch) = (Arc::clone(&map), Arc::clone(&latch));
        untorn::spawn("poller", move || {
            map.insert(BlockingKey::new(1, &latch), BlockingValue::free(3))
        });
    }
    latch.wait_for(1);
    map
}

fn run_body(body: &str) {
    match body {
        "report" => report(1, &[config_with_stuck_writer()]),
        "reporters" => report(
            8,
            &[
                config_with_stuck_writer(),
                config_with_stuck_writer(),
                config_with_stuck_writer(),
            ],
        ),
        "locks" => {
            let locked = Latch::closed(1);
            let held = Arc::clone(&locked);
            thread::spawn(move || {
                let _locks = (stdout().lock(), stderr().lock());
                held.pass();
            });
            locked.wait_for(1);
            report(1, &[config_with_stuck_writer()]);
        }
        "printers" => printers(),
        "leaves" => exit_during_report(),
        "forks" => fork_during_report(),
        "blocked" => report_while_backtraces_are_locked(),
        "warns" => warn_while_stderr_is_locked(),
        "warns_broken_pipe" => {
            let cell = OverlapCell::new(1);
            assert_eq!((*cell.read(), *cell.read()), (1, 1));
        }
        "sigpipe" => {
            default_sigpipe();
            report(1, &[config_with_stuck_writer()]);
        }
        _ => panic!("unknown body: {body}"),
    }
}

/// Restores the default action of SIGPIPE, as in a program whose `main` is not Rust's, or one that
/// wants to end with its pipe.
#[allow(unsafe_code, reason = "std has no interface for this")]
fn default_sigpipe() {
    // SAFETY: no handler is installed, and no other thread exists yet that sets one.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Returns whether the process has a handler for SIGALRM.
#[allow(unsafe_code, reason = "std has no interface for this")]
fn has_alarm_handler() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: nothing is changed, and the pointer is to room for one action.
    let result = unsafe { libc::sigaction(libc::SIGALRM, ptr::null(), action.as_mut_ptr()) };
    assert_eq!(result, 0);
    // SAFETY: the call has succeeded.
    unsafe { action.assume_init() }.sa_sigaction != libc::SIG_DFL
}

/// Starts the child with all signals blocked, as in a program that waits for signals on one thread.
#[allow(unsafe_code, reason = "std has no interface for this")]
fn block_all_signals(command: &mut Command) {
    let block = || {
        let mut all = MaybeUninit::uninit();
        // SAFETY: the pointer is to room for a set.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: the call above has made it a set.
        let set = unsafe { libc::sigprocmask(libc::SIG_BLOCK, all.as_ptr(), ptr::null_mut()) };
        assert_eq!(set, 0);
        Ok(())
    };
    // SAFETY: both calls may be made between `fork` and `exec`.
    unsafe { command.pre_exec(block) };
}

/// Exits the process while another thread is reporting.
fn exit_during_report() {
    let map = config_with_stuck_writer();
    untorn::spawn("reader", move || drop(map.get(&BlockingKey::free(1))));
    // A report sets its alarm first.
    while !has_alarm_handler() {
        thread::yield_now();
    }
    exit(0);
}

/// Forks while another thread is reporting. The child exits normally, and says so.
#[allow(unsafe_code, reason = "std has no fork")]
fn fork_during_report() {
    extern "C" fn show_end() {
        // SAFETY: the pointer is to this many bytes.
        unsafe { libc::write(libc::STDOUT_FILENO, ENDED.as_ptr().cast(), ENDED.len()) };
    }
    // Handlers run in the reverse of this order: after that of the library.
    // SAFETY: the function may be called at any time.
    unsafe { libc::atexit(show_end) };
    let map = config_with_stuck_writer();
    untorn::spawn("reader", move || drop(map.get(&BlockingKey::free(1))));
    // A report sets its alarm first.
    while !has_alarm_handler() {
        thread::yield_now();
    }
    // SAFETY: the child takes no lock of another thread, or its alarm ends it.
    if unsafe { libc::fork() } == 0 {
        // SAFETY: a call without pointers.
        unsafe { libc::alarm(20) };
        // SAFETY: no other thread of this process exists.
        unsafe { libc::exit(0) };
    }
    loop {
        thread::park();
    }
}

const ENDED: &str = "the child has ended";

/// Reports while stderr is full and another thread holds the lock that a backtrace needs.
fn report_while_backtraces_are_locked() {
    let map = config_with_stuck_writer();
    thread::spawn(|| panic!("printed with a backtrace, under the lock of backtraces"));
    // There is no sign that the thread blocks. If it does not yet, the report only ends sooner.
    thread::sleep(Duration::from_millis(300));
    report(1, &[map]);
}

/// Warns of an invalid variable while another thread holds the lock of stderr and uses a map, too.
fn warn_while_stderr_is_locked() {
    let (locked, used) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|s| {
        s.spawn(|| {
            let _stderr = stderr().lock();
            locked.wait();
            used.wait();
            assert_eq!(config().len(), 2);
        });
        locked.wait();
        assert_eq!(config().len(), 2);
        used.wait();
    });
}

/// Starts `readers` readers on each of the maps at the same time.
fn report(readers: usize, maps: &[Arc<Map>]) {
    let start = Arc::new(Barrier::new(readers * maps.len()));
    let readers: Vec<_> = (0..readers)
        .flat_map(|_| maps)
        .map(|map| {
            let (map, start) = (Arc::clone(map), Arc::clone(&start));
            untorn::spawn("reader", move || {
                start.wait();
                drop(map.get(&BlockingKey::free(1)));
            })
        })
        .collect();
    for reader in readers {
        reader.join().expect("the process exits first");
    }
}

/// The note's program: threads that look up a value and print it, until a writer starts.
fn printers() {
    let (map, printed) = (config(), Arc::new(Barrier::new(3)));
    for _ in 0..2 {
        let (map, printed) = (Arc::clone(&map), Arc::clone(&printed));
        untorn::spawn("printer", move || {
            for round in 0.. {
                let elem = map.get(&BlockingKey::free(1));
                println!("looked up {}", elem.map_or(0, |elem| elem.n));
                if round == 10 {
                    printed.wait();
                }
            }
        });
    }
    printed.wait();
    let never = Latch::closed(1);
    map.insert(BlockingKey::new(1, &never), BlockingValue::free(3));
}

const GOLDEN: &str = include_str!("golden/reader.txt");

#[test]
fn one_of_many_reporters_reports() {
    for _ in 0..20 {
        assert_reported(&run("reporters"), GOLDEN);
    }
}

#[test]
fn report_does_not_wait_for_stdio_locks() {
    assert_reported(&run("locks"), GOLDEN);
}

/// Stdout and stderr are one pipe, as on a terminal. The report must be in one piece, and mostly
/// the last output: a thread that is not running cannot be silenced in time.
#[test]
fn report_is_the_last_output() {
    let (mut last, mut runs) = (0, 0);
    // More runs on a busy machine.
    while runs < 12 || last * 3 <= runs && runs < 60 {
        let (status, text) = run_on_one_pipe(command("printers"));
        let lines: Vec<_> = text.lines().collect();
        let start = lines.iter().position(|line| line.contains("fatal error: "));
        let report = &lines[start.expect("a report")..];
        let end = report.iter().position(|line| line.starts_with("Share an "));
        let (report, after) = report.split_at(end.expect("a whole report") + 1);
        assert!(!report.iter().any(|line| line.contains("looked up")));
        last += usize::from(after.is_empty());
        runs += 1;
        assert_eq!(status.code(), Some(2));
    }
    println!("the report was last in {last} of {runs} runs");
    assert!(last * 3 > runs, "a thread kept printing");
}

/// Returns the exit status of a child with this stderr.
fn status_with(stderr: impl Into<Stdio>, backtrace: bool) -> ExitStatus {
    status_of("report", stderr, backtrace)
}

fn status_of(body: &str, stderr: impl Into<Stdio>, backtrace: bool) -> ExitStatus {
    let mut command = command(body);
    command.stdout(Stdio::null()).stderr(stderr);
    if backtrace {
        command.env("RUST_BACKTRACE", "1");
    }
    let mut child = command.spawn().expect("the child starts");
    drop(command);
    wait(&mut child)
}

/// Writes until the non-blocking descriptor accepts no more bytes, and returns the number of bytes.
fn fill(mut to: impl Write) -> usize {
    let mut filled = 0;
    // The last bytes one by one: a pipe without room for many may have room for few.
    for chunk in [&[b'.'; 4096][..], b"."] {
        loop {
            match to.write(chunk) {
                Ok(written) => filled += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    filled
}

/// Returns a full pipe, and the number of bytes in it.
#[cfg(target_os = "linux")]
fn full_pipe() -> (PipeReader, PipeWriter, usize) {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    let (reader, writer) = pipe().expect("a pipe");
    // Opened again, since `O_NONBLOCK` belongs to the open file description, and the child's end
    // must block.
    let twin = File::options()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(format!("/proc/self/fd/{}", writer.as_raw_fd()))
        .expect("Linux can open it again");
    let filled = fill(twin);
    (reader, writer, filled)
}

#[test]
#[cfg(target_os = "linux")]
fn exit_does_not_wait_for_a_full_pipe() {
    for backtrace in [false, true] {
        let (mut reader, writer, filled) = full_pipe();
        assert_eq!(status_with(writer, backtrace).code(), Some(2));
        let mut bytes = Vec::new();
        reader
            .read_to_end(&mut bytes)
            .expect("the pipe can be read");
        assert_eq!(bytes.len(), filled, "the full pipe received nothing");
    }
}

/// The pipe receives the whole report or nothing: the report is shorter than an atomic write to a
/// pipe.
#[test]
#[cfg(target_os = "linux")]
fn pipe_with_one_free_page_receives_the_report() {
    let (mut reader, writer, filled) = full_pipe();
    let mut page = [0; 4096];
    reader.read_exact(&mut page).expect("the pipe is full");
    assert_eq!(status_with(writer, false).code(), Some(2));
    let mut bytes = Vec::new();
    reader
        .read_to_end(&mut bytes)
        .expect("the pipe can be read");
    let report = bytes.split_off(filled - page.len());
    assert_eq!(masked(str::from_utf8(&report).expect("UTF-8")), GOLDEN);
}

#[test]
fn exit_does_not_wait_for_a_full_socket() {
    for backtrace in [false, true] {
        let (far, near) = UnixStream::pair().expect("a pair of sockets");
        near.set_nonblocking(true).expect("the mode can be set");
        fill(&near);
        near.set_nonblocking(false).expect("the mode can be set");
        assert_eq!(status_with(OwnedFd::from(near), backtrace).code(), Some(2));
        drop(far);
    }
}

/// The read end is closed.
#[test]
fn broken_pipe_keeps_the_exit_status() {
    for body in ["report", "sigpipe"] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let status = status_of(body, writer, true);
        assert_eq!(status.code(), Some(2), "{status}");
    }
}

#[test]
fn unwritable_stderr_keeps_the_exit_status() {
    for file in ["/dev/null", "/dev/full"] {
        // Only Linux has `/dev/full`.
        let Ok(file) = File::options().write(true).open(file) else {
            continue;
        };
        assert_eq!(status_with(file, true).code(), Some(2));
    }
    // Open for reading only.
    let own = File::open(".");
    let own = own.expect("there is a directory");
    assert_eq!(status_with(own, true).code(), Some(2));
}

#[test]
fn closed_stderr_keeps_the_exit_status() {
    let program = command("report");
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", "exec \"$0\" \"$@\" 2>&-"])
        .arg(program.get_program())
        .args(program.get_args())
        .stdout(Stdio::null());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let mut child = shell.spawn().expect("there is a shell");
    assert_eq!(wait(&mut child).code(), Some(2));
}

#[test]
fn normal_exit_waits_for_the_report() {
    for _ in 0..10 {
        assert_reported(&run("leaves"), GOLDEN);
    }
}

/// The child has a copy of all that a report sets, but not its thread.
#[test]
#[cfg(target_os = "linux")]
fn child_forked_during_a_report_exits() {
    let (reader, writer, _) = full_pipe();
    let mut command = command("forks");
    command.stderr(writer).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the child starts");
    drop(command);
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut printed = String::new();
    stdout.read_to_string(&mut printed).expect("a text");
    assert_eq!(wait(&mut child).code(), Some(2));
    assert!(printed.contains(ENDED), "{printed}");
    drop(reader);
}

#[test]
#[cfg(target_os = "linux")]
fn alarm_ends_a_blocked_report() {
    let (reader, writer, _) = full_pipe();
    let mut command = command("blocked");
    block_all_signals(&mut command);
    command.env("RUST_BACKTRACE", "1").stderr(writer);
    let child = command.stdout(Stdio::null()).spawn();
    drop(command);
    let status = wait(&mut child.expect("the child starts"));
    assert_eq!(status.code(), Some(2), "{status}");
    drop(reader);
}

#[test]
fn invalid_setting_warning_does_not_block() {
    let mut command = command("warns");
    let output_of_child = output(command.env("UNTORN_ON_OVERLAP", "abort"));
    assert!(
        output_of_child.status.success(),
        "{}",
        child::stderr(&output_of_child)
    );
    let text = child::stderr(&output_of_child);
    assert!(
        text.starts_with("untorn: ignoring UNTORN_ON_OVERLAP=\"abort\": neither"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "once: {text}");
}

#[test]
fn unwritable_warning_changes_nothing() {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut command = command("warns_broken_pipe");
    command.env("UNTORN_STRETCH", "much").stderr(writer);
    let status = wait(
        &mut command
            .stdout(Stdio::null())
            .spawn()
            .expect("the child starts"),
    );
    assert!(status.success(), "{status}");
}
