//! A line of a program's source.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

/// A file and a line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct SourceLocation {
    /// The path of the file, as the dump has it.
    pub file: String,
    /// The number of the line.
    pub line: u64,
}

impl Display for SourceLocation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl SourceLocation {
    /// Parses `\tfile.go:12 +0x3c fp=…`. If nothing follows the number, it may have been truncated,
    /// so the line must have `ended` with a line feed.
    pub(crate) fn read(line: &str, ended: bool) -> Option<Self> {
        let inner = line.trim_start_matches([' ', '\t']);
        if line.len() == inner.len() {
            return None;
        }
        let (location, whole) = match inner.find(" +0x").or_else(|| inner.find(" fp=0x")) {
            Some(end) => (&inner[..end], true),
            None => (inner.trim_end(), ended),
        };
        let (file, number) = location.rsplit_once(':')?;
        let line = number.parse().ok()?;
        (whole && !file.is_empty()).then(|| Self {
            file: file.to_owned(),
            line,
        })
    }

    /// Returns the last component of the path.
    pub(crate) fn base(&self) -> &str {
        self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file)
    }
}

/// Formats a function and its location, as `main.lookup at crash.go:115`.
pub(crate) fn where_at(function: Option<&str>, location: Option<&SourceLocation>) -> String {
    let function = function.unwrap_or("code that is not in the dump");
    match location {
        Some(location) => format!("{function} at {}:{}", location.base(), location.line),
        None => function.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::SourceLocation;

    #[test]
    fn truncated_location_is_none() {
        let line = |line, ended| SourceLocation::read(line, ended).map(|location| location.line);
        assert_eq!(line("\t/srv/a.go:109 +0x3c fp=0x1", false), Some(109));
        assert_eq!(line("        C:/a b/c.go:32 +0xd5", false), Some(32));
        assert_eq!(line("\ta.go:10", true), Some(10));
        assert_eq!(line("\ta.go:10", false), None, "it may have been 109");
        assert_eq!(line("a.go:10", true), None);
        assert_eq!(line("\ta.go:", true), None);
    }
}
