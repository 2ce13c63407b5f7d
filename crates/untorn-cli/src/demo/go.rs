//! Act 1: the note's program on `GoMap`. It dies, with both sides named.

use std::env;
use std::io;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::child::{self, Ends, Finished};
use super::golang;
use crate::args::Go;
use crate::output::{Output, counted, grouped};

/// Shares of time to keep accesses open for, where luck alone showed nothing, and how long each is tried.
const STRETCHES: [(&str, Duration); 2] = [
    ("50%", Duration::from_secs(10)),
    ("90%", Duration::from_secs(60)),
];

/// The lines of the program that the act is about: the map and the two threads.
const EXCERPT: std::ops::Range<usize> = 13..35;

/// How much of the printed values is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// All, as they come.
    All,
    /// The first and the last few.
    Ends,
    /// None.
    Nothing,
}

/// What act 1 found, for scripts.
#[derive(Serialize)]
pub(crate) struct Act {
    act: u8,
    readers: u16,
    writers: u16,
    /// Kept open longer for this share of time, because luck alone showed nothing.
    stretched: Option<&'static str>,
    exit_status: Option<i32>,
    seconds: f64,
    printed: Ends,
    report: String,
    go: golang::Beside,
}

/// The act by itself.
pub(crate) fn alone(output: &Output, options: &Go) -> io::Result<Act> {
    options.refuse_one_thread();
    let show = if options.quiet {
        Show::Nothing
    } else {
        Show::All
    };
    act(output, options, show)
}

/// Plays the act and shows it.
pub(crate) fn act(output: &Output, options: &Go, show: Show) -> io::Result<Act> {
    output.heading("Act 1: the note's program on GoMap");
    if show != Show::All {
        excerpt(output);
    }
    let (finished, stretched) = run_until_overlap(output, options, show)?;
    match show {
        // Behind thousands of values the lines that the report names would be out of sight.
        Show::All => excerpt(output),
        Show::Ends => show_ends(output, &finished.stdout),
        Show::Nothing => {}
    }
    output.report(&finished.stderr);
    output.line(format_args!("exit status {}", status(&finished)));
    output.line("");
    output.aside(format_args!(
        "It ran for {:.1} ms and printed {}. Both sides are named: who noticed, and whom it met.",
        finished.after.as_secs_f64() * 1e3,
        counted(finished.stdout.lines, "value"),
    ));
    let go = golang::beside(output, options)?;
    if finished.status.code() != Some(2) {
        return Err(io::Error::other(format!(
            "the note's program was to end with exit status 2; it said: {}",
            finished.stderr
        )));
    }
    Ok(Act {
        act: 1,
        readers: options.readers(),
        writers: options.writers,
        stretched,
        exit_status: finished.status.code(),
        seconds: finished.after.as_secs_f64(),
        printed: finished.stdout,
        report: finished.stderr,
        go,
    })
}

/// The lines that the report will name.
fn excerpt(output: &Output) {
    let source = include_str!("../../../../examples/note/main.rs").lines();
    for (number, line) in (1..).zip(source).skip(EXCERPT.start).take(EXCERPT.len()) {
        output.aside(format_args!("{number:>4}  {line}"));
    }
    output.line("");
}

/// Runs the program until it dies: by luck, and if that takes too long with accesses that are delayed longer.
fn run_until_overlap(
    output: &Output,
    options: &Go,
    show: Show,
) -> io::Result<(Finished, Option<&'static str>)> {
    let patience = Duration::from_secs(options.patience);
    if options.patience > 0 {
        output.aside(format_args!(
            "Waiting for two accesses to overlap by luck, for {} s at most.",
            options.patience
        ));
    }
    let luck = run_for(output, options, show, None, patience)?;
    if let Some(finished) = luck {
        return Ok((finished, None));
    }
    let why = match thread::available_parallelism() {
        Ok(processors) if processors.get() == 1 => " (on one processor the two hardly ever meet)",
        _ => "",
    };
    output.aside(format_args!(
        "No overlap in {} s by luck{why}. Once more, with accesses delayed longer.",
        patience.as_secs(),
    ));
    for (stretch, at_most) in STRETCHES {
        if let Some(finished) = run_for(output, options, show, Some(stretch), at_most)? {
            return Ok((finished, Some(stretch)));
        }
    }
    Err(io::Error::other(
        "no overlap, though accesses were delayed for most of the time; is the machine that slow?",
    ))
}

/// Runs the program for so long at most.
fn run_for(
    output: &Output,
    options: &Go,
    show: Show,
    stretch: Option<&str>,
    at_most: Duration,
) -> io::Result<Option<Finished>> {
    let mut command = Command::new(env::current_exe()?);
    command
        .arg("note-program")
        .args([options.readers(), options.writers].map(|count| count.to_string()))
        .env("UNTORN_ON_OVERLAP", "exit")
        .env("UNTORN_STRETCH", stretch.unwrap_or("0%"))
        .env_remove("RUST_BACKTRACE");
    let output = *output;
    child::run(&mut command, at_most, move |line| {
        if show == Show::All {
            output.line(line);
        }
    })
}

fn show_ends(output: &Output, ends: &Ends) {
    for line in &ends.first {
        output.line(line);
    }
    if ends.left_out() > 0 {
        output.aside(format_args!("… {} more …", grouped(ends.left_out())));
    }
    for line in &ends.last {
        output.line(line);
    }
}

fn status(finished: &Finished) -> String {
    finished
        .status
        .code()
        .map_or_else(|| finished.status.to_string(), |code| code.to_string())
}
