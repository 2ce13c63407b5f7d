//! The note's program as a function, for the demo of the command, which runs it in a child process.

#[path = "main.rs"]
#[allow(dead_code, reason = "`main` is for the binary")]
mod program;

/// Runs the program with this number of readers and writers, until the first overlap ends it with
/// exit status 2.
pub fn note(readers: usize, writers: usize) -> ! {
    program::note(readers, writers)
}
