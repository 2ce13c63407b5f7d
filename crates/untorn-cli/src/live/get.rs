//! `get`: prints the value of a key, or the keys of a section.

use std::io;
use std::process::ExitCode;

use serde_json::{Map, Value as Json};
use untorn_live::Config;

pub(crate) use super::asked::Asked as Args;
use super::keys::{self, Found};
use super::load::Reading;
use super::shown::Shown;
use super::sources;
use crate::escaped::Escaped;
use crate::output::Output;

/// The name of the command.
const COMMAND: &str = "get";

/// Returns the examples and the rest of the help.
pub(crate) fn help() -> String {
    format!(
        "\
Examples:
  untorn get http.port app.toml                80
  untorn get http.port app.toml env:APP_       the value of APP_HTTP__PORT, if it is set
  untorn get http app.toml                     all keys of the section, as http.port = 80
  untorn get \"\" app.toml env:APP_ --json       the merged configuration as one document
  untorn get db app.toml --secret db.password
  untorn get db https://config.example/app.toml --bearer-file token --ca-file ca.crt

A string is printed without quotes, for scripts; --json prints JSON. A segment of a key that has a dot is quoted:
'hosts.\"a.example\".port'.

{}

Exit status: 0 there is such a key, 1 there is none, 2 wrong usage, a source that cannot be read, or an output that
cannot be written.",
        sources::help()
    )
}

pub(crate) fn show(output: &Output, options: &Args) -> io::Result<ExitCode> {
    let config = match options.load(COMMAND) {
        Ok(config) => config,
        Err(status) => return Ok(status),
    };
    match options.find(&config, COMMAND) {
        Ok(Found::Key(value)) => {
            let is_secret = options.reading.is_secret(&config, &options.key);
            let shown = Shown { value, is_secret };
            output.raw(&shown.plain());
            output.document(&shown)?;
        }
        Ok(Found::Section(keys)) => {
            for key in &keys {
                if let Some(shown) = shown(&config, &options.reading, key) {
                    output.line(Escaped(format_args!("{key} = {shown}")));
                }
            }
            output.document(&tree(&config, &options.reading, &options.key, &keys)?)?;
        }
        Err(status) => return Ok(status),
    }
    Ok(ExitCode::SUCCESS)
}

fn shown<'c>(config: &'c Config, reading: &Reading, key: &str) -> Option<Shown<'c>> {
    Some(Shown {
        value: config.get(key)?,
        is_secret: reading.is_secret(config, key),
    })
}

/// Returns the keys of a section as an object of objects.
fn tree(config: &Config, reading: &Reading, section: &str, keys: &[&str]) -> io::Result<Json> {
    let depth = match section {
        "" => 0,
        section => keys::segments(section).count(),
    };
    let mut root = Map::new();
    for key in keys {
        let Some(shown) = shown(config, reading, key) else {
            continue;
        };
        let mut names: Vec<_> = keys::segments(key)
            .map(|(name, _)| name)
            .skip(depth)
            .collect();
        let Some(last) = names.pop() else { continue };
        let table = names.into_iter().fold(&mut root, |table, name| {
            let inner = table.entry(name).or_insert_with(|| Map::new().into());
            // One layer may have an empty table, hidden or not, where another one has keys.
            if !inner.is_object() {
                *inner = Map::new().into();
            }
            inner.as_object_mut().expect("it was made one")
        });
        // The empty table comes before its keys, since they are sorted.
        table.insert(last, serde_json::to_value(shown)?);
    }
    Ok(root.into())
}
