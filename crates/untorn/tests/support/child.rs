//! Child processes: the test binary run again with one body, and its output and exit status.

use std::env;
use std::io::{Read, pipe};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The environment variable that names the body of a child.
const BODY: &str = "UNTORN_TEST_BODY";

/// The time after which a child counts as hanging.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Returns the body this process is to run, if it is a child.
pub(crate) fn body() -> Option<String> {
    env::var(BODY).ok()
}

/// Returns `true` if no other test runs in this process. Otherwise runs the calling test, whose
/// thread has its name, in a process of its own, and returns `false`.
#[must_use]
pub(crate) fn alone() -> bool {
    alone_within(TIMEOUT)
}

/// Acts as [`alone`], and lets the process take this long.
#[must_use]
pub(crate) fn alone_within(timeout: Duration) -> bool {
    // Miri starts no process, and runs one test at a time.
    if cfg!(miri) || body().is_some() {
        return true;
    }
    let thread = thread::current();
    let test = thread.name().expect("a test's thread has its name");
    let output = output_within(&mut command(test, "alone"), timeout);
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && text.contains("test result: ok. 1 passed");
    assert!(passed, "{text}{}", stderr(&output));
    false
}

/// Returns a command for this test binary as a child process that runs one test with one body.
pub(crate) fn command(test: &str, body: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this binary has a path"));
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(BODY, body)
        .env_remove("RUST_BACKTRACE")
        .env_remove("UNTORN_ON_OVERLAP")
        .env_remove("UNTORN_STRETCH")
        .stdin(Stdio::null());
    command
}

pub(crate) fn output(command: &mut Command) -> Output {
    output_within(command, TIMEOUT)
}

fn output_within(command: &mut Command, timeout: Duration) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut stdout = child.stdout.take().expect("the stream is piped");
    let mut stderr = child.stderr.take().expect("the stream is piped");
    let drain = thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).map(|_| bytes)
    });
    let status = thread::spawn(move || wait_within(&mut child, timeout));
    let mut bytes = Vec::new();
    stderr.read_to_end(&mut bytes).expect("stderr can be read");
    Output {
        status: status.join().expect("the child exits"),
        stdout: drain
            .join()
            .expect("the thread does not panic")
            .expect("stdout can be read"),
        stderr: bytes,
    }
}

/// Runs a child with stdout and stderr as one pipe, as on a terminal. Returns its exit status and
/// its output.
pub(crate) fn run_on_one_pipe(mut command: Command) -> (ExitStatus, String) {
    let (mut reader, writer) = pipe().expect("a pipe");
    command.stdout(writer.try_clone().expect("a second end"));
    let mut child = command.stderr(writer).spawn().expect("the child starts");
    // The command holds ends of the pipe, too.
    drop(command);
    let status = thread::spawn(move || wait(&mut child));
    let mut text = String::new();
    reader
        .read_to_string(&mut text)
        .expect("the output is UTF-8");
    (status.join().expect("the child exits"), text)
}

/// Waits for a child that must end by itself, and returns its exit status.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    wait_within(child, TIMEOUT)
}

fn wait_within(child: &mut Child, timeout: Duration) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            return status;
        }
        if start.elapsed() > timeout {
            let _ = child.kill();
            panic!("the child hangs");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).expect("reports are UTF-8")
}

/// Masks the parts of a report that differ between runs: line and column, thread numbers,
/// durations. The program's test file is always called `main.rs`.
pub(crate) fn masked(report: &str) -> String {
    report.lines().map(masked_line).collect()
}

fn masked_line(line: &str) -> String {
    let mut line = line.to_owned();
    if let Some((path, place)) = line.split_once(".rs:") {
        assert!(place.split(':').all(|number| number.parse::<u32>().is_ok()));
        let (created, path) = match path.rsplit_once("created at ") {
            Some((_, path)) => ("created at ", path),
            None => ("", path.trim_start()),
        };
        let file = match path.rsplit_once(['/', '\\']) {
            Some((folder, file)) if folder.contains("src") => file,
            _ => "main",
        };
        line = format!("\t{created}{file}.rs:#:#");
    } else if line.starts_with("thread ") {
        let (start, rest) = line.split_once("\" (").expect("a thread has a number");
        let (number, rest) = rest.split_once(')').expect("a thread has a number");
        assert!(number.parse::<u64>().is_ok_and(|number| number > 0));
        let lasts = [", for ", ", delayed for "].into_iter();
        let rest = match lasts
            .filter_map(|text| Some((text, rest.split_once(text)?)))
            .next()
        {
            Some((text, (rest, lasted))) => {
                assert!(lasted.ends_with('s'), "not a duration: {lasted}");
                format!("{rest}{text}#")
            }
            None => rest.to_owned(),
        };
        line = format!("{start}\" (#){rest}");
    }
    line.push('\n');
    line
}

/// Checks that one overlap ended the child, and that its report is `golden`.
#[track_caller]
pub(crate) fn assert_reported(output: &Output, golden: &str) {
    assert_eq!(output.status.code(), Some(2), "{}", stderr(output));
    assert_eq!(masked(stderr(output)), golden);
}
