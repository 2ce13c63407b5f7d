//! The end of the process with something in its way: a stderr that takes nothing, locks that others hold, threads
//! that print, and several reporters at once.

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
use crate::support::{Elem, Map, Probe, Valve, config};
use untorn::OverlapCell;

/// A child process that plays this body.
fn command(body: &str) -> Command {
    child::command("obstacles::child", body)
}

/// Plays this body in a child process, to its end.
fn run(body: &str) -> Output {
    output(&mut command(body))
}

/// Plays what the environment names, as a child process of the other tests.
#[test]
fn child() {
    if let Some(body) = child::body() {
        play(&body);
        println!("alive");
    }
}

/// A map with a writer inside for good.
fn taken_config() -> Arc<Map> {
    let (map, valve) = (config(), Valve::closed(1));
    {
        let (map, valve) = (Arc::clone(&map), Arc::clone(&valve));
        untorn::spawn("poller", move || {
            map.insert(Probe::new(1, &valve), Elem::free(3))
        });
    }
    valve.wait_for(1);
    map
}

fn play(body: &str) {
    match body {
        "report" => report(1, &[taken_config()]),
        "reporters" => report(8, &[taken_config(), taken_config(), taken_config()]),
        "locks" => {
            let locked = Valve::closed(1);
            let held = Arc::clone(&locked);
            thread::spawn(move || {
                let _locks = (stdout().lock(), stderr().lock());
                held.pass();
            });
            locked.wait_for(1);
            report(1, &[taken_config()]);
        }
        "printers" => printers(),
        "leaves" => leave(),
        "blocked" => report_while_backtraces_are_locked(),
        "complains" => complain_while_stderr_is_locked(),
        "complains_to_nobody" => {
            let cell = OverlapCell::new(1);
            assert_eq!((*cell.read(), *cell.read()), (1, 1));
        }
        "sigpipe" => {
            default_sigpipe();
            report(1, &[taken_config()]);
        }
        _ => panic!("no such body: {body}"),
    }
}

/// As in a program whose `main` is not Rust's, or that wants to end with the pipe it writes to.
#[allow(unsafe_code, reason = "std has no way to say so")]
fn default_sigpipe() {
    // SAFETY: no handler is installed, and there is no other thread yet that sets one.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// What the process does on an alarm.
#[allow(unsafe_code, reason = "std has no way to ask")]
fn has_an_alarm() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: nothing is changed, and the pointer is to room for what is asked for.
    let asked = unsafe { libc::sigaction(libc::SIGALRM, ptr::null(), action.as_mut_ptr()) };
    assert_eq!(asked, 0);
    // SAFETY: the call has succeeded.
    unsafe { action.assume_init() }.sa_sigaction != libc::SIG_DFL
}

/// Lets the child begin with all signals blocked, as where one thread is to wait for them.
#[allow(unsafe_code, reason = "std has no way to say so")]
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

/// The process ends by itself while somebody is reporting.
fn leave() {
    let map = taken_config();
    untorn::spawn("reader", move || drop(map.get(&Probe::free(1))));
    // The first thing that a report does.
    while !has_an_alarm() {
        thread::yield_now();
    }
    exit(0);
}

/// Stderr is full, and somebody keeps the lock that a backtrace needs.
fn report_while_backtraces_are_locked() {
    let map = taken_config();
    thread::spawn(|| panic!("printed with a backtrace, under the lock of backtraces"));
    // Nothing shows that it hangs. If it does not yet, the report is sooner done.
    thread::sleep(Duration::from_millis(300));
    report(1, &[map]);
}

/// Who must be told that a variable is not understood is told while somebody else has stderr, and uses a map, too.
fn complain_while_stderr_is_locked() {
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

/// So many readers run into each of the maps, all at once.
fn report(readers: usize, maps: &[Arc<Map>]) {
    let start = Arc::new(Barrier::new(readers * maps.len()));
    let readers: Vec<_> = (0..readers)
        .flat_map(|_| maps)
        .map(|map| {
            let (map, start) = (Arc::clone(map), Arc::clone(&start));
            untorn::spawn("reader", move || {
                start.wait();
                drop(map.get(&Probe::free(1)));
            })
        })
        .collect();
    for reader in readers {
        reader.join().expect("it does not come back");
    }
}

/// The note's program: threads that look something up and print it, until a writer comes.
fn printers() {
    let (map, printed) = (config(), Arc::new(Barrier::new(3)));
    for _ in 0..2 {
        let (map, printed) = (Arc::clone(&map), Arc::clone(&printed));
        untorn::spawn("printer", move || {
            for round in 0.. {
                let elem = map.get(&Probe::free(1));
                println!("looked up {}", elem.map_or(0, |elem| elem.n));
                if round == 10 {
                    printed.wait();
                }
            }
        });
    }
    printed.wait();
    let never = Valve::closed(1);
    map.insert(Probe::new(1, &never), Elem::free(3));
}

const GOLDEN: &str = include_str!("golden/reader.txt");

#[test]
fn of_many_reporters_one_reports() {
    for _ in 0..20 {
        assert_reported(&run("reporters"), GOLDEN);
    }
}

#[test]
fn locks_of_std_are_not_waited_for() {
    assert_reported(&run("locks"), GOLDEN);
}

/// Stdout and stderr are one pipe, as on a terminal. The report is in one piece, and the last that is said: by
/// whoever is quick enough, since a thread that is not running cannot be told to be silent.
#[test]
fn the_report_is_the_last_word() {
    const RUNS: usize = 12;
    let mut last = 0;
    for _ in 0..RUNS {
        let (status, text) = run_on_one_pipe(command("printers"));
        let lines: Vec<_> = text.lines().collect();
        let start = lines.iter().position(|line| line.contains("fatal error: "));
        let report = &lines[start.expect("a report")..];
        let end = report.iter().position(|line| line.starts_with("Share an "));
        let (report, after) = report.split_at(end.expect("a whole report") + 1);
        assert!(!report.iter().any(|line| line.contains("looked up")));
        last += usize::from(after.is_empty());
        assert_eq!(status.code(), Some(2));
    }
    println!("the last word in {last} of {RUNS} runs");
    assert!(last * 3 > RUNS, "somebody went on talking");
}

/// The status of a child whose stderr is this.
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

/// Writes until nothing more is taken, which the descriptor must say instead of waiting; how much it took.
fn fill(mut to: impl Write) -> usize {
    let mut filled = 0;
    // The last bytes one by one: a pipe that has no room for many may have it for few.
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

/// A pipe without room, and how much is in it.
#[cfg(target_os = "linux")]
fn full_pipe() -> (PipeReader, PipeWriter, usize) {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    let (reader, writer) = pipe().expect("a pipe");
    // Opened once more, since not waiting is a trait of the opened file and the child's must wait.
    let twin = File::options()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(format!("/proc/self/fd/{}", writer.as_raw_fd()))
        .expect("Linux lets it be opened again");
    let filled = fill(twin);
    (reader, writer, filled)
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_pipe_is_not_waited_for() {
    for backtrace in [false, true] {
        let (mut reader, writer, filled) = full_pipe();
        assert_eq!(status_with(writer, backtrace).code(), Some(2));
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("what is in it");
        assert_eq!(bytes.len(), filled, "there was no room for anything else");
    }
}

/// The whole report or nothing: it is shorter than what a pipe takes in one piece.
#[test]
#[cfg(target_os = "linux")]
fn a_pipe_with_one_free_page_takes_the_report() {
    let (mut reader, writer, filled) = full_pipe();
    let mut page = [0; 4096];
    reader.read_exact(&mut page).expect("it is full");
    assert_eq!(status_with(writer, false).code(), Some(2));
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("what is in it");
    let report = bytes.split_off(filled - page.len());
    assert_eq!(masked(str::from_utf8(&report).expect("UTF-8")), GOLDEN);
}

#[test]
fn a_full_socket_is_not_waited_for() {
    for backtrace in [false, true] {
        let (far, near) = UnixStream::pair().expect("a pair of sockets");
        near.set_nonblocking(true).expect("it can");
        fill(&near);
        near.set_nonblocking(false).expect("it can");
        assert_eq!(status_with(OwnedFd::from(near), backtrace).code(), Some(2));
        drop(far);
    }
}

/// Nobody listens any more.
#[test]
fn a_broken_pipe_changes_nothing() {
    for body in ["report", "sigpipe"] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let status = status_of(body, writer, true);
        assert_eq!(status.code(), Some(2), "{status}");
    }
}

#[test]
fn a_stderr_that_cannot_be_written_changes_nothing() {
    for file in ["/dev/null", "/dev/full"] {
        // Only Linux has the second one.
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
fn a_closed_stderr_changes_nothing() {
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
fn a_process_that_ends_by_itself_waits_for_the_report() {
    for _ in 0..10 {
        assert_reported(&run("leaves"), GOLDEN);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_alarm_ends_what_blocks_after_all_where_signals_are_blocked_too() {
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
fn a_complaint_waits_for_nobody() {
    let mut command = command("complains");
    let complained = output(command.env("UNTORN_ON_OVERLAP", "abort"));
    assert!(
        complained.status.success(),
        "{}",
        child::stderr(&complained)
    );
    let said = child::stderr(&complained);
    assert!(
        said.starts_with("untorn: UNTORN_ON_OVERLAP=\"abort\" is neither"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "once: {said}");
}

#[test]
fn a_complaint_that_nobody_hears_changes_nothing() {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut command = command("complains_to_nobody");
    command.env("UNTORN_STRETCH", "much").stderr(writer);
    let status = wait(
        &mut command
            .stdout(Stdio::null())
            .spawn()
            .expect("the child starts"),
    );
    assert!(status.success(), "{status}");
}
