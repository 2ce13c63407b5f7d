//! `runtime/crash_test.go`: the three programs that must exit with the message.
//!
//! Go runs them for ten thousand rounds and skips them by default, since it may miss the overlap.
//! Here half of the accesses are delayed (`UNTORN_STRETCH`), so that two of them soon overlap, and
//! every overlap is reported.

use std::sync::Arc;
use std::thread;

use untorn::GoMap;

use super::command;
use crate::support::child::{output, stderr};

/// Runs two threads without end, on one map with the keys 5 and 6.
pub(crate) fn run_body(body: &str) {
    let map = Arc::new(GoMap::<u64, u64>::from([(5, 0), (6, 0)]));
    let start = |act: fn(&GoMap<u64, u64>)| {
        let map = Arc::clone(&map);
        untorn::spawn("goroutine", move || -> () {
            loop {
                act(&map);
                thread::yield_now();
            }
        })
    };
    let write: fn(&GoMap<u64, u64>) = |map| _ = map.insert(5, 0);
    let other: fn(&GoMap<u64, u64>) = match body {
        "writes" => |map| _ = map.insert(6, 0),
        "read and write" => |map| _ = map.get(&6),
        "iterate and write" => |map| {
            for _ in map.cursor() {
                thread::yield_now();
            }
        },
        _ => panic!("unknown body: {body}"),
    };
    let (one, two) = (start(write), start(other));
    one.join().expect("the process exits first");
    two.join().expect("the process exits first");
}

#[track_caller]
fn assert_exits_with(body: &str, message: &str, sides: [&str; 2]) {
    let output = output(command(body).env("UNTORN_STRETCH", "50%"));
    let report = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{report}");
    let first = report.lines().next();
    assert_eq!(first, Some(&*format!("fatal error: {message}")), "{report}");
    let threads = report.lines().filter(|line| line.starts_with("thread "));
    let methods: Vec<_> = threads
        .filter_map(|line| line.split("]: ").nth(1))
        .collect();
    assert_eq!(methods.len(), 2, "{report}");
    for method in methods {
        // The other side may have ended before its record was read.
        let expected = sides.iter().any(|side| method.starts_with(side));
        assert!(expected || method.starts_with("an access"), "{report}");
    }
}

#[test]
fn two_writes_exit_with_go_message() {
    assert_exits_with("writes", "concurrent map writes", ["GoMap::insert"; 2]);
}

#[test]
fn read_and_write_exit_with_go_message() {
    let sides = ["GoMap::get", "GoMap::insert"];
    assert_exits_with("read and write", "concurrent map read and map write", sides);
}

#[test]
fn iteration_and_write_exit_with_go_message() {
    let sides = ["GoMap::cursor", "GoMap::insert"];
    let message = "concurrent map iteration and map write";
    assert_exits_with("iterate and write", message, sides);
}
