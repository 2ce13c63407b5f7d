//! `runtime/crash_test.go`: the three programs that must die with the message.
//!
//! Go runs them ten thousand rounds and skips them by default, since it may not notice. Here accesses are delayed for
//! half of the time (`UNTORN_STRETCH`), so that two of them meet at once, and whatever meets is noticed.

use std::sync::Arc;
use std::thread;

use untorn::GoMap;

use super::command;
use crate::support::child::{output, stderr};

/// Two threads for ever, on one map with the keys 5 and 6.
pub(crate) fn play(body: &str) {
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
        _ => panic!("no such body: {body}"),
    };
    let (one, two) = (start(write), start(other));
    one.join().expect("it does not come back");
    two.join().expect("it does not come back");
}

#[track_caller]
fn dies(body: &str, message: &str, sides: [&str; 2]) {
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
        // The other side may be gone before its record was read.
        let known = sides.iter().any(|side| method.starts_with(side));
        assert!(known || method.starts_with("an access"), "{report}");
    }
}

#[test]
fn two_writers_die_of_concurrent_map_writes() {
    dies("writes", "concurrent map writes", ["GoMap::insert"; 2]);
}

#[test]
fn a_reader_and_a_writer_die_of_concurrent_map_read_and_map_write() {
    let sides = ["GoMap::get", "GoMap::insert"];
    dies("read and write", "concurrent map read and map write", sides);
}

#[test]
fn an_iteration_and_a_writer_die_of_concurrent_map_iteration_and_map_write() {
    let sides = ["GoMap::cursor", "GoMap::insert"];
    let message = "concurrent map iteration and map write";
    dies("iterate and write", message, sides);
}
