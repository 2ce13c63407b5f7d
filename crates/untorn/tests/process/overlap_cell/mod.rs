//! `OverlapCell`: the report and the end of the process.

mod body;
mod reports;

use std::process::{Command, Output};

use crate::support::child::{self, output};

/// A child process that plays this body.
fn command(body: &str) -> Command {
    child::command("overlap_cell::child", body)
}

/// Plays this body in a child process, to its end.
fn run(body: &str) -> Output {
    output(&mut command(body))
}

/// Plays what the environment names, as a child process of the other tests.
#[test]
fn child() {
    if let Some(name) = child::body() {
        body::play(&name);
        // Shows the parent that no report came.
        println!("alive");
    }
}
