//! A line of a program's source.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

/// A file and a line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct SourceLocation {
    /// The path of the file, as the dump has it.
    pub file: String,
    /// The number of the line; `None` if the dump does not have it.
    pub line: Option<u64>,
}

impl Display for SourceLocation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

impl SourceLocation {
    /// Returns the last component of the path.
    pub(crate) fn base(&self) -> &str {
        self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file)
    }

    /// Formats the last component of the path, and the line.
    pub(crate) fn short(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.base()),
            None => self.base().to_owned(),
        }
    }
}

/// Formats a function and its location, as `main.lookup at crash.go:115`.
pub(crate) fn where_at(function: Option<&str>, location: Option<&SourceLocation>) -> String {
    let function = function.unwrap_or("code that is not in the dump");
    match location {
        Some(location) => format!("{function} at {}", location.short()),
        None => function.to_owned(),
    }
}
