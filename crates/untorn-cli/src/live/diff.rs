//! `diff`: prints in which keys two configurations differ.

use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;
use serde::Serialize;

use super::changes::{self, KeyChange};
use super::load::{self, Limit, Reading};
use super::sources::{self, Source};
use super::{UNREADABLE, print_errors};
use crate::args;
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The old sources, later ones over earlier ones; or one old source and one new one.
    #[arg(required = true, value_parser = Source::parser())]
    sources: Vec<Source>,
    /// The new sources, after `--`.
    #[arg(last = true, value_parser = Source::parser())]
    new: Vec<Source>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    limit: Limit,
}

/// Returns the examples and the rest of the help.
pub(crate) fn help() -> String {
    format!(
        "\
Examples:
  untorn diff app.toml new.toml
      ~ http.port: 80 → 81
      + http.tls: true
  untorn diff app.toml prod.toml -- app.toml staging.toml
  untorn diff --json app.toml -- app.toml env:APP_

Only effective values are compared: comments, the order and the format of files are no difference, and neither is a
value that a later source overrides.

{}

Exit status: 0 no difference, 1 a difference, 2 wrong usage, a source that cannot be read, or an output
that cannot be written, as of diff.",
        sources::help()
    )
}

/// The differences, for scripts.
#[derive(Serialize)]
struct Document<'c> {
    changes: Vec<KeyChange<'c>>,
}

pub(crate) fn show(output: &Output, options: &Args) -> io::Result<ExitCode> {
    let (old, new) = sides(options);
    let load = |sources: &[Source]| load::load(sources, &options.reading, &options.limit);
    let (old, new) = match (load(old), load(new)) {
        (Ok(old), Ok(new)) => (old, new),
        (old, new) => {
            for errors in [old.err(), new.err()].into_iter().flatten() {
                print_errors(&errors);
            }
            return Ok(UNREADABLE.into());
        }
    };
    if !options.reading.are_secrets_used(&[&old, &new]) {
        return Ok(UNREADABLE.into());
    }
    let changes = changes::between(Some(&old), &new, &options.reading);
    for change in &changes {
        change.show(output);
    }
    let status = match changes.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    };
    output.document(&Document { changes })?;
    Ok(status)
}

/// Returns the old sources and the new ones. Exits with a usage error if it is not clear which are
/// which.
fn sides(options: &Args) -> (&[Source], &[Source]) {
    match (&*options.sources, &*options.new) {
        ([old, new], []) => (std::slice::from_ref(old), std::slice::from_ref(new)),
        (_, []) => {
            let message = "cannot tell old sources from new ones: give two sources, or put `--` \
                           between the old and the new ones";
            args::exit_misused(&["diff"], ErrorKind::WrongNumberOfValues, message)
        }
        (old, new) => (old, new),
    }
}
