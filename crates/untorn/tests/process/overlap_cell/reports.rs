//! The exact report of a cell, and the end of the process.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{body, command, run};
use crate::support::child::{assert_reported, masked, output, stderr};

#[test]
fn writer_detects_a_reader() {
    assert_reported(&run("writer"), include_str!("../golden/cell_writer.txt"));
}

#[test]
fn reader_detects_a_writer() {
    assert_reported(&run("reader"), include_str!("../golden/cell_reader.txt"));
}

#[test]
fn writer_detects_a_writer() {
    assert_reported(&run("writes"), include_str!("../golden/cell_writes.txt"));
}

#[test]
fn writer_detects_five_readers() {
    assert_reported(&run("many"), include_str!("../golden/cell_many.txt"));
}

#[test]
fn thread_detects_its_own_access() {
    let golden = include_str!("../golden/cell_reentrant.txt");
    assert_reported(&run("reentrant"), golden);
}

#[test]
fn report_of_an_unnamed_cell_and_a_std_thread() {
    assert_reported(&run("unnamed"), include_str!("../golden/cell_unnamed.txt"));
}

#[test]
fn report_shows_no_value() {
    for body in ["writer", "reader", "writes", "many", "reentrant", "unnamed"] {
        assert!(!stderr(&run(body)).contains("horse"), "{body}");
    }
}

/// Removes the first two words, which appear only where the process ends.
fn not_fatal(golden: &str) -> &str {
    golden.strip_prefix("fatal error: ").expect("a fatal error")
}

#[test]
fn panic_text_matches_the_report() {
    let cell = body::config();
    let twice = || {
        let _writing = cell.write();
        cell.read().len()
    };
    let thread = std::thread::scope(|s| {
        let caught = move || catch_unwind(AssertUnwindSafe(twice));
        untorn::spawn_scoped(s, "overlap_cell::child", caught).join()
    });
    let panic = thread.expect("it is caught").expect_err("it panics");
    let message = panic
        .downcast_ref::<String>()
        .expect("the message is a formatted string");
    let golden = include_str!("../golden/cell_reentrant.txt");
    let golden = golden.replace("elsewhere, not by untorn::spawn", "at main.rs:#:#");
    assert_eq!(masked(message), not_fatal(&golden));
}

#[test]
fn environment_can_make_cells_exit() {
    let usual = run("usual");
    assert_eq!(usual.status.code(), Some(101), "a panic by default");
    let golden = include_str!("../golden/cell_writer.txt");
    let first = not_fatal(golden).lines().next().expect("a line");
    assert!(stderr(&usual).contains(&format!(":\n{first}\n\nthread \"second\"")));

    let exit = output(command("usual").env("UNTORN_ON_OVERLAP", "exit"));
    assert_reported(&exit, golden);
    // The policy of one cell overrides the policy that the environment sets for all.
    let exit = output(command("writer").env("UNTORN_ON_OVERLAP", "panic"));
    assert_reported(&exit, golden);
}

#[test]
fn overlap_during_unwinding_aborts_the_process() {
    let output = run("while unwinding");
    assert_eq!(output.status.code(), None, "by a signal");
    let text = stderr(&output);
    let both = [
        "the first",
        "concurrent read and write",
        "OverlapCell::write",
    ];
    assert!(both.iter().all(|part| text.contains(part)), "{text}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("alive"));
}
