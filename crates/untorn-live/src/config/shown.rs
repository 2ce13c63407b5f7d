//! Changes and origins of keys, as they are shown: the values of secrets as `***`.

use std::fmt;
use std::sync::Arc;

use crate::error::Place;
use crate::value::Value;

/// A change of one key, from [`Config::changes_since`](crate::Config::changes_since).
///
/// # Examples
/// See [`Config::changes_since`](crate::Config::changes_since).
#[derive(Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct KeyChange<'c> {
    /// The key.
    pub key: &'c str,
    /// The value before; `None` if the key is new.
    pub old: Option<&'c Value>,
    /// The value now; `None` if the key is gone.
    pub new: Option<&'c Value>,
    /// True if the value is, or has inside, a [secret](crate::StoreBuilder::secret): formatting
    /// shows `***`.
    pub is_secret: bool,
}

impl fmt::Display for KeyChange<'_> {
    /// Formats the change as `port: 80 → 81`, `+ port: 81` or `- port: 80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value| Shown {
            value,
            is_secret: self.is_secret,
        };
        let key = self.key;
        match (self.old, self.new) {
            (Some(old), Some(new)) => write!(f, "~ {key}: {} → {}", shown(old), shown(new)),
            (None, Some(new)) => write!(f, "+ {key}: {}", shown(new)),
            (Some(old), None) => write!(f, "- {key}: {}", shown(old)),
            (None, None) => write!(f, "  {key}"),
        }
    }
}

impl fmt::Debug for KeyChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyChange({self})")
    }
}

/// A value, or `***` for a secret.
struct Shown<'v> {
    value: &'v Value,
    is_secret: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_secret {
            true => f.write_str("***"),
            false => self.value.fmt(f),
        }
    }
}

/// The origin of a key, from [`Config::explain`](crate::Config::explain).
///
/// # Examples
/// See [`Config::explain`](crate::Config::explain).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The key.
    pub key: Arc<str>,
    /// The effective value.
    pub winner: Sourced,
    /// The values of earlier layers, in the order in which they would take effect.
    pub overridden: Vec<Sourced>,
}

/// A value with its place.
///
/// # Examples
/// See [`Config::explain`](crate::Config::explain).
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Sourced {
    /// The value.
    pub value: Value,
    /// The place of the value.
    pub place: Place,
    /// True if the value is, or has inside, a [secret](crate::StoreBuilder::secret): formatting
    /// shows `***`.
    pub is_secret: bool,
}

impl fmt::Display for Sourced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = Shown {
            value: &self.value,
            is_secret: self.is_secret,
        };
        write!(f, "{shown} from {}", self.place)
    }
}

impl fmt::Debug for Sourced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sourced({self})")
    }
}

impl fmt::Display for Explanation {
    /// Formats the winner and a line for each value that it overrides.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, self.winner)?;
        for overridden in &self.overridden {
            write!(f, "\n  overrides {overridden}")?;
        }
        Ok(())
    }
}
