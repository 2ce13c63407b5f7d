//! Settings as text, parsed where they come in: what is in the map needs no `parse` and no `expect` any more.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use untorn::Map;

/// Settings of many tenants, by `tenant.setting`.
///
/// A refresh clones the neighbours of what it changes, so keys and values are cheap to clone: none allocates.
pub type Config = Map<Arc<str>, Setting>;

/// What a tenant has one of each of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `host`: where the database is.
    Host(Arc<str>),
    /// `port`: the port there.
    Port(u16),
    /// `max_connections`: how many connections it takes.
    MaxConnections(u32),
}

const NAMES: [&str; 3] = ["host", "port", "max_connections"];

/// The key of a tenant's setting.
#[must_use]
pub fn key(tenant: &str, name: &str) -> String {
    format!("{tenant}.{name}")
}

/// The settings in lines of `tenant.setting = value`; empty lines and those that begin with `#` are skipped.
///
/// # Errors
/// If any line is not understood, a setting is there twice, or a tenant does not have all of them; and if there is
/// nothing at all, as in a file that somebody is about to write.
pub fn parse(text: &str) -> Result<HashMap<Arc<str>, Setting>, String> {
    let mut settings = HashMap::new();
    let mut tenants = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (tenant, key, setting) = entry(line).map_err(|why| format!("line {number}: {why}"))?;
        tenants.insert(tenant);
        if settings.insert(key.into(), setting).is_some() {
            return Err(format!("line {number}: {key} is there twice"));
        }
    }
    if tenants.is_empty() {
        return Err("there are no settings".into());
    }
    for tenant in tenants {
        for name in NAMES {
            if !settings.contains_key(key(tenant, name).as_str()) {
                return Err(format!("{tenant} has no {name}"));
            }
        }
    }
    Ok(settings)
}

/// The tenant, the key and the setting of a line.
fn entry(line: &str) -> Result<(&str, &str, Setting), String> {
    let (key, value) = line.split_once('=').ok_or("there is no `=`")?;
    let (key, value) = (key.trim(), value.trim());
    let (tenant, name) = key.rsplit_once('.').ok_or("there is no tenant")?;
    let setting = match name {
        "host" if value.is_empty() => return Err(format!("{key} is empty")),
        "host" => Setting::Host(value.into()),
        "port" => Setting::Port(number(key, value)?),
        "max_connections" => Setting::MaxConnections(number(key, value)?),
        _ => return Err(format!("there is no setting {name}")),
    };
    Ok((tenant, key, setting))
}

fn number<N: FromStr<Err: Display>>(key: &str, value: &str) -> Result<N, String> {
    value
        .parse()
        .map_err(|error| format!("{key} is {value:?}: {error}"))
}
