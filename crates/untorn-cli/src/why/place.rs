//! A place in a program's source.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

/// A line of a source file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u64,
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Place {
    /// Reads `\tfile.go:12 +0x3c fp=…`. Without anything behind it the number may have been cut, so the line must have
    /// ended.
    pub(crate) fn read(line: &str, ended: bool) -> Option<Self> {
        let inner = line.trim_start_matches([' ', '\t']);
        if line.len() == inner.len() {
            return None;
        }
        let (place, whole) = match inner.find(" +0x").or_else(|| inner.find(" fp=0x")) {
            Some(end) => (&inner[..end], true),
            None => (inner.trim_end(), ended),
        };
        let (file, number) = place.rsplit_once(':')?;
        let line = number.parse().ok()?;
        (whole && !file.is_empty()).then(|| Self {
            file: file.to_owned(),
            line,
        })
    }

    /// The last part of the path.
    pub(crate) fn base(&self) -> &str {
        self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_place_that_may_be_cut_is_none() {
        let place = |line, ended| Place::read(line, ended).map(|place| place.line);
        assert_eq!(place("\t/srv/a.go:109 +0x3c fp=0x1", false), Some(109));
        assert_eq!(place("        C:/a b/c.go:32 +0xd5", false), Some(32));
        assert_eq!(place("\ta.go:10", true), Some(10));
        assert_eq!(place("\ta.go:10", false), None, "it may have been 109");
        assert_eq!(place("a.go:10", true), None);
        assert_eq!(place("\ta.go:", true), None);
    }
}
