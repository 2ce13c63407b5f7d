//! `explain`: prints where a value comes from, and what it overrides.

use std::io;
use std::process::ExitCode;

use serde::Serialize;
use untorn_live::{Explanation, Place, Sourced};

pub(crate) use super::asked::Asked as Args;
use super::keys::Found;
use super::shown::Shown;
use super::sources;
use crate::escaped::Escaped;
use crate::output::Output;

/// The name of the command.
const COMMAND: &str = "explain";

/// Returns the examples and the rest of the help.
pub(crate) fn help() -> String {
    format!(
        "\
Examples:
  untorn explain http.port app.toml env:APP_
      http.port = \"8080\" from APP_HTTP__PORT
        overrides 80 from app.toml:2
  untorn explain http app.toml local.toml      each key of the section

{}

Exit status: 0 there is such a key, 1 there is none, 2 wrong usage, a source that cannot be read, or an output that
cannot be written.",
        sources::help()
    )
}

/// The explanations, for scripts.
#[derive(Serialize)]
struct Document<'e> {
    keys: Vec<Key<'e>>,
}

#[derive(Serialize)]
struct Key<'e> {
    key: &'e str,
    is_secret: bool,
    #[serde(flatten)]
    winner: Origin<'e>,
    overridden: Vec<Origin<'e>>,
}

#[derive(Serialize)]
struct Origin<'e> {
    value: Shown<'e>,
    place: &'e Place,
}

impl<'e> Origin<'e> {
    fn of(sourced: &'e Sourced) -> Self {
        Self {
            value: Shown {
                value: &sourced.value,
                is_secret: sourced.is_secret,
            },
            place: &sourced.place,
        }
    }
}

impl<'e> Key<'e> {
    fn of(explanation: &'e Explanation) -> Self {
        Self {
            key: &explanation.key,
            is_secret: explanation.winner.is_secret,
            winner: Origin::of(&explanation.winner),
            overridden: explanation.overridden.iter().map(Origin::of).collect(),
        }
    }
}

pub(crate) fn show(output: &Output, options: &Args) -> io::Result<ExitCode> {
    let config = match options.load(COMMAND) {
        Ok(config) => config,
        Err(status) => return Ok(status),
    };
    let keys = match options.find(&config, COMMAND) {
        Ok(Found::Key(_)) => vec![&*options.key],
        Ok(Found::Section(keys)) => keys,
        Err(status) => return Ok(status),
    };
    let explanations: Vec<_> = keys.iter().filter_map(|key| config.explain(key)).collect();
    for explanation in &explanations {
        let (key, winner) = (&explanation.key, &explanation.winner);
        output.line(Escaped(format_args!("{key} = {winner}")));
        for overridden in &explanation.overridden {
            output.aside(Escaped(format_args!("  overrides {overridden}")));
        }
    }
    output.document(&Document {
        keys: explanations.iter().map(Key::of).collect(),
    })?;
    Ok(ExitCode::SUCCESS)
}
