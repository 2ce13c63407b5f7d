//! Documents: texts in TOML, JSON or YAML, as a flat list of keys with their lines.
//!
//! | file | contents |
//! |---|---|
//! | `toml.rs`, `json.rs`, `yaml.rs` | parsers, which lead to a [`Node`] |
//! | `flatten.rs` | the keys of a [`Node`] |

mod flatten;
mod json;
#[cfg(feature = "file")]
mod toml;
#[cfg(feature = "yaml")]
mod yaml;

use std::path::Path;

pub(crate) use self::flatten::flatten;
pub(crate) use self::json::parse_value;
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key::MAX_DEPTH;
use crate::layer::Contents;
use crate::value::Value;

/// The error for a large integer. It leaves out the integer, which may be a secret.
const BEYOND: &str = "the integer is beyond 64 bits; write it as a string";

/// The format of a document.
///
/// # Examples
/// ```
/// use untorn_live::Format;
///
/// assert_eq!(Format::of("app.toml"), Some(Format::Toml));
/// assert_eq!(Format::of("app.conf"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// TOML 1.1 (feature `file`).
    Toml,
    /// JSON (RFC 8259).
    Json,
    /// YAML 1.2 (feature `yaml`). An integer with a leading zero, such as `0644`, is an error: YAML
    /// 1.1 reads it as octal. Write `"0644"` or `0o644`.
    Yaml,
}

impl Format {
    /// Returns the format of a file by its extension: `toml`, `json`, `yaml` or `yml`.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Format;
    ///
    /// assert_eq!(Format::of("/etc/app/app.yml"), Some(Format::Yaml));
    /// ```
    pub fn of(path: impl AsRef<Path>) -> Option<Self> {
        match path.as_ref().extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }

    /// Returns the error for a name without a known extension.
    pub(crate) fn unknown() -> ConfigError {
        let message = "unknown format: let the name end in .toml, .json, .yaml or .yml";
        let help = "or set the format with `File::format`";
        ConfigError::new(ErrorKind::Unreadable, message).with_help(help)
    }

    /// Parses a text into keys.
    pub(crate) fn parse(self, text: &str, place: &Place) -> Result<Contents, ConfigError> {
        let node = match self {
            #[cfg(feature = "file")]
            Self::Toml => toml::parse(text, place)?,
            Self::Json => json::parse(text, place)?,
            #[cfg(feature = "yaml")]
            Self::Yaml => yaml::parse(text, place)?,
            #[cfg(not(all(feature = "file", feature = "yaml")))]
            _ => {
                let message = format!(
                    "this build cannot parse {self:?}: enable the feature {} of untorn-live",
                    if self == Self::Toml {
                        "`file`"
                    } else {
                        "`yaml`"
                    }
                );
                return Err(ConfigError::new(ErrorKind::Unreadable, message).at(place.clone()));
            }
        };
        flatten(node, place)
    }
}

/// For the tests of each format. The name of the document is `app`.
#[cfg(test)]
impl Format {
    fn error_of(self, text: &str) -> String {
        let place = Place::of_layer(&"app".into());
        self.parse(text, &place).unwrap_err().to_string()
    }

    /// Returns each key with its value as a text, and its line.
    fn entries_of(self, text: &str) -> Vec<(String, String, u32)> {
        let contents = self.parse(text, &Place::of_layer(&"app".into())).unwrap();
        let entries = contents.entries.iter();
        entries
            .map(|entry| (entry.key.to_string(), entry.value.to_string(), entry.line))
            .collect()
    }
}

/// A part of a document, with its line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// The line of the key, or of the value; 0 if there is none.
    pub(crate) line: u32,
    pub(crate) content: Content,
}

/// The content of a [`Node`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// A scalar or an array.
    Value(Value),
    /// A table, in the order of the document. No key occurs twice.
    Table(Vec<(String, Node)>),
}

/// Returns the line of a byte of a text, from 1.
#[cfg(feature = "file")]
fn line_at(text: &str, offset: usize) -> u32 {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let newlines = before.iter().filter(|&&byte| byte == b'\n').count();
    u32::try_from(newlines + 1).unwrap_or(u32::MAX)
}

/// The beginnings of the lines of a text: the line of a byte in O(log n).
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        let newlines = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        Self(newlines.map(|(index, _)| index).collect())
    }

    fn line_at(&self, offset: usize) -> u32 {
        let before = self.0.partition_point(|&newline| newline < offset);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }
}

/// Returns the error for a key that occurs twice.
fn duplicate(key: &str, first: u32, second: u32, place: &Place) -> ConfigError {
    let message = match first {
        0 => "the key occurs twice; remove one".into(),
        first => format!("the key occurs twice, first at line {first}; remove one"),
    };
    ConfigError::new(ErrorKind::DuplicateKey, message)
        .at(place.clone().with_line(second))
        .at_key(key)
}

/// Returns the error for nesting beyond [`MAX_DEPTH`].
fn too_deep(place: &Place, line: u32) -> ConfigError {
    let message = format!("nested more than {MAX_DEPTH} levels deep");
    ConfigError::new(ErrorKind::Syntax, message).at(place.clone().with_line(line))
}
