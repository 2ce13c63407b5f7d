//! Errors of sources, with advice for users of the command in place of that for callers of the
//! library.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use untorn_live::{ConfigError, ErrorKind, Place};

#[cfg(feature = "servers")]
use super::servers;

/// An error of a source.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    kind: Kind,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// A source has no keys.
    Empty,
    #[serde(untagged)]
    OfLibrary(ErrorKind),
}

/// A place in a source.
#[derive(Debug, Serialize)]
struct At {
    layer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<String>,
}

impl At {
    fn of(place: &Place) -> Self {
        Self {
            layer: place.layer.to_string(),
            line: place.line,
            item: place.item.as_ref().map(ToString::to_string),
        }
    }
}

impl Problem {
    /// Returns an error of a source, with the next step of this command.
    pub(super) fn of(error: &ConfigError) -> Self {
        let mut problem = Self::without_advice(error);
        if let Some(advice) = advice(error) {
            problem.message = format!("{}; {advice}", problem.message);
        }
        problem
    }

    /// Returns an error where there is nothing to be done.
    pub(crate) fn without_advice(error: &ConfigError) -> Self {
        Self {
            kind: Kind::OfLibrary(error.kind()),
            message: error.message().into(),
            place: error.place().map(At::of),
            key: error.key().map(Into::into),
        }
    }

    /// Returns the warning for a key that is perhaps misspelled.
    pub(super) fn unknown(place: &Place, key: &str, similar: &str) -> Self {
        let message = format!("no other source has this key; did you mean `{similar}`?");
        Self {
            kind: Kind::OfLibrary(ErrorKind::UnknownKey),
            message,
            place: Some(At::of(place)),
            key: Some(key.into()),
        }
    }

    /// Returns the error for a source without keys.
    pub(super) fn empty(name: &str, message: &str) -> Self {
        Self {
            kind: Kind::Empty,
            message: message.into(),
            place: Some(At {
                layer: name.into(),
                line: None,
                item: None,
            }),
            key: None,
        }
    }
}

/// Returns the next step for an error that has one in the library.
fn advice(error: &ConfigError) -> Option<String> {
    error.help()?;
    let place = error.place()?;
    let layer = &place.layer;
    #[cfg(feature = "servers")]
    if (layer.contains("://") || layer.starts_with("etcd:")) && error.kind() != ErrorKind::Guard {
        return servers::advice(error.help()?, layer);
    }
    match error.kind() {
        ErrorKind::Unreadable if Path::new(&**layer).symlink_metadata().is_err() => Some(format!(
            "create it, or write file:{layer}?optional if it may be missing"
        )),
        ErrorKind::Unreadable => Some(format!(
            "or name the format: file:{layer}?toml, ?json or ?yaml"
        )),
        ErrorKind::Guard => Some("to accept the change, restart the command".into()),
        ErrorKind::Syntax => Some(format!(
            "leave it out: mount:{layer}?ignoring={}",
            below(place)
        )),
        _ => None,
    }
}

/// Returns the path of a file below its mount.
fn below(place: &Place) -> String {
    let file = place.item.as_deref().unwrap_or_default();
    let path = Path::new(file);
    // The mount is relative where the path of the file may be absolute.
    let directory = std::path::absolute(&*place.layer);
    let below = directory.ok().and_then(|directory| {
        let below = path.strip_prefix(directory).ok()?;
        Some(below.display().to_string())
    });
    below.unwrap_or_else(|| file.into())
}

impl fmt::Display for Problem {
    /// Formats the error as editors link it: `app.toml:2: http.port: invalid value`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.place {
            f.write_str(at.item.as_ref().unwrap_or(&at.layer))?;
            if let Some(line) = at.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}
