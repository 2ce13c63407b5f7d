//! Errors of a configuration: what is wrong, and where.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use untorn::mutants::mutant;

/// A place in a source: a layer, and a line of its file.
///
/// # Examples
/// ```
/// # #[cfg(feature = "file")] {
/// use untorn_live::Store;
///
/// let error = Store::builder().text("app.toml", "port = 80\nport = 81").start().unwrap_err();
/// assert_eq!(error.place().unwrap().to_string(), "app.toml:2");
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Place {
    /// The name of the layer: the path of a file, for example.
    pub layer: Arc<str>,
    /// The line, from 1, if the source has lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The part of the layer, if it has parts with names: an environment variable, or the path of a
    /// file in a directory. A view that is held while some 2,000 files come and go may lack it, and
    /// the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<Arc<str>>,
    /// The revision of the source that set the value, if it has revisions: `mod_revision` of etcd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

impl Place {
    pub(crate) fn of_layer(layer: &Arc<str>) -> Self {
        Self {
            layer: Arc::clone(layer),
            line: None,
            item: None,
            revision: None,
        }
    }

    pub(crate) fn with_line(mut self, line: u32) -> Self {
        self.line = (line > 0).then_some(line);
        self
    }

    pub(crate) fn with_revision(mut self, revision: u64) -> Self {
        self.revision = (revision > 0).then_some(revision);
        self
    }

    pub(crate) fn with_item(mut self, item: Option<Arc<str>>) -> Self {
        self.item = item;
        self
    }
}

impl fmt::Display for Place {
    /// Formats the place as editors and terminals link it: `app.toml:12`. A revision has words:
    /// `etcd:/app/ (revision 5123)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.item.as_ref().unwrap_or(&self.layer))?;
        match (self.line, self.revision) {
            (Some(line), _) => write!(f, ":{line}"),
            (None, Some(revision)) => write!(f, " (revision {revision})"),
            (None, None) => Ok(()),
        }
    }
}

/// The kind of a [`ConfigError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The source cannot be read: a file is missing, a permission, a size limit.
    Unreadable,
    /// The server of a source cannot be reached, or answers with an error.
    Unreachable,
    /// The source was being written whenever it was read.
    Unstable,
    /// The document cannot be parsed.
    Syntax,
    /// A key occurs twice in one source.
    DuplicateKey,
    /// A key has a value in one place and keys below it in another.
    Conflict,
    /// A value does not have the type of the section that reads it, or a key is missing.
    Type,
    /// A key that no section reads.
    UnknownKey,
    /// A check refused the configuration.
    Check,
    /// The guard refused to remove so many keys.
    Guard,
    /// The cache cannot be read or written.
    Cache,
    /// Nothing has been loaded yet.
    NotReady,
    /// The code of a source, a check or a type panicked.
    Panic,
    /// A source hangs.
    Deadline,
    /// The store has ended before its first configuration. It is not reported of a source that was
    /// being read.
    Ended,
    /// Any other error of a source.
    Source,
}

/// An error of a configuration: what is wrong, in which source, at which line and key.
///
/// # Examples
/// ```
/// # #[cfg(feature = "file")] {
/// use serde::Deserialize;
/// use untorn_live::Store;
///
/// #[derive(Deserialize)]
/// struct Http {
///     port: u16,
/// }
///
/// let store = Store::builder().text("app.toml", "[http]\nport = \"eighty\"").start().unwrap();
/// let error = store.typed::<Http>("http").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "app.toml:2: http.port: invalid type: string \"eighty\", expected u16"
/// );
/// # let _ = |http: Http| http.port;
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError(Box<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    kind: ErrorKind,
    message: String,
    help: Option<Box<str>>,
    place: Option<Place>,
    key: Option<Arc<str>>,
    /// What tells apart two updates that the guard refuses with the same text.
    update: Option<u64>,
}

impl ConfigError {
    /// Creates an error, for a source or a check of your own.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::{ConfigError, ErrorKind};
    ///
    /// let error = ConfigError::new(ErrorKind::Check, "must be below high").at_key("limits.low");
    /// assert_eq!(error.to_string(), "limits.low: must be below high");
    /// ```
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            message: message.into(),
            help: None,
            place: None,
            key: None,
            update: None,
        }))
    }

    /// Adds the key that the error is about. The error of a check has the place of its value then.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(all(feature = "file", feature = "env"))] {
    /// use untorn_live::layer::Env;
    /// use untorn_live::{ConfigError, ErrorKind, Store, Value};
    ///
    /// let error = Store::builder()
    ///     .text("app.toml", "[limits]\nlow = 1\nhigh = 9")
    ///     .layer(Env::prefix("APP_").from_pairs([("APP_LIMITS__LOW", "10")]))
    ///     .check(|new, _| {
    ///         let limit = |key| new.get(key).and_then(Value::as_integer);
    ///         match limit("limits.low") < limit("limits.high") {
    ///             true => Ok(()),
    ///             false => {
    ///                 Err(ConfigError::new(ErrorKind::Check, "too high").at_key("limits.low"))
    ///             }
    ///         }
    ///     })
    ///     .start()
    ///     .unwrap_err();
    /// assert_eq!(error.to_string(), "APP_LIMITS__LOW: limits.low: too high");
    /// # }
    /// ```
    #[must_use]
    pub fn at_key(mut self, key: &str) -> Self {
        self.0.key = Some(key.into());
        self
    }

    /// Adds a place, unless the error has one.
    pub(crate) fn or_place(mut self, place: impl FnOnce() -> Option<Place>) -> Self {
        if self.0.place.is_none() {
            self.0.place = place();
        }
        self
    }

    pub(crate) fn with_message(mut self, message: String) -> Self {
        self.0.message = message;
        self
    }

    /// Adds what tells this update from others that are refused with the same text.
    pub(crate) fn with_update(mut self, update: u64) -> Self {
        self.0.update = Some(update);
        self
    }

    /// Returns whether both refuse the same update for the same reason, wherever it is.
    pub(crate) fn is_of_the_update_of(&self, other: &Self) -> bool {
        let parts = |error: &Self| (error.0.kind, error.0.update);
        (parts(self) == parts(other) || mutant("live_acceptance_is_for_a_text"))
            && self.message() == other.message()
    }

    /// Adds the next step, for developers.
    pub(crate) fn with_help(mut self, help: impl Into<Box<str>>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// Returns the kind of the error.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::{ConfigError, ErrorKind};
    ///
    /// assert_eq!(ConfigError::new(ErrorKind::Check, "no").kind(), ErrorKind::Check);
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the message, without the place, the key and the help.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::{ConfigError, ErrorKind};
    ///
    /// let error = ConfigError::new(ErrorKind::Check, "too low").at_key("limit");
    /// assert_eq!(error.message(), "too low");
    /// ```
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the call of this crate that is the next step, if there is one. `Display` appends it.
    ///
    /// A program whose users do not write code shows its own advice in place of it.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    ///
    /// let store = Store::builder().text("app.json", r#"{"http": {"port": 80}}"#).start().unwrap();
    /// let error = store.pin().get_as::<u16>("http").unwrap_err();
    /// assert_eq!(error.message(), "this is a section, not a key");
    /// assert!(error.help().unwrap().starts_with("call `Config::section` or `Store::typed`"));
    /// ```
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Returns the location to correct, if it is known.
    ///
    /// # Examples
    /// See [`Place`].
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// Returns the key that the error is about, if it is known.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::{ConfigError, ErrorKind};
    ///
    /// let error = ConfigError::new(ErrorKind::Check, "too low").at_key("limit");
    /// assert_eq!(error.key(), Some("limit"));
    /// ```
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }
}

impl fmt::Display for ConfigError {
    /// Formats the error as `place: key: message; help`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{place}: ")?;
        }
        if let Some(key) = &self.0.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.0.message)?;
        match &self.0.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// As `Display`, since `main` prints the error that it returns by `Debug`.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConfigError {}

/// For checks that return a string: an error of kind [`ErrorKind::Check`].
impl From<String> for ConfigError {
    fn from(message: String) -> Self {
        Self::new(ErrorKind::Check, message)
    }
}

/// For checks that return a string: an error of kind [`ErrorKind::Check`].
impl From<&str> for ConfigError {
    fn from(message: &str) -> Self {
        Self::new(ErrorKind::Check, message)
    }
}

impl Serialize for ConfigError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'e> {
            kind: ErrorKind,
            message: &'e str,
            #[serde(skip_serializing_if = "Option::is_none")]
            help: Option<&'e str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            place: Option<&'e Place>,
            #[serde(skip_serializing_if = "Option::is_none")]
            key: Option<&'e str>,
        }
        let document = Document {
            kind: self.0.kind,
            message: &self.0.message,
            help: self.help(),
            place: self.0.place.as_ref(),
            key: self.0.key.as_deref(),
        };
        document.serialize(serializer)
    }
}
