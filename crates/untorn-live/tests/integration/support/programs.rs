//! Programs of the system.

use std::process::{Command, Stdio};

/// Returns whether a program is installed, and prints that its test is skipped if it is not.
pub(crate) fn is_installed(program: &str) -> bool {
    let run = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if run.is_err() {
        println!("skipped: there is no {program}");
    }
    run.is_ok()
}

/// Runs a program to its end.
#[track_caller]
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{program}: {output:?}");
}
