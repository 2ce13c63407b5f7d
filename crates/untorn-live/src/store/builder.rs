//! The builder of a store.

use std::fmt;
#[cfg(feature = "file")]
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::engine::Rules;
use super::progress::{Callbacks, Recovery, Refusal};
use crate::cache::Cache;
use crate::config::Config;
use crate::error::ConfigError;
use crate::layer::{Fixed, Layer, Setup};
use crate::secret::Secrets;
use crate::typed::Section;

/// A builder for a [`Store`](crate::Store), from [`Store::builder`](crate::Store::builder). Later
/// layers override earlier ones.
///
/// # Examples
/// See [`Store`](crate::Store).
#[must_use = "a store builder does nothing until `start` is called"]
pub struct StoreBuilder {
    pub(super) layers: Vec<Layer>,
    pub(super) rules: Rules,
    pub(super) secrets: Secrets,
    pub(super) callbacks: Callbacks,
    pub(super) cache: Option<Cache>,
}

impl StoreBuilder {
    pub(super) fn new() -> Self {
        Self {
            layers: Vec::new(),
            rules: Rules::default(),
            secrets: Secrets::default(),
            callbacks: Callbacks::default(),
            cache: None,
        }
    }

    /// Adds a layer over the others.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    /// use untorn_live::layer::Fixed;
    ///
    /// let text = Fixed::text("app.json", r#"{"port": 80}"#);
    /// let store = Store::builder().layer(text).start().unwrap();
    /// assert!(store.pin().contains_key("port"));
    /// ```
    pub fn layer(mut self, layer: impl Into<Layer>) -> Self {
        self.layers.push(layer.into());
        self
    }

    /// Adds a [file](crate::layer::File) in TOML, JSON or YAML, which is followed.
    ///
    /// # Examples
    /// See [`Store`](crate::Store).
    #[cfg(feature = "file")]
    pub fn file(self, path: impl Into<PathBuf>) -> Self {
        self.layer(crate::layer::File::at(path))
    }

    /// Adds a [directory](crate::layer::Mount) with one file for each key, which is followed.
    ///
    /// # Examples
    /// See [`Mount`](crate::layer::Mount).
    #[cfg(feature = "mount")]
    pub fn mount(self, path: impl Into<std::path::PathBuf>) -> Self {
        self.layer(crate::layer::Mount::at(path))
    }

    /// Adds the [environment variables](crate::layer::Env) with a prefix, which ends in `_`, as they
    /// are now.
    ///
    /// # Examples
    /// See [`Store`](crate::Store).
    #[cfg(feature = "env")]
    pub fn env(self, prefix: impl Into<String>) -> Self {
        self.layer(crate::layer::Env::prefix(prefix))
    }

    /// Adds a [document](crate::layer::Http) of an HTTP server, which is fetched every 30 seconds.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    ///
    /// let builder = Store::builder().http("http://config.example/app.toml");
    /// ```
    #[cfg(feature = "http")]
    pub fn http(self, url: impl Into<String>) -> Self {
        self.layer(crate::layer::Http::at(url))
    }

    /// Adds a [value](Fixed::value) of the program: a struct or a map.
    ///
    /// # Examples
    /// ```
    /// use std::collections::BTreeMap;
    /// use untorn_live::Store;
    ///
    /// let defaults = BTreeMap::from([("port", 80)]);
    /// let store = Store::builder().value("defaults", &defaults).start().unwrap();
    /// assert!(store.pin().contains_key("port"));
    /// ```
    pub fn value(self, name: &str, value: &(impl Serialize + ?Sized)) -> Self {
        self.layer(Fixed::value(name, value))
    }

    /// Adds a [document](Fixed::text) that the program has as a string.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    ///
    /// let store = Store::builder().text("defaults.json", r#"{"port": 80}"#).start().unwrap();
    /// assert!(store.pin().contains_key("port"));
    /// ```
    pub fn text(self, name: &str, text: &str) -> Self {
        self.layer(Fixed::text(name, text))
    }

    /// Adds a layer whose contents [`Store::publish`](crate::Store::publish) sets, for tests.
    ///
    /// # Examples
    /// ```
    /// use std::collections::BTreeMap;
    /// use untorn_live::Store;
    ///
    /// let store = Store::builder()
    ///     .manual()
    ///     .check(|new, _| match new.get("port").and_then(untorn_live::Value::as_integer) {
    ///         Some(1..) => Ok(()),
    ///         _ => Err("the port must be positive"),
    ///     })
    ///     .start()
    ///     .unwrap();
    /// store.publish(&BTreeMap::from([("port", 80)])).unwrap();
    /// store.publish(&BTreeMap::from([("port", 0)])).unwrap_err();
    /// assert_eq!(store.pin().get("port").unwrap().as_integer(), Some(80));
    /// ```
    pub fn manual(self) -> Self {
        self.layer(Layer {
            name: "manual".into(),
            setup: Setup::Manual,
        })
    }

    /// Refuses configurations whose section does not deserialize into `T`, from the first one on.
    /// [`Store::typed`](crate::Store::typed) returns the value.
    ///
    /// # Examples
    /// ```
    /// use std::collections::BTreeMap;
    /// use untorn_live::Store;
    ///
    /// let builder = Store::builder().text("app.json", r#"{"limits": {"low": "x"}}"#);
    /// let error = builder.require::<BTreeMap<String, u32>>("limits").start().unwrap_err();
    /// assert!(error.to_string().starts_with("app.json:1: limits.low: invalid type"), "{error}");
    /// ```
    pub fn require<T>(mut self, section: &str) -> Self
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let mut sections = self.rules.sections.iter();
        if !sections.any(|other| other.is::<T>(section)) {
            self.rules.sections.push(Section::new::<T>(section));
        }
        self
    }

    /// Refuses configurations whose section does not deserialize into `T`, as
    /// [`require`](Self::require) does, and those that a check of the value returns an error for.
    /// [`Store::typed`](crate::Store::typed) returns the value that was checked.
    ///
    /// An error without a key gets that of the section and its place. The check runs as that of
    /// [`check`](Self::check) does, for each revision.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Limits {
    ///     low: u32,
    ///     high: u32,
    /// }
    ///
    /// let error = Store::builder()
    ///     .text("app.json", "{\n\"limits\": {\n\"low\": 10, \"high\": 9}}")
    ///     .check_section("limits", |limits: &Limits| match limits.low < limits.high {
    ///         true => Ok(()),
    ///         false => Err("low must be below high"),
    ///     })
    ///     .start()
    ///     .unwrap_err();
    /// assert_eq!(error.to_string(), "app.json:3: limits: low must be below high");
    /// ```
    pub fn check_section<T, E: Into<ConfigError>>(
        self,
        section: &str,
        check: impl Fn(&T) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let path: Arc<str> = section.into();
        let check = move |new: &Config, _: &Config| match new.section_value::<T>(&path) {
            Some(value) => check(value).map_err(|error| new.in_section(error.into(), &path)),
            None => Ok(()),
        };
        let mut builder = self.require::<T>(section);
        builder.rules.checks.push(Box::new(check));
        builder
    }

    /// Refuses configurations that a check returns an error for. It gets the new configuration and
    /// the one in force, which has no keys before the first. A check of one section gets its value
    /// by [`check_section`](Self::check_section).
    ///
    /// It runs on the thread of a source, while no other source is merged: keep it short. Readers
    /// do not wait for it. A panic refuses the configuration too. It must not write to the store.
    ///
    /// # Examples
    /// See [`manual`](Self::manual).
    pub fn check<E: Into<ConfigError>>(
        mut self,
        check: impl Fn(&Config, &Config) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        let check = move |new: &Config, old: &Config| check(new, old).map_err(Into::into);
        self.rules.checks.push(Box::new(check));
        self
    }

    /// Refuses updates that would remove more than this share of the keys of a layer, from 0 to 1.
    /// The default is 1: no limit, but an update that would remove all is refused unless
    /// [`allow_empty`](Self::allow_empty) is set.
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    ///
    /// # Examples
    /// ```
    /// use std::collections::BTreeMap;
    /// use untorn_live::Store;
    ///
    /// let store = Store::builder().manual().max_removed(0.5).start().unwrap();
    /// store.publish(&BTreeMap::from([("a", 1), ("b", 2), ("c", 3)])).unwrap();
    /// let error = store.publish(&BTreeMap::from([("a", 1)])).unwrap_err();
    /// assert!(error.to_string().contains("remove 2 of 3 keys"), "{error}");
    /// ```
    #[track_caller]
    pub fn max_removed(mut self, share: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&share),
            "the share of keys that may be removed must be from 0 to 1, and is {share}"
        );
        self.rules.guard.max_removed = share;
        self
    }

    /// Lets an update remove all keys of a layer.
    ///
    /// # Examples
    /// ```
    /// use std::collections::BTreeMap;
    /// use untorn_live::Store;
    ///
    /// let store = Store::builder().manual().allow_empty().start().unwrap();
    /// store.publish(&BTreeMap::from([("a", 1)])).unwrap();
    /// store.publish(&BTreeMap::<String, i64>::new()).unwrap();
    /// assert!(store.pin().is_empty());
    /// ```
    pub fn allow_empty(mut self) -> Self {
        self.rules.guard.is_empty_allowed = true;
        self
    }

    /// Refuses configurations with a key that no section reads. By default such keys are listed by
    /// the [status](super::Status::unknown_keys).
    ///
    /// A type with `#[serde(flatten)]`, and a map, reads all keys of its section. An array is one
    /// key: a misspelled name in a table inside it, such as `prot` below `[[servers]]`, is not
    /// found. Put `#[serde(deny_unknown_fields)]` on the type of its elements.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Http {
    ///     port: u16,
    /// }
    ///
    /// let builder = Store::builder().text("app.json", "{\"http\": {\"port\": 80,\n\"prot\": 1}}");
    /// let error = builder.require::<Http>("http").deny_unknown().start().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "app.json:2: http.prot: no section reads this key; did you mean `http.port`?"
    /// );
    /// # let _ = |http: Http| http.port;
    /// ```
    pub fn deny_unknown(mut self) -> Self {
        self.rules.are_unknown_keys_refused = true;
        self
    }

    /// Marks a key, or all keys of a section, as secret: no error, status, change or `Debug` output
    /// shows its value. [`Config::get`] returns it. A value that has the secret inside, such as a
    /// struct that a variable has as JSON, is hidden as a whole.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    ///
    /// let store = Store::builder()
    ///     .text("app.json", r#"{"db": {"password": "hunter2"}}"#)
    ///     .secret("db.password")
    ///     .start()
    ///     .unwrap();
    /// let config = store.pin();
    /// assert!(!format!("{:?}", *config).contains("hunter2"));
    /// assert!(!config.explain("db.password").unwrap().to_string().contains("hunter2"));
    /// let error = config.get_as::<u16>("db.password").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "app.json:1: db.password: invalid value, which is a secret, expected u16"
    /// );
    /// ```
    pub fn secret(mut self, section: &str) -> Self {
        self.secrets.add(section);
        self
    }

    /// Keeps the last good configuration in a file, for a start while sources are silent. This
    /// costs a thread.
    ///
    /// # Examples
    /// See [`Cache`].
    pub fn cache(mut self, cache: Cache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Sets a callback for refusals. One that repeats, since its source has not been mended, is
    /// reported once.
    ///
    /// It runs without a lock on the thread of a source, of the [cache](Cache), or of a write, which
    /// waits for it. The refusals and recoveries of a layer are reported one after another, in the
    /// order in which they came: what comes while a callback runs is reported by the same thread,
    /// and a write may return, or a source be fetched from again, before that. It must not wait for
    /// the sources: on the thread of one, [`Store::refresh`](crate::Store::refresh) returns an
    /// error. A panic is reported by the panic hook only. A later callback replaces an earlier one.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    ///
    /// let store = Store::builder()
    ///     .manual()
    ///     .on_refusal(|refusal| eprintln!("refused: {}", refusal.error))
    ///     .start()
    ///     .unwrap();
    /// assert!(store.publish_text("app.json", "{").is_err());
    /// ```
    pub fn on_refusal(mut self, callback: impl Fn(&Refusal) + Send + Sync + 'static) -> Self {
        self.callbacks.on_refusal = Some(Arc::new(callback));
        self
    }

    /// Sets a callback for recoveries: a layer whose updates were refused is taken again, or its
    /// source has again what is in force. It is called once for each layer, when the revision is
    /// published.
    ///
    /// It runs where the callback of [`on_refusal`](Self::on_refusal) does, and after it for what
    /// came before. A panic is reported in the same way. A later callback replaces an earlier one.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    ///
    /// let store = Store::builder()
    ///     .manual()
    ///     .on_recovery(|recovery| {
    ///         eprintln!("{} is good after {} refusals", recovery.layer, recovery.refusals);
    ///     })
    ///     .start()
    ///     .unwrap();
    /// assert!(store.publish_text("app.json", "{").is_err());
    /// store.publish_text("app.json", r#"{"port": 80}"#).unwrap();
    /// ```
    pub fn on_recovery(mut self, callback: impl Fn(&Recovery) + Send + Sync + 'static) -> Self {
        self.callbacks.on_recovery = Some(Arc::new(callback));
        self
    }
}

impl fmt::Debug for StoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreBuilder")
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}
