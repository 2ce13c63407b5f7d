//! The errors of serde, with the key that they are about.

use std::fmt;

/// An error of a type that reads a section.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) message: String,
    /// The innermost key.
    pub(super) key: Option<String>,
    /// True if the type reads a table, and a key has another value.
    pub(super) is_table_missing: bool,
}

impl Mismatch {
    /// Adds the key, unless an inner one is known.
    pub(super) fn or_key(mut self, key: &str) -> Self {
        self.key.get_or_insert_with(|| key.into());
        self
    }

    /// Marks the error of a type that reads a table where there is a key with another value.
    pub(super) fn without_table(mut self) -> Self {
        self.is_table_missing = true;
        self
    }

    /// Returns the field that a struct lacks.
    pub(super) fn missing_field(&self) -> Option<&str> {
        let field = self.message.strip_prefix("missing field `")?;
        field.strip_suffix('`')
    }

    /// Returns the message without the value that it may quote.
    pub(super) fn message_without_value(&self) -> String {
        // The names of fields are not secret.
        let names = ["missing field ", "unknown field ", "duplicate field "];
        if names.iter().any(|name| self.message.starts_with(name)) {
            return self.message.clone();
        }
        let quotes = ["invalid type: ", "invalid value: "];
        match self.message.rsplit_once(", expected ") {
            Some((before, expected)) if quotes.iter().any(|quote| before.starts_with(quote)) => {
                format!("invalid value, which is a secret, expected {expected}")
            }
            _ => "invalid value, which is a secret".into(),
        }
    }
}

impl serde::de::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            key: None,
            is_table_missing: false,
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mismatch {}
