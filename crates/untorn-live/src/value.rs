//! Values: what a key has.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The value of a key. A clone is O(1).
///
/// Tables are not values but keys of their own, so that layers can override a part of them. Only a
/// table inside an array, and an empty one, is a value.
///
/// # Examples
/// ```
/// use untorn_live::Value;
///
/// let port = Value::Integer(8080);
/// assert_eq!(port.as_integer(), Some(8080));
/// assert_eq!(Value::from("debug").to_string(), r#""debug""#);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    /// Nothing, as `null` in JSON. It overrides a value of an earlier layer.
    Null,
    /// A Boolean.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// An integer beyond [`i64::MAX`]. A smaller one is an [`Integer`](Self::Integer); if a program
    /// makes one that is not, both are equal.
    Unsigned(u64),
    /// A floating-point number.
    Float(f64),
    /// A string, and a date or time of TOML.
    String(Arc<str>),
    /// Text from a source that has no types, such as the environment. It is parsed by the type that
    /// reads it.
    Text(Arc<str>),
    /// An array. A later layer replaces it as a whole.
    Array(Arc<[Value]>),
    /// A table inside an array, or an empty table, by its keys in the order of the source.
    Table(Arc<[(Arc<str>, Value)]>),
}

impl Value {
    /// Returns the Boolean, if it is one, or a text that is `true`, `1`, `yes` or `on`, or their
    /// opposites, in any case.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Value;
    ///
    /// assert_eq!(Value::Bool(true).as_bool(), Some(true));
    /// assert_eq!(Value::Text("false".into()).as_bool(), Some(false));
    /// assert_eq!(Value::Integer(1).as_bool(), None);
    /// ```
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Text(text) => match &*text.trim().to_ascii_lowercase() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the integer, if it is one, or a text that is one. `None` for an integer beyond
    /// [`i64::MAX`], which [`as_unsigned`](Self::as_unsigned) returns.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Value;
    ///
    /// assert_eq!(Value::Integer(80).as_integer(), Some(80));
    /// assert_eq!(Value::Text("80".into()).as_integer(), Some(80));
    /// assert_eq!(Value::from("80").as_integer(), None);
    /// ```
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            Self::Unsigned(value) => i64::try_from(*value).ok(),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Returns the integer, if it is one that is not negative, or a text that is one.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Value;
    ///
    /// assert_eq!(Value::Integer(80).as_unsigned(), Some(80));
    /// assert_eq!(Value::Unsigned(u64::MAX).as_unsigned(), Some(u64::MAX));
    /// assert_eq!(Value::Integer(-1).as_unsigned(), None);
    /// ```
    #[must_use]
    pub fn as_unsigned(&self) -> Option<u64> {
        match self {
            Self::Integer(value) => u64::try_from(*value).ok(),
            Self::Unsigned(value) => Some(*value),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Returns the number, if it is one, or a text that is one.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Value;
    ///
    /// assert_eq!(Value::Float(0.5).as_float(), Some(0.5));
    /// assert_eq!(Value::Integer(2).as_float(), Some(2.0));
    /// ```
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Integer(value) => Some(*value as f64),
            Self::Unsigned(value) => Some(*value as f64),
            Self::Text(text) => parse_float(text),
            _ => None,
        }
    }

    /// Returns the string or the text, if it is one.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Value;
    ///
    /// assert_eq!(Value::from("debug").as_str(), Some("debug"));
    /// assert_eq!(Value::Text("80".into()).as_str(), Some("80"));
    /// assert_eq!(Value::Integer(80).as_str(), None);
    /// ```
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the elements, if it is an array.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Value;
    ///
    /// let ports = Value::Array([80.into(), 443.into()].into());
    /// assert_eq!(ports.as_array().map(<[Value]>::len), Some(2));
    /// ```
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// Returns the value of an integer that is not negative.
    pub(crate) fn of_u64(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Unsigned(value), Self::Integer)
    }

    /// Returns a noun for errors.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a Boolean",
            Self::Integer(_) | Self::Unsigned(_) => "an integer",
            Self::Float(_) => "a float",
            Self::String(_) => "a string",
            Self::Text(_) => "a text",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

/// As the values of a configuration: NaN equals NaN, since it is no change.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Integer(one), Self::Integer(other)) => one == other,
            (Self::Unsigned(one), Self::Unsigned(other)) => one == other,
            (Self::Integer(one), Self::Unsigned(other))
            | (Self::Unsigned(other), Self::Integer(one)) => u64::try_from(*one) == Ok(*other),
            (Self::Float(one), Self::Float(other)) => {
                one == other || one.is_nan() && other.is_nan()
            }
            (Self::String(one), Self::String(other)) | (Self::Text(one), Self::Text(other)) => {
                one == other
            }
            (Self::Array(one), Self::Array(other)) => one == other,
            (Self::Table(one), Self::Table(other)) => one == other,
            _ => false,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// Parses a float. One that is out of range is none, not an infinity.
pub(crate) fn parse_float<F: FromStr + Into<f64> + Copy>(text: &str) -> Option<F> {
    let text = text.trim();
    let value: F = text.parse().ok()?;
    let is_named = || text.to_ascii_lowercase().contains("inf");
    (!value.into().is_infinite() || is_named()).then_some(value)
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value.into())
    }
}

impl fmt::Display for Value {
    /// Formats the value as JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(value) if !value.is_finite() => write!(f, "{value}"),
            value => {
                let text = serde_json::to_string(value).map_err(|_| fmt::Error)?;
                f.write_str(&text)
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::String(text) | Self::Text(text) => serializer.serialize_str(text),
            Self::Array(elements) => serializer.collect_seq(&**elements),
            Self::Table(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in &**entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
