//! `Overlap`: an overlap as a value, and the text of its report.

use std::error::Error;
use std::fmt;

use arrayvec::ArrayString;

use super::site::{AccessKind, Name, Site};

/// The kinds of the two accesses of an [`Overlap`].
///
/// Its `Display` suits maps and cells; [`Overlap::message`] is the first line of a report, which is
/// Go's message for a map.
///
/// # Examples
/// ```
/// use untorn::OverlapKind;
///
/// assert_eq!(OverlapKind::Writes.to_string(), "concurrent writes");
/// assert_eq!(OverlapKind::ReadAndWrite.to_string(), "concurrent read and write");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OverlapKind {
    /// A read and a write.
    ReadAndWrite,
    /// Two writes.
    Writes,
    /// An iteration and a write.
    IterationAndWrite,
    /// A clone and a write.
    CloneAndWrite,
}

impl OverlapKind {
    /// Returns the name in serialized reports.
    #[cfg(any(feature = "serde", feature = "tracing"))]
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::ReadAndWrite => "read_and_write",
            Self::Writes => "writes",
            Self::IterationAndWrite => "iteration_and_write",
            Self::CloneAndWrite => "clone_and_write",
        }
    }

    /// Returns the kind of an overlap of these two accesses, of which one writes.
    pub(super) fn of(one: AccessKind, other: AccessKind) -> Self {
        let other_kind = if one == AccessKind::Write { other } else { one };
        match other_kind {
            AccessKind::Read => Self::ReadAndWrite,
            AccessKind::Write => Self::Writes,
            AccessKind::Iterate => Self::IterationAndWrite,
            AccessKind::Clone => Self::CloneAndWrite,
        }
    }
}

impl OverlapKind {
    /// Returns Go's message for maps.
    fn of_maps(self) -> &'static str {
        match self {
            Self::ReadAndWrite => "concurrent map read and map write",
            Self::Writes => "concurrent map writes",
            Self::IterationAndWrite => "concurrent map iteration and map write",
            Self::CloneAndWrite => "concurrent map clone and map write",
        }
    }

    /// Returns a message for any value.
    fn of_cells(self) -> &'static str {
        match self {
            Self::ReadAndWrite => "concurrent read and write",
            Self::Writes => "concurrent writes",
            Self::IterationAndWrite => "concurrent iteration and write",
            Self::CloneAndWrite => "concurrent clone and write",
        }
    }
}

impl fmt::Display for OverlapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.of_cells())
    }
}

/// The map or cell of an overlap.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    /// A map, with its state, such as `2 keys, B=0, flags=hash_writing`.
    Map(State),
    /// A cell with a value of this type.
    Cell(&'static str),
}

/// The state of a map, as text.
pub(crate) type State = ArrayString<112>;

/// The maximum bytes of a type name in a report, which has a bounded length.
const TYPE_NAME_LEN: usize = 256;

/// Two accesses that overlapped, at least one of them a write, with both sides.
///
/// Its `Display` is the report, without a line break at the end. Where the report ends the process,
/// Go's `fatal error: ` precedes it; the text of a panic and of `Display` omits it. Values and keys
/// are never part of it. With the feature `serde` it serializes as a structure, such as one line of
/// JSON (`message`, `kind`, `here`, `other`, `additional_readers`, `name`, `subject`, `state`; of
/// each side `thread`, `number`, `created_at`, `location`, `operation`, `kind`, `duration_ns`,
/// `stretched`).
///
/// Each side is a [`Site`]: `println!("{}", overlap.other)` prints its thread, its operation and its
/// line. The field [`location`](Site::location) is an `Option`, since a thread may end its access
/// before the line could be read.
///
/// # Examples
/// ```
/// use untorn::OverlapCell;
///
/// let limits = OverlapCell::named("limits", vec![100, 200]);
/// let reading = limits.read();
/// let overlap = limits.try_write().unwrap_err();
/// assert_eq!(overlap.message(), "concurrent read and write");
/// assert_eq!(overlap.name.as_deref(), Some("limits"));
/// assert_eq!(overlap.other.operation, "OverlapCell::read");
/// let report = overlap.to_string();
/// assert!(report.starts_with("concurrent read and write\n\nthread \"main\" (1) [writing]"));
/// drop(reading);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Overlap {
    /// The kinds of the two accesses.
    pub kind: OverlapKind,
    /// The side that reports the overlap.
    pub here: Site,
    /// The access that was in progress.
    pub other: Site,
    /// The number of further reads that were in progress.
    pub additional_readers: usize,
    /// The name of the map or cell, if it has one.
    pub name: Option<Name>,
    pub(super) subject: Subject,
}

impl Overlap {
    /// Returns whether one thread is on both sides: it accessed a map again during an access, from
    /// a `Hash`, `Eq`, `Clone`, `Drop` or closure, or a cell of which it holds a guard.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::OverlapCell::new(265);
    /// let guard = limit.read();
    /// assert!(limit.try_write().unwrap_err().is_reentrant());
    /// # drop(guard);
    /// ```
    #[must_use]
    pub fn is_reentrant(&self) -> bool {
        self.here.thread_number == self.other.thread_number
    }

    /// Returns the first line of the report: Go's message for a map, such as
    /// `concurrent map read and map write`, and `concurrent read and write` or `concurrent writes`
    /// for a cell.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::OverlapCell::new(265);
    /// let guard = limit.read();
    /// assert_eq!(limit.try_write().unwrap_err().message(), "concurrent read and write");
    /// # drop(guard);
    /// ```
    #[must_use]
    pub fn message(&self) -> &'static str {
        match self.subject {
            Subject::Map(_) => self.kind.of_maps(),
            Subject::Cell(_) => self.kind.of_cells(),
        }
    }

    /// Returns the advice at the end of the report, one or two lines.
    fn advice(&self) -> &'static str {
        match (self.subject, self.is_reentrant()) {
            (Subject::Map(_), true) => {
                "Both sides are one thread: a Hash, Eq, Clone, Drop or closure used the map again from inside.\n\
                 Let the outer call return first."
            }
            (Subject::Map(_), false) => {
                "Share an untorn::Map instead, or put both sites under one lock."
            }
            (Subject::Cell(_), true) => {
                "Both sides are one thread: it still has the guard that it got at the second site.\n\
                 Drop that guard first."
            }
            (Subject::Cell(_), false) => {
                "Put both sites under one lock, or share an untorn::Published or an untorn::Map instead."
            }
        }
    }

    /// Returns the report of an overlap that ends the process: it begins with Go's `fatal error: `.
    pub(super) fn fatal(&self) -> impl fmt::Display {
        Fatal(self)
    }
}

/// An overlap that is formatted with Go's `fatal error: `.
struct Fatal<'o>(&'o Overlap);

impl fmt::Display for Fatal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fatal error: {}", self.0)
    }
}

impl Error for Overlap {}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.message())?;
        writeln!(f, "{}\n{}", self.here, self.other)?;
        match self.additional_readers {
            0 => {}
            1 => writeln!(f, "and 1 more reader")?,
            more => writeln!(f, "and {more} more readers")?,
        }
        f.write_str(match self.subject {
            Subject::Map(_) => "map",
            Subject::Cell(_) => "cell",
        })?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        match &self.subject {
            Subject::Map(state) => writeln!(f, ": {state}\n")?,
            Subject::Cell(type_name) => writeln!(f, ": {}\n", Shortened(type_name))?,
        }
        f.write_str(self.advice())
    }
}

/// A type name, cut to [`TYPE_NAME_LEN`] when it is formatted.
struct Shortened(&'static str);

impl fmt::Display for Shortened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= TYPE_NAME_LEN {
            return f.write_str(self.0);
        }
        let cut = (0..=TYPE_NAME_LEN)
            .rev()
            .find(|&i| self.0.is_char_boundary(i));
        write!(f, "{}…", &self.0[..cut.unwrap_or(0)])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::{Shortened, TYPE_NAME_LEN};

    static LONG: LazyLock<String> = LazyLock::new(|| "é".repeat(TYPE_NAME_LEN));

    #[test]
    fn long_type_names_are_cut_at_a_character() {
        assert_eq!(
            Shortened("alloc::string::String").to_string(),
            "alloc::string::String"
        );
        assert_eq!(
            Shortened(&LONG).to_string(),
            "é".repeat(TYPE_NAME_LEN / 2) + "…"
        );
    }
}
