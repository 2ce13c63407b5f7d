//! What the tests of Go's own map verify with processes; `docs/go-tests.md` has the list.

mod crash;
mod hash;

use std::process::{Command, Output};

use crate::support::child::{self, output};

/// A child process that plays this body.
fn command(body: &str) -> Command {
    child::command("go::child", body)
}

/// Plays this body in a child process, to its end.
fn run(body: &str) -> Output {
    output(&mut command(body))
}

/// Plays what the environment names, as a child process of the other tests.
#[test]
fn child() {
    match child::body().as_deref() {
        None => {}
        Some("hash") => hash::print_a_hash(),
        Some(body) => crash::play(body),
    }
}
