//! The settings: their types, their sources, and what is refused.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use untorn_live::layer::Env;
use untorn_live::{Config, ConfigError, ErrorKind, Store, StoreBuilder, Value};

/// The prefix of the environment variables that override the file.
pub const PREFIX: &str = "POOLS_";

/// The settings of all tenants.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Settings {
    /// The pools of the tenants, by their names.
    pub tenants: HashMap<String, Pool>,
}

/// Three settings that belong together.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// The host of the database.
    pub host: String,
    /// The port of the database.
    pub port: u16,
    /// The maximum number of connections.
    pub max_connections: u32,
}

/// Returns a builder for a store that follows a file, under the environment.
///
/// It refuses settings of the wrong type, those that are missing, those that [`Settings`] does not
/// have, and hosts without a name. The settings in force stay then.
pub fn store(file: impl Into<PathBuf>, variables: Env) -> StoreBuilder {
    Store::builder()
        .file(file)
        .layer(variables)
        .require::<Settings>("")
        .deny_unknown()
        .check(hosts_have_names)
}

/// Checks the keys that have changed; the others have been checked before.
fn hosts_have_names(new: &Config, old: &Config) -> Result<(), ConfigError> {
    let is_wrong = |key: &str, value: Option<&Value>| {
        key.ends_with(".host") && value.and_then(Value::as_str) == Some("")
    };
    let mut changes = new.changes_since(old);
    match changes.find(|change| is_wrong(change.key, change.new)) {
        Some(change) => {
            Err(ConfigError::new(ErrorKind::Check, "the host has no name").at_key(change.key))
        }
        None => Ok(()),
    }
}
