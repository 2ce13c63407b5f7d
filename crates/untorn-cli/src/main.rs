//! The command `untorn`: the demo of the library and its parts one by one, and `why` for a crash of Go.
//!
//! Exit status: 0 fine, 1 something failed, 2 the command was misused.

mod args;
mod demo;
mod output;
mod progress;
mod why;

use std::process::ExitCode;

use args::{Args, Command, Demo};
use output::Output;

fn main() -> ExitCode {
    let args = Args::of_command_line();
    let output = Output::new(args.json);
    let done = match args.command {
        None | Some(Command::Demo { which: None }) => demo::acts(&output),
        Some(Command::Demo { which: Some(part) }) => match part {
            Demo::Go(options) => {
                demo::go::alone(&output, &options).and_then(|act| output.document(&act))
            }
            Demo::Map(options) => {
                demo::cure::map(&output, &options).and_then(|tally| output.document(&tally))
            }
            Demo::Batch(options) => {
                demo::cure::batch(&output, &options).and_then(|tally| output.document(&tally))
            }
            Demo::Rivals(options) => demo::rivals::show(&output, &options),
            Demo::Lookup { scene } => demo::lookup::show(&output, scene.as_deref()),
        },
        Some(Command::Why(options)) => why::show(&output, &options),
        Some(Command::NoteProgram { readers, writers }) => untorn_note::note(readers, writers),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("untorn: {error}");
            ExitCode::FAILURE
        }
    }
}
