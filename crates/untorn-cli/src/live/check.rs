//! `check`: reads all sources, and reports the first error of each.

use std::collections::BTreeSet;
use std::io;
use std::process::ExitCode;

use serde::Serialize;
use untorn_live::{Config, Sourced};

use super::keys;
use super::load::{self, Limit, Reading};
use super::sources::{self, Source};
use super::{Problem, UNREADABLE};
use crate::escaped::Escaped;
use crate::output::{Output, counted};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files, directories, URLs, prefixes of environment variables; later ones over earlier ones.
    #[arg(required = true, value_parser = Source::parser())]
    sources: Vec<Source>,
    /// Accepts files and directories that have no keys.
    #[arg(long)]
    allow_empty: bool,
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
  untorn check app.toml
      app.toml:3: http.port: the key occurs twice, first at line 2; remove one
      1 of 1 source is wrong
  untorn check app.toml local.toml env:APP_    also that a key of one is not a section of another
  untorn check 'mount:config?documents' --json

All sources are tried; the first error of each is printed with file, line and key, as editors link them. A file or a
directory without keys is an error too, unless --allow-empty is set. A variable whose key no other source has is a
warning if there is a similar key.

{}

Exit status: 0 no errors, 1 a source is wrong or cannot be read, 2 wrong usage, or an output that cannot be
written.",
        sources::help()
    )
}

/// The result, for scripts.
#[derive(Serialize)]
struct Document<'e> {
    sources: usize,
    /// The number of keys, without errors.
    keys: Option<usize>,
    errors: &'e [Problem],
    warnings: &'e [Problem],
}

pub(crate) fn show(output: &Output, options: &Args) -> io::Result<ExitCode> {
    let sources = options.sources.len();
    let checked = match load::load(&options.sources, &options.reading, &options.limit) {
        Ok(config) if !options.reading.are_secrets_used(&[&config]) => {
            return Ok(UNREADABLE.into());
        }
        Ok(config) => Checked::of(&config, options),
        Err(errors) => Checked {
            errors: errors.iter().map(Problem::of).collect(),
            ..Checked::default()
        },
    };
    for error in &checked.errors {
        output.line(Escaped(error));
    }
    for warning in &checked.warnings {
        output.line(Escaped(format_args!("warning: {warning}")));
    }
    let of_sources = counted(sources as u64, "source");
    match (checked.keys, checked.errors.len()) {
        (Some(keys), _) => {
            let keys = counted(keys as u64, "key");
            output.line(format_args!("{of_sources}, {keys}: no errors"));
        }
        (None, 1) => output.line(format_args!("1 of {of_sources} is wrong")),
        (None, wrong) => output.line(format_args!("{wrong} of {of_sources} are wrong")),
    }
    output.document(&Document {
        sources,
        keys: checked.keys,
        errors: &checked.errors,
        warnings: &checked.warnings,
    })?;
    Ok(match checked.keys {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    })
}

/// The result of a check.
#[derive(Default)]
struct Checked {
    /// The number of keys, without errors.
    keys: Option<usize>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Checked {
    /// Checks sources that can be read: for those without keys, and for variables that are perhaps
    /// misspelled.
    fn of(config: &Config, options: &Args) -> Self {
        let explained: Vec<_> = config
            .keys()
            .filter_map(|key| config.explain(key))
            .collect();
        let of_keys: BTreeSet<_> = explained
            .iter()
            .flat_map(|key| [&key.winner].into_iter().chain(&key.overridden))
            .map(|sourced| &*sourced.place.layer)
            .collect();
        let empty = options.sources.iter();
        let empty = empty.filter(|source| !of_keys.contains(&*source.name));
        let errors: Vec<_> = match options.allow_empty {
            true => Vec::new(),
            false => empty.filter_map(Source::emptiness).collect(),
        };
        let is_of_variables = |sourced: &Sourced| {
            let mut sources = options.sources.iter().filter(|source| source.is_fixed());
            sources.any(|source| source.name == *sourced.place.layer)
        };
        let (of_variables, others): (Vec<_>, Vec<_>) = explained.iter().partition(|key| {
            let mut sourced = [&key.winner].into_iter().chain(&key.overridden);
            sourced.all(is_of_variables)
        });
        let mut warnings = Vec::new();
        for variable in of_variables {
            let known = others.iter().map(|other| &*other.key);
            if let Some(similar) = keys::similar(&variable.key, known) {
                let place = &variable.winner.place;
                warnings.push((place, Problem::unknown(place, &variable.key, similar)));
            }
        }
        warnings.sort_by(|(one, _), (other, _)| one.item.cmp(&other.item));
        Self {
            keys: errors.is_empty().then_some(config.len()),
            errors,
            warnings: warnings.into_iter().map(|(_, warning)| warning).collect(),
        }
    }
}
