//! Errors of types, with a place, a suggestion and the next step.

use std::collections::BTreeSet;

use super::mismatch::Mismatch;
use crate::config::Config;
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key;
use crate::suggestion::similar;

/// The largest number of keys that an error is compared with, so that a missing key costs little.
const MOST_COMPARED: usize = 10_000;

/// Returns the error for a key that no layer has: it may be a section, or misspelled.
pub(super) fn missing_key(config: &Config, key: &str) -> ConfigError {
    let keys: Vec<&str> = match config.len() {
        0..=MOST_COMPARED => config.keys().collect(),
        _ => Vec::new(),
    };
    let inner = keys.iter().filter(|inner| key::is_in(inner, key)).min();
    let error = match (inner, similar(key, keys.iter().copied())) {
        (Some(inner), _) => {
            let help = format!(
                "call `Config::section` or `Store::typed`, or read one of its keys, such as \
                 `{inner}`"
            );
            ConfigError::new(ErrorKind::Type, "this is a section, not a key").with_help(help)
        }
        (None, Some(similar)) => {
            let message = format!("no layer has this key; did you mean `{similar}`?");
            ConfigError::new(ErrorKind::Type, message)
        }
        (None, None) => ConfigError::new(ErrorKind::Type, "no layer has this key"),
    };
    with_key(error, key)
}

/// Adds the place of its key to an error of a type that has read a key.
pub(super) fn of_key(error: Mismatch, config: &Config, key: &str) -> ConfigError {
    let key = error.key.clone().unwrap_or_else(|| key.into());
    described(error, config, &key, "")
}

/// Adds its place to an error of a type that has read the keys of a section: that of the key, or of
/// the innermost section that has none of the type.
pub(super) fn of_section(
    error: Mismatch,
    config: &Config,
    section: &str,
    keys: &BTreeSet<&str>,
    known: &BTreeSet<String>,
) -> ConfigError {
    let key = error.key.clone().unwrap_or_else(|| section.into());
    let is_one_key = error.is_table_missing && key == section;
    let missing = error
        .missing_field()
        .filter(|_| keys.len() <= MOST_COMPARED);
    let misspelled = missing.and_then(|field| {
        let field = key::joined(&key, field);
        let beside = |other: &&&str| key::ancestors(other).next().unwrap_or_default() == key;
        let unknown = keys.iter().filter(|key| !known.contains(**key));
        similar(&field, unknown.filter(beside).copied())
    });
    let more = match misspelled {
        _ if keys.is_empty() => missing_section(config, section),
        Some(misspelled) => format!(", perhaps misspelled as `{misspelled}`"),
        None => String::new(),
    };
    let described = described(error, config, &key, &more);
    let described = described
        .or_place(|| config.place(misspelled?))
        .or_place(|| place_of_section(config, &key, keys));
    match is_one_key {
        true => described.with_help(format!(
            "`{section}` is a key: call `Config::get_as`, or name the section that has it"
        )),
        false => described,
    }
}

/// Returns the end of the message for a section without keys.
fn missing_section(config: &Config, section: &str) -> String {
    if section.is_empty() {
        return String::new();
    }
    let message = "; no layer has this section";
    if config.len() > MOST_COMPARED {
        return message.into();
    }
    let names = config
        .keys()
        .flat_map(|key| key::ancestors(key).chain([key]));
    match similar(section, names) {
        Some(similar) => format!("{message}; did you mean `{similar}`?"),
        None => message.into(),
    }
}

/// Returns the place of a section: its first line in the last layer that has lines. Layers without
/// lines have no place where a key is added.
pub(super) fn place_of_section(
    config: &Config,
    section: &str,
    keys: &BTreeSet<&str>,
) -> Option<Place> {
    let keys = keys.iter().filter(|key| key::is_in(key, section));
    let items = keys
        .filter_map(|key| config.view.get(*key))
        .flat_map(|slot| slot.items());
    let first = items.max_by_key(|item| {
        let line = config.shared.place(item.origin).line;
        let before = line.map(|line| u32::MAX - line);
        (line.is_some(), item.origin.layer(), before)
    })?;
    let place = config.shared.place(first.origin);
    Some(match place.line {
        Some(_) => place,
        None => Place::of_layer(&place.layer),
    })
}

/// Adds the place of its key to an error. The value of a secret is left out, also if the error has
/// no key, or that of a section, since the type has read the value before it failed.
fn described(error: Mismatch, config: &Config, key: &str, more: &str) -> ConfigError {
    let secrets = &config.shared.secrets;
    let is_secret = match config.view.contains_key(key) {
        true => secrets.has(key),
        false => secrets.has_all_of(key),
    };
    let message = match is_secret {
        true => error.message_without_value(),
        false => error.message,
    };
    let error = with_key(ConfigError::new(ErrorKind::Type, message + more), key);
    config.redacted(error.or_place(|| config.place(key)))
}

/// Adds a key, unless it is the root.
fn with_key(error: ConfigError, key: &str) -> ConfigError {
    match key {
        "" => error,
        key => error.at_key(key),
    }
}
