//! Values and texts of the program: defaults below, command-line arguments above.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{Contents, Layer, Setup};
use crate::document::{Content, Format, Node, flatten};
use crate::error::{ConfigError, ErrorKind, Place};
use crate::value::Value;

/// A layer that does not change: a value of the program, such as defaults or command-line
/// arguments, or a text that is part of it.
///
/// # Examples
/// ```
/// use std::collections::BTreeMap;
///
/// use serde::Serialize;
/// use untorn_live::Store;
/// use untorn_live::layer::Fixed;
///
/// #[derive(Serialize)]
/// struct Arguments {
///     port: Option<u16>,
///     verbose: bool,
/// }
///
/// let arguments = Arguments { port: None, verbose: true };
/// let store = Store::builder()
///     .layer(Fixed::value("defaults", &BTreeMap::from([("port", 80)])))
///     .layer(Fixed::value("arguments", &arguments).without_null())
///     .start()
///     .unwrap();
/// let config = store.pin();
/// assert_eq!(config.get("port").unwrap().as_integer(), Some(80));
/// assert_eq!(config.get("verbose").unwrap().as_bool(), Some(true));
/// ```
#[derive(Clone)]
pub struct Fixed {
    name: Arc<str>,
    contents: Result<Contents, ConfigError>,
}

impl Fixed {
    /// Creates a layer of a value that serde serializes as a table: a struct or a map.
    ///
    /// A number that is not finite becomes `null`, as in JSON. An error of the serialization is
    /// returned by [`StoreBuilder::start`](crate::StoreBuilder::start).
    ///
    /// # Examples
    /// See [`Fixed`].
    pub fn value(name: &str, value: &(impl Serialize + ?Sized)) -> Self {
        let name = Arc::from(name);
        let contents = from_serialize(value, &Place::of_layer(&name));
        Self { name, contents }
    }

    /// Creates a layer of a text, whose format is that of the extension of `name`.
    ///
    /// An error of the text is returned by [`StoreBuilder::start`](crate::StoreBuilder::start).
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    /// use untorn_live::layer::Fixed;
    ///
    /// let store = Store::builder()
    ///     .layer(Fixed::text("defaults.json", r#"{"http": {"port": 80}}"#))
    ///     .start()
    ///     .unwrap();
    /// assert_eq!(store.pin().get("http.port").unwrap().as_integer(), Some(80));
    /// ```
    pub fn text(name: &str, text: &str) -> Self {
        let name = Arc::from(name);
        let place = Place::of_layer(&name);
        let contents = match Format::of(&*name) {
            Some(format) => format.parse(text, &place),
            None => Err(Format::unknown().at(place)),
        };
        Self { name, contents }
    }

    /// Leaves out keys that are `null`, such as arguments that were not given, so that they do not
    /// override earlier layers.
    ///
    /// # Examples
    /// See [`Fixed`].
    #[must_use]
    pub fn without_null(mut self) -> Self {
        if let Ok(contents) = &mut self.contents {
            contents.entries.retain(|entry| entry.value != Value::Null);
        }
        self
    }
}

/// Returns the keys of a value.
pub(crate) fn from_serialize(
    value: &(impl Serialize + ?Sized),
    place: &Place,
) -> Result<Contents, ConfigError> {
    let error = |message: String| ConfigError::new(ErrorKind::Source, message).at(place.clone());
    let value = serde_json::to_value(value)
        .map_err(|source| error(format!("cannot serialize the value: {source}")))?;
    if !value.is_object() {
        return Err(error(
            "the value is not a struct or a map, so it has no keys".into(),
        ));
    }
    flatten(node(value).map_err(error)?, place)
}

fn node(value: serde_json::Value) -> Result<Node, String> {
    let content = match value {
        serde_json::Value::Object(members) => {
            let members = members
                .into_iter()
                .map(|(name, value)| Ok((name, node(value)?)));
            Content::Table(members.collect::<Result<_, String>>()?)
        }
        value => Content::Value(from_json(value)?),
    };
    Ok(Node { line: 0, content })
}

/// Returns the value of a JSON value.
fn from_json(value: serde_json::Value) -> Result<Value, String> {
    Ok(match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::String(text) => Value::String(text.into()),
        serde_json::Value::Number(number) => {
            match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(integer), _, _) => Value::Integer(integer),
                (None, Some(integer), _) => Value::of_u64(integer),
                (None, None, Some(float)) => Value::Float(float),
                (None, None, None) => return Err("the number is beyond 64 bits".into()),
            }
        }
        serde_json::Value::Array(elements) => {
            let elements = elements.into_iter().map(from_json);
            Value::Array(elements.collect::<Result<_, _>>()?)
        }
        serde_json::Value::Object(members) => {
            let members = members.into_iter();
            let members = members.map(|(name, value)| Ok((name.into(), from_json(value)?)));
            Value::Table(members.collect::<Result<_, String>>()?)
        }
    })
}

/// Without values, which may be secrets.
impl fmt::Debug for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixed")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl From<Fixed> for Layer {
    fn from(fixed: Fixed) -> Self {
        Self {
            name: fixed.name,
            setup: Setup::Fixed(fixed.contents),
        }
    }
}
