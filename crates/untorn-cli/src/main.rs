//! The command `untorn`: the demo of the library, its parts, `why`, which explains Go crash dumps,
//! and the commands that read configurations.
//!
//! Exit status: 0 success, 1 failure, 2 wrong usage, a source that cannot be read, or an output
//! that cannot be written.

mod args;
mod cleanup;
mod demo;
mod escaped;
mod live;
mod options;
mod output;
mod progress;
mod redacted;
mod signals;
mod utc;
mod why;

use std::io;
use std::process::ExitCode;

use args::{Args, Command, Demo};
use output::Output;

fn main() -> ExitCode {
    let args = Args::parse_or_exit();
    let output = Output::new(args.json);
    match run(&output, args.command) {
        Ok(status) => status,
        Err(error) => {
            cleanup::wait_for_signal();
            anstream::eprintln!("untorn: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(output: &Output, command: Option<Command>) -> io::Result<ExitCode> {
    match command {
        None | Some(Command::Demo { which: None }) => demo::acts(output)?,
        Some(Command::Demo { which: Some(part) }) => match part {
            Demo::Go(options) => output.document(&demo::go::alone(output, &options)?)?,
            Demo::Map(options) => output.document(&demo::map_acts::map(output, &options)?)?,
            Demo::Batch(options) => output.document(&demo::map_acts::batch(output, &options)?)?,
            Demo::Rivals(options) => demo::competitors::show(output, &options)?,
            Demo::Live(options) => demo::live::show(output, &options)?,
            Demo::Lookup(options) => demo::lookup::show(output, &options)?,
        },
        Some(Command::Get(options)) => return live::get::show(output, &options),
        Some(Command::Explain(options)) => return live::explain::show(output, &options),
        Some(Command::Check(options)) => return live::check::show(output, &options),
        Some(Command::Watch(options)) => return live::watch::run(output, &options),
        Some(Command::Diff(options)) => return live::diff::show(output, &options),
        Some(Command::Why(options)) => match why::show(output, &options) {
            Ok(()) => {}
            Err(why::Error::Unreadable(path, error)) => args::exit_unreadable(&path, &error),
            Err(why::Error::Failed(error)) => return Err(error),
        },
        Some(Command::NoteProgram { readers, writers }) => untorn_note::note(readers, writers),
    }
    Ok(ExitCode::SUCCESS)
}
