//! `why`: explains the crash dump of a Go program, by `untorn-why`.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use untorn_why::{Emphasis, Report};

use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The file with the dump, or a log that contains it; `-`, or no file, is stdin.
    dump: Option<PathBuf>,
    /// Explains each line of the dump, and lists all evidence and all causes; ends with a hint for
    /// programs in Rust.
    #[arg(long)]
    long: bool,
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

pub(crate) fn show(output: &Output, options: &Args) -> Result<(), Error> {
    let report = read(options)?;
    let text = match options.long {
        true => report.long_text(),
        false => report.text(),
    };
    for line in text {
        match line.emphasis {
            Emphasis::Heading => output.heading(line.text),
            Emphasis::Aside => output.aside(line.text),
            _ => output.line(line.text),
        }
    }
    if !options.long && !report.dumps.is_empty() {
        output.aside("Each line and all evidence: untorn why --long");
    }
    output.document(&report)?;
    match report.no_dump() {
        Some(error) => Err(io::Error::other(error).into()),
        None => Ok(()),
    }
}

/// Reads the dumps of the file, or of stdin.
fn read(options: &Args) -> Result<Report, Error> {
    let unreadable = |path: &Path, error| Error::Unreadable(path.to_owned(), error);
    let path = options.dump.as_deref();
    match path.filter(|path| *path != Path::new("-")) {
        Some(path) => File::open(path)
            .and_then(|file| untorn_why::explain(BufReader::new(file)))
            .map_err(|error| unreadable(path, error)),
        None => {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                anstream::eprintln!("untorn: paste the dump, then press Ctrl-D");
            }
            untorn_why::explain(stdin.lock()).map_err(|error| match path {
                Some(path) => unreadable(path, error),
                None => Error::Failed(error),
            })
        }
    }
}
