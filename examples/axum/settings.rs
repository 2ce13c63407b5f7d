//! Parses settings as they are loaded, so that values in the map are typed and reads need no
//! `parse`.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use untorn::Map;

/// Settings of many tenants, by `tenant.setting`.
///
/// A refresh clones the neighbors of the entries that it changes. Keys and values are cheap to
/// clone: no clone allocates.
pub type Config = Map<Arc<str>, Setting>;

/// A setting of a tenant, which has one of each kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `host`: the host of the database.
    Host(Arc<str>),
    /// `port`: the port of the database.
    Port(u16),
    /// `max_connections`: the maximum number of connections.
    MaxConnections(u32),
}

const NAMES: [&str; 3] = ["host", "port", "max_connections"];

/// Returns the key of a tenant's setting.
#[must_use]
pub fn key(tenant: &str, name: &str) -> String {
    format!("{tenant}.{name}")
}

/// Parses lines of the form `tenant.setting = value`; skips empty lines and those that begin with
/// `#`.
///
/// # Errors
///
/// Returns an error if a line is malformed, a setting occurs twice, or a tenant lacks a setting;
/// and if there are no settings at all, as in a file that is about to be written.
pub fn parse(text: &str) -> Result<HashMap<Arc<str>, Setting>, String> {
    let mut settings = HashMap::new();
    let mut tenants = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (tenant, key, setting) =
            entry(line).map_err(|error| format!("line {number}: {error}"))?;
        tenants.insert(tenant);
        if settings.insert(key.into(), setting).is_some() {
            return Err(format!("line {number}: duplicate setting {key}"));
        }
    }
    if tenants.is_empty() {
        return Err("no settings".into());
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

/// Parses the tenant, the key and the setting of a line.
fn entry(line: &str) -> Result<(&str, &str, Setting), String> {
    let (key, value) = line.split_once('=').ok_or("missing `=`")?;
    let (key, value) = (key.trim(), value.trim());
    let (tenant, name) = key.rsplit_once('.').ok_or("missing tenant")?;
    let setting = match name {
        "host" if value.is_empty() => return Err(format!("{key} is empty")),
        "host" => Setting::Host(value.into()),
        "port" => Setting::Port(number(key, value)?),
        "max_connections" => Setting::MaxConnections(number(key, value)?),
        _ => return Err(format!("unknown setting {name}")),
    };
    Ok((tenant, key, setting))
}

fn number<N: FromStr<Err: Display>>(key: &str, value: &str) -> Result<N, String> {
    value
        .parse()
        .map_err(|error| format!("{key} is {value:?}: {error}"))
}
