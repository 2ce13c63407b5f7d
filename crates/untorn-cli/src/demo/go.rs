//! Act 1: the note's program on `GoMap`, which exits with a report that names both sides.

use std::env;
use std::io;
use std::process::Command;
use std::thread;
use std::time::Duration;

use clap::value_parser;
use serde::Serialize;

use super::child::{self, Ends, Finished};
use super::go_toolchain::{self, GoRun};
use crate::output::{Output, counted, grouped};

/// The delays to inject if no overlap occurs without them: the share of time, and how long to try.
const STRETCHES: [(&str, Duration); 2] = [
    ("50%", Duration::from_secs(10)),
    ("90%", Duration::from_secs(60)),
];

/// The lines of the program that the report refers to: the map and the two threads.
const EXCERPT: std::ops::Range<usize> = 13..35;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Threads that print both values without pause [default: 1; 0 with two or more writers, so
    /// that two writes overlap].
    #[arg(long, value_parser = value_parser!(u16).range(0..=4096))]
    readers: Option<u16>,
    /// Threads that set both values, then sleep for a millisecond, in a loop.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=4096))]
    writers: u16,
    /// Seconds to wait for an overlap; after that, accesses are delayed until one occurs. With 0
    /// they are delayed from the start.
    #[arg(long, default_value_t = 5, value_name = "SECONDS", value_parser = value_parser!(u64).range(0..=3600))]
    patience: u64,
    /// Do not show the printed values.
    #[arg(long)]
    quiet: bool,
}

impl Args {
    /// The numbers of the note's program.
    pub(crate) const NOTE: Self = Self {
        readers: Some(1),
        writers: 1,
        patience: 5,
        quiet: false,
    };

    fn readers(&self) -> u16 {
        self.readers.unwrap_or(u16::from(self.writers == 1))
    }

    /// Returns `true` if there are at least two threads.
    pub(crate) fn can_overlap(&self) -> bool {
        self.readers() + self.writers >= 2
    }
}

/// The printed values that are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// All of them, as they are printed.
    All,
    /// The first and the last few.
    Ends,
    /// None.
    Nothing,
}

/// The result of act 1, for scripts.
#[derive(Serialize)]
pub(crate) struct Act {
    act: u8,
    readers: u16,
    writers: u16,
    /// The share of time for which accesses were delayed; `None` if no delays were injected.
    stretched: Option<&'static str>,
    exit_status: Option<i32>,
    seconds: f64,
    printed: Ends,
    report: String,
    go: GoRun,
}

/// Plays act 1 by itself.
pub(crate) fn alone(output: &Output, options: &Args) -> io::Result<Act> {
    let show = if options.quiet {
        Show::Nothing
    } else {
        Show::All
    };
    act(output, options, show)
}

/// Plays act 1 and shows it.
pub(crate) fn act(output: &Output, options: &Args, show: Show) -> io::Result<Act> {
    output.heading("Act 1: the note's program on GoMap");
    if show != Show::All {
        excerpt(output);
    }
    let (finished, stretched) = run_until_overlap(output, options, show)?;
    match show {
        // Above thousands of values, the lines that the report refers to would be out of sight.
        Show::All => excerpt(output),
        Show::Ends => show_ends(output, &finished.stdout),
        Show::Nothing => {}
    }
    output.report(&finished.stderr);
    output.line(format_args!("exit status {}", status(&finished)));
    output.line("");
    output.aside(format_args!(
        "It ran for {:.1} ms and printed {}. The report names both sides: the access that detected the overlap, then\n\
         the other one.",
        finished.elapsed.as_secs_f64() * 1e3,
        counted(finished.stdout.lines, "value"),
    ));
    let go = go_toolchain::run(output, options.readers(), options.writers)?;
    if finished.status.code() != Some(2) {
        return Err(io::Error::other(format!(
            "the note's program did not end with exit status 2; its stderr: {}",
            finished.stderr
        )));
    }
    Ok(Act {
        act: 1,
        readers: options.readers(),
        writers: options.writers,
        stretched,
        exit_status: finished.status.code(),
        seconds: finished.elapsed.as_secs_f64(),
        printed: finished.stdout,
        report: finished.stderr,
        go,
    })
}

/// Shows the lines that the report refers to.
fn excerpt(output: &Output) {
    let source = include_str!("../../../../examples/note/main.rs").lines();
    for (number, line) in (1..).zip(source).skip(EXCERPT.start).take(EXCERPT.len()) {
        output.aside(format_args!("{number:>4}  {line}"));
    }
    output.line("");
}

/// Runs the program until it exits: first without injected delays, then with them.
fn run_until_overlap(
    output: &Output,
    options: &Args,
    show: Show,
) -> io::Result<(Finished, Option<&'static str>)> {
    if options.patience == 0 {
        output.aside("Running with injected delays.");
    } else {
        if let Some(finished) = run_without_delays(output, options, show)? {
            return Ok((finished, None));
        }
        let why = match thread::available_parallelism() {
            Ok(processors) if processors.get() == 1 => {
                " (on one processor two accesses rarely overlap)"
            }
            _ => "",
        };
        output.aside(format_args!(
            "No overlap in {} s{why}. Running again, with injected delays.",
            options.patience,
        ));
    }
    for (stretch, timeout) in STRETCHES {
        if let Some(finished) = run_for(output, options, show, Some(stretch), timeout)? {
            return Ok((finished, Some(stretch)));
        }
    }
    Err(io::Error::other(
        "no overlap, although accesses were delayed for most of the time: the machine may be \
         overloaded; try again, or with more readers (--readers 8)",
    ))
}

/// Runs the program for as long as the user is patient.
fn run_without_delays(output: &Output, options: &Args, show: Show) -> io::Result<Option<Finished>> {
    output.aside(format_args!(
        "Waiting for two accesses to overlap, for up to {} s.",
        options.patience
    ));
    let patience = Duration::from_secs(options.patience);
    run_for(output, options, show, None, patience)
}

/// Runs the program with a timeout.
fn run_for(
    output: &Output,
    options: &Args,
    show: Show,
    stretch: Option<&str>,
    timeout: Duration,
) -> io::Result<Option<Finished>> {
    let mut command = Command::new(env::current_exe()?);
    command
        .arg("note-program")
        .args([options.readers(), options.writers].map(|count| count.to_string()))
        .env("UNTORN_ON_OVERLAP", "exit")
        .env("UNTORN_STRETCH", stretch.unwrap_or("0%"))
        .env_remove("RUST_BACKTRACE");
    let output = *output;
    child::run(&mut command, timeout, move |line| {
        if show == Show::All {
            output.line(line);
        }
    })
}

fn show_ends(output: &Output, ends: &Ends) {
    for line in &ends.first {
        output.line(line);
    }
    if ends.omitted() > 0 {
        output.aside(format_args!("… {} more …", grouped(ends.omitted())));
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
