//! Who and where: the two sides of an overlap.

use std::fmt::{self, Write};
use std::ops::Deref;
use std::panic::Location;
use std::time::Duration;

use arrayvec::ArrayString;

/// What an access does to what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessKind {
    /// Looks, and changes nothing.
    Read,
    /// Changes something.
    Write,
    /// Goes through all entries.
    Iterate,
    /// Copies everything.
    Clone,
}

impl AccessKind {
    /// The state that the report gives a thread in this access, where Go has `[running]`.
    pub(super) fn state(self) -> &'static str {
        match self {
            Self::Read => "reading",
            Self::Write => "writing",
            Self::Iterate => "iterating",
            Self::Clone => "cloning",
        }
    }
}

/// A kind of access by its public name, such as `GoMap::get`.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) kind: AccessKind,
}

/// An access about to be made: what, and on which line of the program.
#[derive(Clone, Copy)]
pub(crate) struct Access {
    pub(crate) operation: &'static Operation,
    pub(crate) at: &'static Location<'static>,
}

/// The most bytes of a [`Name`].
const NAME_LEN: usize = 64;

/// A short name, kept in place, so that a report needs no allocation; longer ones end in `…`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name(ArrayString<NAME_LEN>);

impl Name {
    /// Bytes of the longest name.
    pub(super) const LEN: usize = NAME_LEN;

    pub(crate) fn new(name: &str) -> Self {
        let mut short = ArrayString::new();
        if name.len() <= NAME_LEN {
            short.push_str(name);
        } else {
            const CUT: char = '…';
            let end = (0..=NAME_LEN - CUT.len_utf8())
                .rev()
                .find(|&i| name.is_char_boundary(i))
                .unwrap_or(0);
            short.push_str(&name[..end]);
            short.push(CUT);
        }
        Self(short)
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
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

/// One side of an overlap: which thread, created where, at which line, doing what, for how long.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Site {
    /// Name of the thread; `<unnamed>` if it has none.
    pub thread: Name,
    /// Number of the thread, in the order in which [`spawn`](crate::spawn) created the threads or, for others,
    /// in which they first used a map of this crate. 1 is usually the main thread.
    pub thread_number: u64,
    /// Where the thread was created; `None` if not by [`spawn`](crate::spawn).
    pub created_at: Option<&'static Location<'static>>,
    /// The line of the access. `None` if the thread was already gone from it when the report was made.
    pub at: Option<&'static Location<'static>>,
    /// The method, such as `GoMap::insert`.
    pub operation: &'static str,
    /// What the method does.
    pub kind: AccessKind,
    /// How long the access had been going on; known of writers, and of reads that are kept open, only, since reading a
    /// clock costs more than the gate.
    pub lasted: Option<Duration>,
    /// Whether the access was being kept open: see [`Stretch`](crate::Stretch).
    pub kept_open: bool,
}

impl fmt::Display for Site {
    /// Three lines in the shape of a goroutine of Go's dump, the last one without its line break.
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
            // A name is the program's own text; a line break in it must not break the report.
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        write!(f, "\" ({thread_number}) [{state}]: {operation}")?;
        if let Some(lasted) = self.lasted {
            let digits = usize::from(lasted >= Duration::from_micros(1));
            let kept_open = if self.kept_open { "kept open " } else { "" };
            write!(f, ", {kept_open}for {lasted:.digits$?}")?;
        }
        match self.at {
            Some(at) => write!(f, "\n\t{at}")?,
            None => f.write_str("\n\tat a line it had left before it could be read")?,
        }
        match self.created_at {
            Some(created_at) => write!(f, "\n\tcreated at {created_at}"),
            None => f.write_str("\n\tcreated elsewhere"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn long_names_are_cut_at_a_character() {
        assert_eq!(&*Name::new("config"), "config");
        let name = Name::new(&"配".repeat(40));
        assert_eq!(&*name, "配".repeat(20) + "…");
        assert_eq!(&*Name::new(&"x".repeat(64)), "x".repeat(64));
        assert_eq!(&*Name::new(&"x".repeat(65)), "x".repeat(61) + "…");
    }
}
