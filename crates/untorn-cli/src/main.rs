//! The command `untorn`: the demo of the library, its parts, and `why`, which explains Go crash
//! dumps.
//!
//! Exit status: 0 success, 1 failure, 2 wrong usage.

mod args;
mod demo;
mod output;
mod progress;
mod why;

use std::process::ExitCode;

use args::{Args, Command, Demo};
use output::Output;

fn main() -> ExitCode {
    let args = Args::parse_or_exit();
    let output = Output::new(args.json);
    let result = match args.command {
        None | Some(Command::Demo { which: None }) => demo::acts(&output),
        Some(Command::Demo { which: Some(part) }) => match part {
            Demo::Go(options) => {
                demo::go::alone(&output, &options).and_then(|act| output.document(&act))
            }
            Demo::Map(options) => {
                demo::map_acts::map(&output, &options).and_then(|act| output.document(&act))
            }
            Demo::Batch(options) => {
                demo::map_acts::batch(&output, &options).and_then(|act| output.document(&act))
            }
            Demo::Rivals(options) => demo::competitors::show(&output, &options),
            Demo::Lookup(options) => demo::lookup::show(&output, &options),
        },
        Some(Command::Why(options)) => match why::show(&output, &options) {
            Ok(()) => Ok(()),
            Err(why::Error::Unreadable(path, error)) => args::exit_unreadable(&path, &error),
            Err(why::Error::Failed(error)) => Err(error),
        },
        Some(Command::NoteProgram { readers, writers }) => untorn_note::note(readers, writers),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("untorn: {error}");
            ExitCode::FAILURE
        }
    }
}
