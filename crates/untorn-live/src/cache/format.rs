//! The contents of the cache: the keys of each layer that is polled.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::{ConfigError, ErrorKind};
use crate::key;
use crate::layer::{Contents, Entry};
use crate::value::Value;

/// The most segments of a key: those of a document, and of the sections that its layer is in. Keys
/// are read by recursion.
const MAX_DEPTH: usize = 1_000;

/// The contents of the cache.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(any(test, untorn_fuzzing), derive(Clone, PartialEq))]
pub(super) struct Body {
    /// Seconds since 1970.
    pub(super) written: u64,
    pub(super) layers: Vec<LayerBody>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(any(test, untorn_fuzzing), derive(Clone, PartialEq))]
pub(super) struct LayerBody {
    pub(super) name: String,
    pub(super) entries: Vec<EntryBody>,
    /// The secrets whose values are not here.
    left_out: Vec<String>,
}

/// A key, its value, its line and the name of its part of the source.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(any(test, untorn_fuzzing), derive(Clone, PartialEq))]
pub(super) struct EntryBody(pub(super) String, Stored, pub(super) u32, Option<String>);

/// A value. A float is stored by its bits.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(any(test, untorn_fuzzing), derive(Clone, PartialEq))]
enum Stored {
    #[serde(rename = "n")]
    Null,
    #[serde(rename = "b")]
    Bool(bool),
    #[serde(rename = "i")]
    Integer(i64),
    #[serde(rename = "u")]
    Unsigned(u64),
    #[serde(rename = "f")]
    Float(u64),
    #[serde(rename = "s")]
    String(String),
    #[serde(rename = "t")]
    Text(String),
    #[serde(rename = "a")]
    Array(Vec<Stored>),
    #[serde(rename = "o")]
    Table(Vec<(String, Stored)>),
}

impl From<&Value> for Stored {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Unsigned(value) => Self::Unsigned(*value),
            Value::Float(value) => Self::Float(value.to_bits()),
            Value::String(text) => Self::String(text.to_string()),
            Value::Text(text) => Self::Text(text.to_string()),
            Value::Array(elements) => Self::Array(elements.iter().map(Self::from).collect()),
            Value::Table(entries) => {
                let entries = entries.iter();
                Self::Table(
                    entries
                        .map(|(key, value)| (key.to_string(), value.into()))
                        .collect(),
                )
            }
        }
    }
}

impl From<Stored> for Value {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Null => Self::Null,
            Stored::Bool(value) => Self::Bool(value),
            Stored::Integer(value) => Self::Integer(value),
            Stored::Unsigned(value) => Self::Unsigned(value),
            Stored::Float(bits) => Self::Float(f64::from_bits(bits)),
            Stored::String(text) => Self::String(text.into()),
            Stored::Text(text) => Self::Text(text.into()),
            Stored::Array(elements) => Self::Array(elements.into_iter().map(Self::from).collect()),
            Stored::Table(entries) => {
                let entries = entries.into_iter();
                Self::Table(
                    entries
                        .map(|(key, value)| (key.into(), value.into()))
                        .collect(),
                )
            }
        }
    }
}

impl Body {
    /// Returns the keys that these layers have in a revision, and the time of the oldest contents.
    pub(super) fn of(
        config: &Config,
        layers: &[usize],
        are_secrets_stored: bool,
        written: SystemTime,
    ) -> Self {
        let infos = &config.shared.layers;
        let mut bodies: Vec<LayerBody> = infos
            .iter()
            .map(|info| LayerBody {
                name: info.name.to_string(),
                entries: Vec::new(),
                left_out: Vec::new(),
            })
            .collect();
        for (key, slot) in &*config.view {
            for item in slot.items() {
                let layer = item.origin.layer();
                if !layers.contains(&layer) {
                    continue;
                }
                if !are_secrets_stored && config.shared.secrets.has(key) {
                    bodies[layer].left_out.push(key.to_string());
                    continue;
                }
                let place = config.shared.place(item.origin);
                let (line, name) = (place.line.unwrap_or(0), place.item);
                let name = name.map(|name| name.to_string());
                let entry = EntryBody(key.to_string(), Stored::from(&item.value), line, name);
                bodies[layer].entries.push(entry);
            }
        }
        let mut number = 0;
        bodies.retain(|_| {
            number += 1;
            layers.contains(&(number - 1))
        });
        let since = written.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            written: since.as_secs(),
            layers: bodies,
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, ConfigError> {
        serde_json::to_vec(self).map_err(|error| {
            ConfigError::new(ErrorKind::Cache, format!("cannot write the cache: {error}"))
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, ConfigError> {
        serde_json::from_slice(bytes).map_err(|error| {
            let message = format!("cannot use the cache: {error}; delete the file");
            ConfigError::new(ErrorKind::Cache, message)
        })
    }

    pub(super) fn written(&self) -> SystemTime {
        let since = Duration::from_secs(self.written);
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }

    /// Removes a layer, and returns the number of its keys.
    pub(super) fn take_count(&mut self, layer: &str) -> usize {
        let body = self.remove(layer);
        body.map_or(0, |body| body.entries.len() + body.left_out.len())
    }

    /// Removes a layer. Those of one name are in the order of the store.
    fn remove(&mut self, layer: &str) -> Option<LayerBody> {
        let index = self.layers.iter().position(|body| body.name == layer)?;
        Some(self.layers.remove(index))
    }

    /// Returns the keys of a layer; `None` if the cache does not have it.
    pub(super) fn take(&mut self, layer: &str) -> Result<Option<Contents>, ConfigError> {
        let Some(body) = self.remove(layer) else {
            return Ok(None);
        };
        if let Some(key) = body.left_out.first() {
            let message = "cannot use the cache: it lacks this secret, and the layer of the \
                           secret has not responded";
            return Err(ConfigError::new(ErrorKind::Cache, message).at_key(key));
        }
        let is_right = |EntryBody(key, ..): &EntryBody| key::is_canonical_within(key, MAX_DEPTH);
        if !body.entries.iter().all(is_right) {
            let message = "cannot use the cache: it has a key that no store has written; delete \
                           the file";
            return Err(ConfigError::new(ErrorKind::Cache, message));
        }
        let entries = body
            .entries
            .into_iter()
            .map(|EntryBody(key, value, line, item)| {
                let entry = Entry::new(key, value.into(), line);
                match item {
                    Some(item) => entry.with_item(&item.into()),
                    None => entry,
                }
            });
        Ok(Some(Contents {
            entries: entries.collect(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksum of a cache protects from damage, not from those who write it.
    #[test]
    fn key_without_end_is_refused() {
        let key = "a.".repeat(100_000) + "a";
        let entry = serde_json::json!([key, { "i": 1 }, 0, null]);
        let layer = serde_json::json!({ "name": "one", "entries": [entry], "left_out": [] });
        let body = serde_json::json!({ "written": 0, "layers": [layer] });
        let mut body: Body = serde_json::from_value(body).expect("a cache");
        let error = body.take("one").expect_err("no key");
        assert!(error.message().contains("a key that no store"), "{error}");
    }

    #[test]
    fn values_survive_the_cache() {
        let values = [
            Value::Null,
            Value::Bool(true),
            Value::Integer(i64::MIN),
            Value::Unsigned(u64::MAX),
            Value::Float(-0.0),
            Value::Float(f64::INFINITY),
            Value::String("\u{0}\u{1f600}\n".into()),
            Value::Text("80".into()),
            Value::Array([Value::Table([("k".into(), Value::Null)].into())].into()),
        ];
        for value in values {
            let json = serde_json::to_string(&Stored::from(&value)).unwrap();
            let read: Stored = serde_json::from_str(&json).unwrap();
            assert_eq!(Value::from(read), value);
        }
    }
}
