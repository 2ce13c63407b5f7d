//! Passwords and tokens, which are read again for each connection, since files of secrets are
//! replaced.

use std::path::PathBuf;
use std::{env, fmt, fs};

use crate::error::{ConfigError, ErrorKind};
use crate::links;

/// The source of a password or token.
#[derive(Clone)]
pub(in crate::layer) enum Credential {
    /// A text of the program.
    Text(String),
    /// A file, by its path from the root.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

impl Credential {
    pub(in crate::layer) fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(links::absolute(path))
    }

    /// Reads the text, without the line breaks at its end.
    pub(in crate::layer) fn read(&self) -> Result<String, ConfigError> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::File(path) => fs::read_to_string(path).map_err(|error| {
                let message = format!("cannot read the secret in {}: {error}", path.display());
                ConfigError::new(ErrorKind::Unreadable, message)
            })?,
            Self::Variable(name) => env::var(name).map_err(|error| {
                let message = format!("cannot read the secret in the variable {name}: {error}");
                ConfigError::new(ErrorKind::Unreadable, message)
            })?,
        };
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            let message = format!("{self} is empty");
            return Err(ConfigError::new(ErrorKind::Unreadable, message));
        }
        Ok(text.into())
    }
}

/// Without the secret itself.
impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("the secret"),
            Self::File(path) => write!(f, "the secret in {}", path.display()),
            Self::Variable(name) => write!(f, "the secret in the variable {name}"),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
