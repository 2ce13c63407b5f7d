//! The properties that the tests of Go's own map verify with processes; `docs/go-tests.md` lists
//! them.

mod crash;
mod hash;

use std::process::{Command, Output};

use crate::support::child::{self, output};

/// Returns a child process that runs this body.
fn command(body: &str) -> Command {
    child::command("go::child", body)
}

/// Runs this body in a child process, to its end.
fn run(body: &str) -> Output {
    output(&mut command(body))
}

/// Runs the body that the environment names, as a child process of the other tests.
#[test]
fn child() {
    match child::body().as_deref() {
        None => {}
        Some("hash") => hash::print_a_hash(),
        Some(body) => crash::run_body(body),
    }
}
