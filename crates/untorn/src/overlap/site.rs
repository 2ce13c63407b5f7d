//! The sides of an overlap: thread, source location, operation.

use std::fmt::{self, Write};
use std::ops::Deref;
use std::panic::Location;
use std::time::Duration;

use crate::printable::is_printable;

/// The kind of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessKind {
    /// A read.
    Read,
    /// A write.
    Write,
    /// An iteration over all entries.
    Iterate,
    /// A clone of all contents.
    Clone,
}

impl AccessKind {
    /// Returns the name in serialized reports.
    #[cfg(any(feature = "serde", feature = "tracing"))]
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Iterate => "iterate",
            Self::Clone => "clone",
        }
    }

    /// Returns the state of the thread in the report, where Go has `[running]`.
    pub(super) fn state(self) -> &'static str {
        match self {
            Self::Read => "reading",
            Self::Write => "writing",
            Self::Iterate => "iterating",
            Self::Clone => "cloning",
        }
    }
}

/// A method by its public name, such as `GoMap::get`, and the kind of its access.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) kind: AccessKind,
}

/// An access that is about to begin: its operation and source location.
#[derive(Clone, Copy)]
pub(crate) struct Access {
    pub(crate) operation: &'static Operation,
    pub(crate) location: &'static Location<'static>,
}

impl Access {
    /// Creates an access by the caller.
    #[inline(always)]
    #[track_caller]
    pub(super) fn here(operation: &'static Operation) -> Self {
        Self {
            operation,
            location: Location::caller(),
        }
    }
}

/// The maximum bytes of a [`Name`].
const NAME_LEN: usize = 64;

/// A short name, stored inline, so that a report needs no allocation. Longer names are cut and end
/// in `…`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// UTF-8, and zeros from `len` on.
    bytes: [u8; NAME_LEN],
    len: usize,
}

impl Name {
    /// The maximum bytes of a name.
    pub(super) const LEN: usize = NAME_LEN;

    /// Creates a name, cut to 64 bytes. A `const fn`, for values in statics.
    pub(crate) const fn new(name: &str) -> Self {
        const CUT: &[u8] = "…".as_bytes();
        let (mut kept, cut) = if name.len() <= NAME_LEN {
            (name.len(), "".as_bytes())
        } else {
            (NAME_LEN - CUT.len(), CUT)
        };
        while !name.is_char_boundary(kept) {
            kept -= 1;
        }
        let mut bytes = [0; NAME_LEN];
        let len = kept + cut.len();
        let (start, end) = bytes.split_at_mut(kept);
        start.copy_from_slice(name.as_bytes().split_at(kept).0);
        end.split_at_mut(cut.len()).0.copy_from_slice(cut);
        Self { bytes, len }
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).expect("cut at a character")
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self
    }
}

/// ```
/// let cell = untorn::OverlapCell::named("limits", 265);
/// let reading = cell.read();
/// assert_eq!(cell.try_write().unwrap_err().name.unwrap(), *"limits");
/// # drop(reading);
/// ```
impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

/// ```
/// let cell = untorn::OverlapCell::named("limits", 265);
/// let reading = cell.read();
/// assert_eq!(cell.try_write().unwrap_err().name.unwrap(), "limits");
/// # drop(reading);
/// ```
impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &**self)
    }
}

/// One side of an overlap: the thread, where it was created, the source location, the operation,
/// and its duration.
///
/// # Examples
/// ```
/// let limits = untorn::OverlapCell::new(vec![100]);
/// let reading = limits.read();
/// let overlap = limits.try_write().unwrap_err();
/// println!("{}", overlap.other); // three lines, as in a report
/// if let Some(location) = overlap.other.location {
///     println!("read at {location}"); // read at src/main.rs:3:22
/// }
/// # drop(reading);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Site {
    /// The name of the thread: `<unnamed>` if it has none, `<unknown>` if the thread had ended its
    /// access before the name could be read.
    pub thread: Name,
    /// The number of the thread, in the order in which [`spawn`](crate::spawn) created the threads
    /// or, for other threads, in which they first used a map or a cell of this crate. 1 is usually
    /// the main thread. 0 if it is unknown.
    pub thread_number: u64,
    /// The location where the thread was created; `None` if not by [`spawn`](crate::spawn).
    pub created_at: Option<&'static Location<'static>>,
    /// The location of the access; `None` if the thread had ended the access before it could be
    /// read.
    pub location: Option<&'static Location<'static>>,
    /// The method, such as `GoMap::insert` or `OverlapCell::write`.
    pub operation: &'static str,
    /// The kind of the access.
    pub kind: AccessKind,
    /// The time since the beginning of the access. Known for writes and for delayed reads only,
    /// since reading a clock costs more than the check. `None` on a target without a clock.
    pub duration: Option<Duration>,
    /// Set if the access was being delayed: see [`Stretch`](crate::Stretch).
    pub stretched: bool,
}

impl Site {
    #[cfg(any(feature = "serde", feature = "tracing"))]
    pub(super) fn duration_ns(&self) -> Option<u64> {
        let nanos = self.duration?.as_nanos();
        Some(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Site {
    /// Formats three lines in the shape of a goroutine of Go's dump, without a line break at the
    /// end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            thread,
            thread_number,
            operation,
            ..
        } = self;
        let state = self.kind.state();
        f.write_str("thread \"")?;
        for c in thread.chars() {
            // A thread name is arbitrary text: it must not break the line or reverse the next one.
            if is_printable(c) {
                f.write_char(c)?;
            } else {
                write!(f, "{}", c.escape_default())?;
            }
        }
        write!(f, "\" ({thread_number}) [{state}]: {operation}")?;
        if let Some(duration) = self.duration {
            let digits = usize::from(duration >= Duration::from_micros(1));
            let delayed = if self.stretched { "delayed " } else { "" };
            write!(f, ", {delayed}for {duration:.digits$?}")?;
        }
        match self.location {
            Some(location) => write!(f, "\n\t{location}")?,
            None => f.write_str(
                "\n\tat an unknown line: the access ended before its line could be read",
            )?,
        }
        match self.created_at {
            Some(created_at) => write!(f, "\n\tcreated at {created_at}"),
            None => f.write_str("\n\tcreated elsewhere, not by untorn::spawn"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn long_names_are_cut_at_a_character() {
        assert_eq!(Name::new("config"), "config");
        assert_ne!(Name::new("config"), *"confi");
        let name = Name::new(&"配".repeat(40));
        assert_eq!(&*name, "配".repeat(20) + "…");
        assert_eq!(&*Name::new(&"x".repeat(64)), "x".repeat(64));
        assert_eq!(&*Name::new(&"x".repeat(65)), "x".repeat(61) + "…");
    }
}
