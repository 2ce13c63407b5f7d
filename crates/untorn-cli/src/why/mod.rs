//! `why`: explains the crash dump of a Go program whose map accesses overlapped, or a report of
//! Go's race detector.
//!
//! | file | contents |
//! |---|---|
//! | `line.rs`, `parse.rs` | from the input to dumps |
//! | `dump.rs`, `frame.rs`, `source_location.rs` | a dump and its parts |
//! | `evidence.rs`, `candidates.rs` | the likely writer of a crash dump |
//! | `causes.rs` | the usual causes, as rules |
//! | `annotate.rs`, `verdict.rs` | the lines of a dump explained, and the first sentence |
//! | `explain.rs`, `model.rs` | all of it together, as one document |
//! | `unrecognized.rs` | an input without a dump |
//! | `render.rs` | the document as text |

mod annotate;
mod candidates;
mod causes;
mod dump;
mod evidence;
mod explain;
mod frame;
mod line;
mod model;
mod parse;
mod render;
mod source_location;
#[cfg(test)]
mod tests;
mod unrecognized;
mod verdict;

use std::fs::File;
use std::io::{self, BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use serde::Serialize;

use dump::{Found, Input};
use model::Explained;

use crate::output::{Output, counted};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The file with the dump, or a log that contains it; `-`, or no file, is stdin.
    dump: Option<PathBuf>,
}

/// Why the command failed.
pub(crate) enum Error {
    /// The file that was given cannot be read.
    Unreadable(PathBuf, io::Error),
    /// Any other failure, for example that the input has no dump.
    Failed(io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// The JSON document.
#[derive(Serialize)]
struct Document {
    lines: u64,
    dumps: Vec<Explained>,
    /// Dumps beyond these, which are only counted.
    more: u64,
    /// Fatal messages of other kinds.
    others: Vec<OtherEnd>,
}

#[derive(Serialize)]
struct OtherEnd {
    line: u64,
    text: String,
    means: &'static str,
}

pub(crate) fn show(output: &Output, options: &Args) -> Result<(), Error> {
    let input = read(options)?;
    let dumps: Vec<_> = input
        .found
        .iter()
        .map(|found| match found {
            Found::Crash(crash) => explain::crash(crash),
            Found::Race(race) => explain::race(race),
        })
        .collect();
    for (index, (found, explained)) in input.found.iter().zip(&dumps).enumerate() {
        if index > 0 {
            output.line("");
        }
        render::show(output, found, explained);
    }
    if input.more > 0 {
        output.aside(format_args!(
            "{} not explained.",
            counted(input.more, "more dump")
        ));
    }
    if !dumps.is_empty() {
        render::general_advice(output);
    }
    let error = dumps.is_empty().then(|| unrecognized::error(&input));
    let others = input.others.iter().map(|found| OtherEnd {
        line: found.line,
        text: found.text.clone(),
        means: unrecognized::meaning(found),
    });
    output.document(&Document {
        lines: input.lines,
        dumps,
        more: input.more,
        others: others.collect(),
    })?;
    match error {
        Some(error) => Err(io::Error::other(error).into()),
        None => Ok(()),
    }
}

/// Reads the dumps of the file, or of stdin.
fn read(options: &Args) -> Result<Input, Error> {
    let unreadable = |path: &Path, error| Error::Unreadable(path.to_owned(), error);
    let path = options.dump.as_deref();
    match path.filter(|path| *path != Path::new("-")) {
        Some(path) => File::open(path)
            .and_then(|file| parse::read(BufReader::new(file)))
            .map_err(|error| unreadable(path, error)),
        None => {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                anstream::eprintln!("untorn: paste the dump, then press Ctrl-D");
            }
            parse::read(stdin.lock()).map_err(|error| match path {
                Some(path) => unreadable(path, error),
                None => Error::Failed(error),
            })
        }
    }
}
