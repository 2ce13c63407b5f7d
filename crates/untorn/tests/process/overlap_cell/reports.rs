//! The report of a cell, word for word; how the process ends.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{body, command, run};
use crate::support::child::{assert_reported, masked, output, stderr};

#[test]
fn a_writer_finds_a_reader() {
    assert_reported(&run("writer"), include_str!("../golden/cell_writer.txt"));
}

#[test]
fn a_reader_finds_a_writer() {
    assert_reported(&run("reader"), include_str!("../golden/cell_reader.txt"));
}

#[test]
fn a_writer_finds_a_writer() {
    assert_reported(&run("writes"), include_str!("../golden/cell_writes.txt"));
}

#[test]
fn a_writer_finds_five_readers() {
    assert_reported(&run("many"), include_str!("../golden/cell_many.txt"));
}

#[test]
fn a_thread_finds_itself() {
    let golden = include_str!("../golden/cell_reentrant.txt");
    assert_reported(&run("reentrant"), golden);
}

#[test]
fn a_cell_without_a_name_and_a_thread_of_std() {
    assert_reported(&run("unnamed"), include_str!("../golden/cell_unnamed.txt"));
}

#[test]
fn no_value_is_shown() {
    for body in ["writer", "reader", "writes", "many", "reentrant", "unnamed"] {
        assert!(!stderr(&run(body)).contains("horse"), "{body}");
    }
}

/// The same text but for its first two words, which are said where the process ends.
fn not_fatal(golden: &str) -> &str {
    golden.strip_prefix("fatal error: ").expect("a fatal error")
}

#[test]
fn a_panic_has_the_same_text() {
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
    let message = panic.downcast_ref::<String>().expect("it is formatted");
    let golden = include_str!("../golden/cell_reentrant.txt");
    let golden = golden.replace("elsewhere", "at main.rs:#:#");
    assert_eq!(masked(message), not_fatal(&golden));
}

#[test]
fn the_environment_can_make_cells_exit() {
    let usual = run("usual");
    assert_eq!(usual.status.code(), Some(101), "a panic by default");
    let golden = include_str!("../golden/cell_writer.txt");
    let first = not_fatal(golden).lines().next().expect("a line");
    assert!(stderr(&usual).contains(&format!(":\n{first}\n\nthread \"second\"")));

    let exit = output(command("usual").env("UNTORN_ON_OVERLAP", "exit"));
    assert_reported(&exit, golden);
    // What the program says of one cell goes before what the environment says of all.
    let exit = output(command("writer").env("UNTORN_ON_OVERLAP", "panic"));
    assert_reported(&exit, golden);
}

#[test]
fn an_overlap_while_a_panic_unwinds_ends_the_process() {
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
