//! One revision of a configuration.
//!
//! | file | contents |
//! |---|---|
//! | `slot.rs` | what the layers have for a key, and where they have it |
//! | `shown.rs` | changes and origins of keys, as they are shown |

mod shown;
mod slot;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use untorn::map::View;
use untorn::mutants::mutant;
use untorn::{Change, Revision, Snapshot};

pub use self::shown::{Explanation, KeyChange, Sourced};
pub(crate) use self::slot::{Item, LayerInfo, Origin, Shared, Slot};
use crate::error::{ConfigError, Place};
use crate::key;
use crate::typed::{self, Section};
use crate::value::Value;

/// One revision of a configuration: the keys of all layers, the later over the earlier, with the
/// typed values and the origins of exactly these keys.
///
/// It does not change. [`Store::pin`](crate::Store::pin), [`Store::snapshot`](crate::Store::snapshot)
/// and subscriptions lead to it.
///
/// # Examples
/// ```
/// # #[cfg(feature = "file")] {
/// use untorn_live::Store;
///
/// let store = Store::builder().text("app.toml", "[http]\nport = 80").start().unwrap();
/// let config = store.pin();
/// assert_eq!(config.get("http.port").unwrap().as_integer(), Some(80));
/// assert_eq!(config.revision().get(), 1);
/// # }
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) view: Snapshot<View<Arc<str>, Slot>>,
    /// The sections, by their numbers.
    pub(crate) sections: Arc<[Section]>,
    pub(crate) revision: Revision,
    pub(crate) shared: Arc<Shared>,
}

impl Config {
    /// Returns the value of a key; `None` if no layer has it. O(1).
    ///
    /// A key is a dotted path. A segment that has a dot is quoted: `hosts."a.example".port`. A
    /// section, such as `hosts`, has no value: [`section`](Self::section) reads its keys.
    ///
    /// # Examples
    /// See [`Config`].
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.view.get(key).map(|slot| &slot.winner().value)
    }

    /// Returns the value of a key as a `T`.
    ///
    /// # Errors
    /// If no layer has the key, or its value does not deserialize into `T`. The error has the place
    /// of the value. That of a missing key says so if it is a section, and suggests a similar key;
    /// for this it scans the keys of a configuration that has at most 10,000. Where a key may be
    /// missing, call [`get`](Self::get) first.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// use std::net::SocketAddr;
    /// use untorn_live::Store;
    ///
    /// let text = r#"listen = "127.0.0.1:80""#;
    /// let store = Store::builder().text("app.toml", text).start().unwrap();
    /// let listen: SocketAddr = store.pin().get_as("listen").unwrap();
    /// assert_eq!(listen.port(), 80);
    /// assert!(store.pin().get_as::<u16>("listen").is_err());
    /// # }
    /// ```
    pub fn get_as<T: DeserializeOwned>(&self, key: &str) -> Result<T, ConfigError> {
        typed::of_key(self, key)
    }

    /// Returns the keys below a section as a `T`. The empty section has all keys. Scans all keys of
    /// the configuration: for a value that is read often, use [`Store::typed`](crate::Store::typed).
    ///
    /// # Errors
    /// If a key is missing or has another type. The error has the place of the value, or of the
    /// section that lacks it.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// use std::collections::BTreeMap;
    /// use untorn_live::Store;
    ///
    /// let text = "[limits]\nlow = 1\nhigh = 9";
    /// let store = Store::builder().text("app.toml", text).start().unwrap();
    /// let limits: BTreeMap<String, u32> = store.pin().section("limits").unwrap();
    /// assert_eq!(limits["high"], 9);
    /// # }
    /// ```
    pub fn section<T: DeserializeOwned>(&self, section: &str) -> Result<T, ConfigError> {
        let keys: BTreeSet<&str> = self.keys().filter(|key| key::is_in(key, section)).collect();
        typed::of_section(self, section, &keys).map(|(value, _)| value)
    }

    /// Returns whether a layer has a key. O(1).
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// let store = untorn_live::Store::builder().text("app.toml", "port = 80").start().unwrap();
    /// assert!(store.pin().contains_key("port"));
    /// # }
    /// ```
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.view.contains_key(key)
    }

    /// Returns the number of keys. O(1).
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// let store = untorn_live::Store::builder().text("app.toml", "port = 80").start().unwrap();
    /// assert_eq!(store.pin().len(), 1);
    /// # }
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// Returns whether there are no keys, as before the first revision. O(1).
    ///
    /// # Examples
    /// ```
    /// assert!(untorn_live::Store::manual().pin().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.view.is_empty()
    }

    /// Returns the revision: 0 before the first contents, then one more with each change.
    ///
    /// # Examples
    /// See [`Config`].
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Iterates over the keys, in no particular order.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// let store = untorn_live::Store::builder().text("app.toml", "port = 80").start().unwrap();
    /// assert_eq!(store.pin().keys().collect::<Vec<_>>(), ["port"]);
    /// # }
    /// ```
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.view.keys().map(|key| &**key)
    }

    /// Iterates over the keys and their values, in no particular order.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// let store = untorn_live::Store::builder().text("app.toml", "port = 80").start().unwrap();
    /// let config = store.pin();
    /// assert!(config.iter().all(|(key, value)| key == "port" && value.as_integer() == Some(80)));
    /// # }
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.view
            .iter()
            .map(|(key, slot)| (&**key, &slot.winner().value))
    }

    /// Returns the changes from an older revision of the same store to this one. The cost is that
    /// of the changes. A changed value that a later layer overrides is not reported, nor is a value
    /// that only moved to another line.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// use untorn_live::Store;
    ///
    /// let store = Store::manual();
    /// store.publish_text("app.toml", "port = 80").unwrap();
    /// let old = store.snapshot();
    /// store.publish_text("app.toml", "port = 81").unwrap();
    /// let new = store.pin();
    /// let changes: Vec<_> = new.changes_since(&old).collect();
    /// assert_eq!(changes[0].key, "port");
    /// assert_eq!(changes[0].new.unwrap().as_integer(), Some(81));
    /// # }
    /// ```
    pub fn changes_since<'c>(&'c self, older: &'c Self) -> impl Iterator<Item = KeyChange<'c>> {
        let secrets = &self.shared.secrets;
        self.view
            .changes_since(&older.view)
            .filter_map(move |change| {
                let (old, new) = match change {
                    Change::Added { new, .. } => (None, Some(new)),
                    Change::Changed { old, new, .. } => (Some(old), Some(new)),
                    Change::Removed { old, .. } => (Some(old), None),
                };
                let [old, new] = [old, new].map(|slot| slot.map(|slot| &slot.winner().value));
                let key: &'c str = change.key();
                let change = KeyChange {
                    key,
                    old,
                    new,
                    is_secret: secrets.has(key),
                };
                (old != new || mutant("live_masked_change_is_reported")).then_some(change)
            })
    }

    /// Returns where the value of a key comes from, and the values of earlier layers that it
    /// overrides. `None` if no layer has the key, as for a section: explain its keys.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(all(feature = "file", feature = "env"))] {
    /// use untorn_live::Store;
    /// use untorn_live::layer::Env;
    ///
    /// let store = Store::builder()
    ///     .text("app.toml", "[http]\nport = 80")
    ///     .layer(Env::prefix("APP_").from_pairs([("APP_HTTP__PORT", "8080")]))
    ///     .start()
    ///     .unwrap();
    /// let explanation = store.pin().explain("http.port").unwrap();
    /// assert_eq!(
    ///     explanation.to_string(),
    ///     "http.port = \"8080\" from APP_HTTP__PORT\n  \
    ///      overrides 80 from app.toml:2"
    /// );
    /// # }
    /// ```
    #[must_use]
    pub fn explain(&self, key: &str) -> Option<Explanation> {
        let slot = self.view.get(key)?;
        let is_secret = self.shared.secrets.has(key);
        let origin = |item: &Item| Sourced {
            value: item.value.clone(),
            place: self.shared.place(item.origin),
            is_secret,
        };
        let mut masked: Vec<Sourced> = slot.items().iter().map(origin).collect();
        let winner = masked.pop()?;
        masked.reverse();
        Some(Explanation {
            key: key.into(),
            winner,
            overridden: masked,
        })
    }

    /// Returns the secrets that match no key; none before the first revision.
    pub(crate) fn unused_secrets(&self) -> Vec<String> {
        let secrets = &self.shared.secrets;
        if secrets.is_empty() || self.revision == Revision::default() {
            return Vec::new();
        }
        secrets.unused(&self.keys().collect::<Vec<_>>())
    }

    /// Removes the values of secrets from an error that foreign code has made.
    pub(crate) fn redacted(&self, error: ConfigError) -> ConfigError {
        let secrets = &self.shared.secrets;
        if secrets.is_empty() || mutant("live_secret_is_quoted") {
            return error;
        }
        let slots = self.view.iter().filter(|(key, _)| secrets.has(key));
        let values = slots.flat_map(|(key, slot)| {
            let items = slot.items().iter();
            items.map(move |item| (&**key, &item.value))
        });
        let message = secrets.redact(error.message(), values);
        error.with_message(message)
    }

    /// Returns the place of the value of a key.
    pub(crate) fn place(&self, key: &str) -> Option<Place> {
        let slot = self.view.get(key)?;
        Some(self.shared.place(slot.winner().origin))
    }
}

impl fmt::Debug for Config {
    /// Formats the keys and their values, those of secrets as `***`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (key, value) in self.iter() {
            match self.shared.secrets.has(key) {
                true => map.entry(&key, &format_args!("***")),
                false => map.entry(&key, &format_args!("{value}")),
            };
        }
        map.finish()
    }
}
