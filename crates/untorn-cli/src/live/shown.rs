//! Values as they are printed, and secrets, which are not.

use std::fmt::{self, Display};

use serde::{Serialize, Serializer};
use untorn_live::Value;

/// The text of a secret.
const HIDDEN: &str = "***";

/// A value as JSON, or `***` for a secret.
#[derive(Clone, Copy)]
pub(super) struct Shown<'v> {
    pub(super) value: &'v Value,
    pub(super) is_secret: bool,
}

impl Shown<'_> {
    /// Returns the text for a script: without quotes if it is a string.
    pub(super) fn plain(self) -> String {
        match self.value {
            Value::String(text) | Value::Text(text) if !self.is_secret => text.to_string(),
            _ => self.to_string(),
        }
    }
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_secret {
            true => f.write_str(HIDDEN),
            false => self.value.fmt(f),
        }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.is_secret {
            true => serializer.serialize_str(HIDDEN),
            false => self.value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_no_form_with_its_value() {
        let value = Value::from("hunter2");
        let shown = |is_secret| Shown {
            value: &value,
            is_secret,
        };
        assert_eq!(shown(false).plain(), "hunter2");
        assert_eq!(shown(false).to_string(), "\"hunter2\"");
        assert_eq!(shown(true).plain(), "***");
        assert_eq!(serde_json::to_string(&shown(true)).unwrap(), "\"***\"");
    }
}
