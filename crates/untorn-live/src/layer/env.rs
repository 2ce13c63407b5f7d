//! Environment variables.

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use super::{Contents, Entry, Layer, Setup};
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key;
use crate::value::Value;

/// The separator of segments in the name of a variable.
const SEPARATOR: &str = "__";

/// A layer of the environment variables with a prefix, as they are at the start of the store: the
/// environment of a process cannot change from outside. It stays over files when they are reloaded.
///
/// `APP_HTTP__PORT` with the prefix `APP_` is the key `http.port`: the prefix is removed, `__`
/// becomes a dot, and letters become lowercase. A key with capitals or dashes, or a variable
/// without the prefix, is named by [`variable`](Self::variable). A prefix that does not end in `_` is
/// an error, since `APP` would take `APPLE` too; the empty prefix takes all variables. Then two
/// that are one key, such as `HTTP_PROXY` and `http_proxy`, are an error, so give your program a
/// prefix.
///
/// A variable that is no key of the program, such as `APP_HTTP__PROT`, is listed by
/// [`Status::unknown_keys`](crate::Status::unknown_keys), and refused at the start with
/// [`deny_unknown`](crate::StoreBuilder::deny_unknown).
///
/// Values are [texts](Value::Text), which are parsed by the type that reads them: numbers; `true`,
/// `1`, `yes`, `on` and their opposites; for a list JSON such as `["a", "b"]`, or `a, b`; for a map
/// or a struct JSON.
///
/// # Examples
/// ```
/// use untorn_live::Store;
/// use untorn_live::layer::Env;
///
/// let variables = [("APP_HTTP__PORT", "8080"), ("HOME", "/root")];
/// let store = Store::builder().layer(Env::prefix("APP_").from_pairs(variables)).start().unwrap();
/// let config = store.pin();
/// assert_eq!(config.get("http.port").unwrap().as_integer(), Some(8080));
/// assert_eq!(config.len(), 1);
/// ```
#[derive(Clone)]
pub struct Env {
    prefix: String,
    /// The keys of variables with names of their own.
    named: Vec<(String, String)>,
    pairs: Option<Vec<(OsString, OsString)>>,
}

impl Env {
    /// Creates a layer of the variables whose names begin with `prefix`, which ends in `_`.
    ///
    /// # Examples
    /// See [`Env`].
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            named: Vec::new(),
            pairs: None,
        }
    }

    /// Adds a variable by its whole name, with or without the prefix, as this key. The rules of the
    /// prefix do not apply to it. One variable for two keys is an error.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    /// use untorn_live::layer::Env;
    ///
    /// let env = Env::prefix("APP_")
    ///     .variable("APP_MAX_CONN", "http.max-conn")
    ///     .variable("DATABASE_URL", "db.url");
    /// # let env = env.from_pairs([("APP_MAX_CONN", "9"), ("DATABASE_URL", "postgres://db1")]);
    /// let store = Store::builder().layer(env).start().unwrap();
    /// let config = store.pin();
    /// assert_eq!(config.get_as("http.max-conn"), Ok(9));
    /// assert_eq!(config.get("db.url").unwrap().as_str(), Some("postgres://db1"));
    /// assert_eq!(config.len(), 2);
    /// ```
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, key: impl Into<String>) -> Self {
        self.named.push((name.into(), key.into()));
        self
    }

    /// Takes the variables from `pairs`, for a test, in place of the environment.
    ///
    /// # Examples
    /// See [`Env`].
    #[must_use]
    pub fn from_pairs<N, V>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        let pairs = pairs.into_iter();
        self.pairs = Some(
            pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        );
        self
    }

    /// Reads the variables.
    fn read(&self, place: &Place) -> Result<Contents, ConfigError> {
        self.check_names(place)?;
        let pairs = match &self.pairs {
            Some(pairs) => pairs.clone(),
            None => std::env::vars_os().collect(),
        };
        let mut contents = Contents::default();
        let mut names: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for (name, value) in pairs {
            let Some(name) = name.to_str() else {
                if name.as_encoded_bytes().starts_with(self.prefix.as_bytes()) {
                    let item = name.to_string_lossy();
                    let place = place.clone().with_item(Some((&*item).into()));
                    let message = "the name of the variable is not UTF-8";
                    return Err(ConfigError::new(ErrorKind::Syntax, message).at(place));
                }
                continue;
            };
            let place = || place.clone().with_item(Some(name.into()));
            let Some(key) = self.key_of(name, place)? else {
                continue;
            };
            let value = value.into_string().map_err(|_| {
                ConfigError::new(ErrorKind::Syntax, "the value is not UTF-8")
                    .at(place())
                    .at_key(&key)
            })?;
            let (key, name): (Arc<str>, Arc<str>) = (key.into(), name.into());
            let entry = Entry::new(Arc::clone(&key), Value::Text(value.into()), 0);
            contents.entries.push(entry.with_item(&name));
            names.push((key, name));
        }
        names.sort();
        for pair in names.windows(2) {
            if let [(first, one), (second, other)] = pair
                && first == second
            {
                let message =
                    format!("the variables {one} and {other} are the same key; unset one");
                let place = place.clone().with_item(Some(Arc::clone(one)));
                return Err(ConfigError::new(ErrorKind::DuplicateKey, message)
                    .at(place)
                    .at_key(first));
            }
        }
        Ok(contents)
    }

    /// Checks the prefix, and the keys of variables with names of their own.
    fn check_names(&self, place: &Place) -> Result<(), ConfigError> {
        if !self.prefix.is_empty() && !self.prefix.ends_with('_') {
            let message = format!(
                "the prefix `{prefix}` does not end in `_`, so it would take variables of others; \
                 write `{prefix}_`",
                prefix = self.prefix
            );
            return Err(ConfigError::new(ErrorKind::Syntax, message).at(place.clone()));
        }
        for (index, (name, key)) in self.named.iter().enumerate() {
            let mut earlier = self.named[..index].iter();
            let other = earlier.find(|(other, other_key)| other == name && other_key != key);
            let message = match other {
                Some((_, other)) => {
                    format!("the variable is named for two keys, `{other}` and `{key}`; remove one")
                }
                None if key::is_canonical(key) => continue,
                None => format!(
                    "the variable is named for `{key}`, which is no key: write a dotted path, and \
                     quote a segment that has a dot"
                ),
            };
            let place = place.clone().with_item(Some(Arc::from(&**name)));
            return Err(ConfigError::new(ErrorKind::Syntax, message).at(place));
        }
        Ok(())
    }

    /// Returns the key of a variable; `None` for one that the layer does not have.
    fn key_of(&self, name: &str, place: impl Fn() -> Place) -> Result<Option<String>, ConfigError> {
        let mut named = self.named.iter();
        if let Some((_, key)) = named.find(|(variable, _)| variable == name) {
            return Ok(Some(key.clone()));
        }
        let Some(rest) = name.strip_prefix(&*self.prefix) else {
            return Ok(None);
        };
        if rest.split(SEPARATOR).any(str::is_empty) {
            let message = format!(
                "a part of the name is empty, since `{SEPARATOR}` separates parts; rename the \
                 variable"
            );
            return Err(ConfigError::new(ErrorKind::Syntax, message).at(place()));
        }
        if rest.split(SEPARATOR).count() > key::MAX_DEPTH {
            let message = format!("the name has more than {} parts", key::MAX_DEPTH);
            return Err(ConfigError::new(ErrorKind::Syntax, message).at(place()));
        }
        let mut path = String::new();
        for segment in rest.split(SEPARATOR) {
            key::push_segment(&mut path, &segment.to_lowercase());
        }
        Ok(Some(path))
    }
}

/// Without values, which may be secrets.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl From<Env> for Layer {
    fn from(env: Env) -> Self {
        let name: Arc<str> = format!("env:{}", env.prefix).into();
        let contents = env.read(&Place::of_layer(&name));
        Self {
            name,
            setup: Setup::Fixed(contents),
        }
    }
}
