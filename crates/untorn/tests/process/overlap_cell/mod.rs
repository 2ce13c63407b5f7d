//! `OverlapCell`: the report and the end of the process.

mod body;
mod reports;

use std::process::{Command, Output};

use crate::support::child::{self, output};

/// Returns a child process that runs this body.
fn command(body: &str) -> Command {
    child::command("overlap_cell::child", body)
}

/// Runs this body in a child process, to its end.
fn run(body: &str) -> Output {
    output(&mut command(body))
}

/// Runs the body that the environment names, as a child process of the other tests.
#[test]
fn child() {
    if let Some(name) = child::body() {
        body::run_body(&name);
        // Shows the parent that the process was not ended by a report.
        println!("alive");
    }
}
