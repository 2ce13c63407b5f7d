//! Passwords and tokens, which are read again for each connection, since files of secrets are
//! replaced.

use std::env::VarError;
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
            Self::Variable(name) => of_variable(name, env::var(name))?,
        };
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            let message = format!("{self} is empty");
            return Err(ConfigError::new(ErrorKind::Unreadable, message));
        }
        Ok(text.into())
    }
}

/// Returns the text of a variable, and an error without it.
fn of_variable(name: &str, text: Result<String, VarError>) -> Result<String, ConfigError> {
    text.map_err(|error| {
        let reason = match error {
            VarError::NotPresent => "it is not set",
            // That error shows the text.
            VarError::NotUnicode(_) => "it is not UTF-8",
        };
        let message = format!("cannot read the secret in the variable {name}: {reason}");
        ConfigError::new(ErrorKind::Unreadable, message)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_that_is_not_utf8_is_not_shown() {
        for (error, reason) in [
            (VarError::NotPresent, "it is not set"),
            (VarError::NotUnicode("canary".into()), "it is not UTF-8"),
        ] {
            let error = of_variable("TOKEN", Err(error)).expect_err("no text");
            assert_eq!(
                error.message(),
                format!("cannot read the secret in the variable TOKEN: {reason}")
            );
        }
    }
}
