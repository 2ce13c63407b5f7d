//! Each rule on a small dump that it matches, and on one that is like it and that it does not.

mod libraries;
mod own_code;

use super::{Other, Stacks, recognize};
use crate::candidates::Certainty::{Certainly, Likely, Possibly};
use crate::frame::{Access, Frame};
use crate::model::Explained;

/// A call and its source location, in the form of a dump.
const READ: &str = "runtime.mapaccess1_faststr(0x4aaf80, 0xc00007c450, {0x4bf298, 0x1})\n\tgo/src/runtime/map_faststr.go:22 +0x50\n";
const NEXT: &str = "reflect.mapiternext(0x488849?)\n\tgo/src/runtime/map.go:1537 +0x13\n";
const WRITE: &str = "runtime.mapassign_faststr(0x4aaf80, 0xc00007c450, {0x4bf298, 0x1})\n\tgo/src/runtime/map_faststr.go:203 +0x50\n";

fn calls(functions: &[&str]) -> String {
    let call = |(line, function): (usize, &&str)| {
        let (function, file) = function
            .split_once(" at ")
            .unwrap_or((function, "/src/app/a.go"));
        let args = if function.ends_with(')') {
            ""
        } else {
            "(0xc000123000)"
        };
        format!("{function}{args}\n\t{file}:{line} +0x1\n")
    };
    (10..).zip(functions).map(call).collect()
}

/// Formats a dump of a goroutine in a map function, called by `here`, and of another one.
fn crash(map: &str, here: &[&str], other: &[&str]) -> String {
    let message = match map {
        WRITE => "concurrent map writes",
        NEXT => "concurrent map iteration and map write",
        _ => "concurrent map read and map write",
    };
    let created = "created by main.start in goroutine 1\n\t/src/app/a.go:5 +0x1\n";
    let (here, stack) = (calls(here), calls(other));
    let mut dump =
        format!("fatal error: {message}\n\ngoroutine 7 [running]:\n{map}{here}{created}");
    if !other.is_empty() {
        dump += &format!("\ngoroutine 8 [runnable]:\n{WRITE}{stack}{created}");
    }
    dump
}

/// Formats a report of the race detector on a variable that is no map.
fn race(here: &[&str], other: &[&str]) -> String {
    let side = |functions: &[&str]| {
        let calls = calls(functions).replace("(0xc000123000)", "()");
        let lines = calls.lines().map(|line| format!("  {line}\n"));
        lines.collect::<String>()
    };
    format!(
        "==================\nWARNING: DATA RACE\nRead at 0x00c00008ab10 by goroutine 7:\n{}\nPrevious write at 0x00c00008ab10 \
         by goroutine 8:\n{}\nGoroutine 8 (running) created at:\n  main.start()\n      /src/app/a.go:5 +0x1\n\
         ==================\n",
        side(here),
        side(other)
    )
}

fn explained(dump: &str) -> Explained {
    let report = crate::explain(dump.as_bytes()).expect("memory can be read");
    report.dumps.into_iter().next().expect("a dump")
}

/// Checks for each dump whether the rule matches it.
fn check(id: &str, dumps: &[(String, Option<crate::Certainty>)]) {
    for (dump, expected) in dumps {
        let causes = explained(dump).causes;
        let found = causes.iter().find(|cause| cause.id == id);
        let certainty = found.map(|cause| cause.certainty);
        assert_eq!(certainty, *expected, "{id}\n{dump}{causes:#?}");
    }
}

#[test]
fn certainty_is_at_most_that_of_the_writer() {
    let frame = |function| vec![Frame::new(1, function, "")];
    let (here, other) = (frame("main.get"), frame("main.reloadLoop"));
    for (of_writer, expected) in [(Possibly, Possibly), (Likely, Likely), (Certainly, Likely)] {
        let causes = recognize(&[Stacks {
            here: &here,
            here_does: Some(Access::Read),
            others: vec![Other {
                frames: &other,
                certainty: of_writer,
            }],
            both_known: false,
            of_a_map: true,
            shared_address: false,
        }]);
        assert_eq!(causes[0].id, "refreshed_in_place");
        assert_eq!(causes[0].certainty, expected);
    }
}
