//! Child processes: this test binary again, for what concerns a whole process, such as the number
//! of its threads, its allocations and its user.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::LONG;

/// The environment variable that makes a test run its body.
const CHILD: &str = "UNTORN_LIVE_CHILD";

/// A user without any rights, and the group of that number.
const UNPRIVILEGED: u32 = 65_534;

/// Returns a command for one test in a process of its own.
fn command(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this binary has a path"));
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .stdin(Stdio::null());
    command
}

/// Runs the body of a test alone in a process of its own.
#[track_caller]
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    match env::var_os(CHILD) {
        Some(_) => body(),
        None => wait(command(test).spawn().expect("the child starts")),
    }
}

/// Runs the body of a test in a process of a user who is not root. Prints that it is skipped if
/// there can be no such process.
#[track_caller]
pub(crate) fn unprivileged(test: &str, body: impl FnOnce()) {
    if env::var_os(CHILD).is_some() || !is_root() {
        return body();
    }
    // Its own folder for temporary files may be closed to others.
    match command(test)
        .uid(UNPRIVILEGED)
        .gid(UNPRIVILEGED)
        .env("TMPDIR", "/tmp")
        .current_dir("/")
        .spawn()
    {
        Ok(child) => wait(child),
        Err(error) => println!("skipped: no process of another user: {error}"),
    }
}

/// Returns whether this user can read files without permission.
fn is_root() -> bool {
    let folder = super::folder();
    let path = folder.path().join("closed");
    fs::write(&path, "").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("set");
    fs::read(path).is_ok()
}

#[track_caller]
fn wait(mut child: Child) {
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        // The child may wait several times, for this time at most.
        if start.elapsed() > 3 * LONG {
            _ = child.kill();
            panic!("the child hangs");
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "the child failed: {status}");
}
