//! The arguments of `get` and `explain`: a key, and the sources to read it from.

use std::path::Path;
use std::process::ExitCode;

use untorn_live::{Config, Format, Snapshot};

use super::keys::{self, Found};
use super::load::{self, Limit, Reading};
use super::sources::{self, Source};
use super::{UNREADABLE, print_errors};
use crate::escaped::Escaped;
use crate::redacted::redacted;

#[derive(clap::Args)]
pub(crate) struct Asked {
    /// A dotted path: a key, or a section, which stands for all its keys; "" has all keys.
    pub(super) key: String,
    /// Files, directories, URLs, prefixes of environment variables; later ones over earlier ones.
    #[arg(required = true, value_parser = Source::parser())]
    sources: Vec<Source>,
    #[command(flatten)]
    pub(super) reading: Reading,
    #[command(flatten)]
    limit: Limit,
}

impl Asked {
    /// Reads the sources. Prints what is wrong, and returns the exit status then.
    pub(super) fn load(&self, command: &str) -> Result<Snapshot<Config>, ExitCode> {
        match load::load(&self.sources, &self.reading, &self.limit) {
            Ok(config) => match self.reading.are_secrets_used(&[&config]) {
                true => Ok(config),
                false => Err(UNREADABLE.into()),
            },
            Err(errors) => {
                match self.swapped(command) {
                    Some(message) => anstream::eprintln!("untorn: {}", Escaped(message)),
                    None => print_errors(&errors),
                }
                Err(UNREADABLE.into())
            }
        }
    }

    /// Finds the key. Prints that there is none, and returns the exit status then.
    pub(super) fn find<'c>(
        &self,
        config: &'c Config,
        command: &str,
    ) -> Result<Found<'c>, ExitCode> {
        keys::find(config, &self.key).map_err(|message| {
            let message = self.swapped(command).unwrap_or(message);
            anstream::eprintln!("untorn: {}", Escaped(message));
            ExitCode::FAILURE
        })
    }

    /// Returns the message for a source in the place of the key, with the command that is meant.
    fn swapped(&self, command: &str) -> Option<String> {
        if !is_source(&self.key) {
            return None;
        }
        let names = || self.sources.iter().map(|source| &*source.name);
        let key = names().find(|name| !is_source(name));
        let shown = redacted(&self.key);
        let sources = [&*shown].into_iter().chain(names());
        let sources: Vec<_> = sources.filter(|name| Some(*name) != key).collect();
        Some(format!(
            "`{}` is a source, and the key comes first: untorn {command} {} {}",
            shown,
            key.unwrap_or("\"\""),
            sources.join(" "),
        ))
    }
}

/// Returns whether an argument is a source rather than a key.
pub(super) fn is_source(argument: &str) -> bool {
    !argument.is_empty()
        && (sources::has_scheme(argument)
            || Format::of(argument).is_some()
            || Path::new(argument).exists())
}
