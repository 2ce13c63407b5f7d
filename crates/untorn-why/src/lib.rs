//! Explains the crash dump of a Go program whose map accesses overlapped
//! (`fatal error: concurrent map read and map write`), or a report of Go's race detector: which
//! goroutine noticed, which one likely wrote, why, and what to change.
//!
//! ```
//! let dump = "fatal error: concurrent map writes\n\ngoroutine 7 [running]:\n\
//!     main.store(...)\n\t/srv/app/store.go:31 +0x3c\n";
//! let report = untorn_why::explain(dump.as_bytes())?;
//! assert_eq!(report.dumps[0].known[0].function.as_deref(), Some("main.store"));
//! assert!(report.to_string().contains("store.go:31"));
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! The input may be a whole log; it is read once, in bounded memory. Text for people, short or
//! long, and JSON (by serde) are views of one [`Report`].

// | file | contents |
// |---|---|
// | `reading/` | from an input of any form to dumps |
// | `dump.rs`, `frame.rs`, `source_location.rs` | a dump and its parts |
// | `evidence.rs`, `relation.rs`, `names.rs` | evidence about one goroutine |
// | `addresses.rs`, `map_use.rs` | the map of a goroutine, by the arguments of its calls |
// | `candidates.rs` | the likely writer of a crash dump |
// | `causes/`, `libraries.rs` | the usual causes, as rules, and the libraries that they know |
// | `annotate.rs`, `notes.rs`, `verdict.rs` | lines of a dump, what it lacks, the first sentence |
// | `explain.rs`, `model.rs` | all of it together, as one document |
// | `unrecognized.rs` | an input without a dump |
// | `render/` | the document as text, short and long |

mod addresses;
mod annotate;
mod candidates;
mod causes;
mod dump;
mod evidence;
mod explain;
mod frame;
mod libraries;
mod map_use;
mod model;
mod names;
mod notes;
#[doc(hidden)]
pub mod numbers;
#[doc(hidden)]
pub mod printable;
#[cfg(test)]
mod ranking_tests;
#[cfg(test)]
mod rates;
mod reading;
mod relation;
mod render;
mod source_location;
#[cfg(test)]
mod tests;
mod unrecognized;
mod verdict;

use std::fmt;
use std::io::{self, BufRead};

use serde::Serialize;

pub use self::annotate::Part;
pub use self::candidates::{Candidate, Certainty, SameStart, Started};
pub use self::causes::Cause;
pub use self::dump::Unread;
pub use self::evidence::Reason;
pub use self::frame::Access;
pub use self::model::{Address, CalledFrom, DumpKind, Explained, Known, StateCount};
pub use self::render::{Emphasis, TextLine};
pub use self::source_location::SourceLocation;

use self::dump::{Found, Input};
use self::numbers::counted;

/// The dumps of an input, explained.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The number of lines of the input.
    pub lines: u64,
    /// The dumps, in the order of the input.
    pub dumps: Vec<Explained>,
    /// The number of dumps beyond these, which are only counted.
    pub more: u64,
    /// Fatal messages of other kinds.
    pub others: Vec<OtherEnd>,
    /// Notes on the input as a whole: lines in another order, lines too long to be read.
    pub notes: Vec<String>,
    #[serde(skip)]
    input: Input,
}

/// A fatal message that is not about concurrent map access.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct OtherEnd {
    /// The number of the line.
    pub line: u64,
    /// The message.
    pub text: String,
    /// Its meaning.
    pub means: &'static str,
}

/// Reads an input to its end and explains the dumps in it.
///
/// # Errors
/// If the input cannot be read. An input without a dump is no error here: see
/// [`Report::no_dump`].
pub fn explain(input: impl BufRead) -> io::Result<Report> {
    let input = reading::read(input)?;
    let dumps = input.found.iter().map(|found| match found {
        Found::Crash(crash) => explain::crash(crash),
        Found::Race(race) => explain::race(race),
    });
    let others = input.others.iter().map(|found| OtherEnd {
        line: found.line,
        text: found.text.clone(),
        means: unrecognized::meaning(found),
    });
    Ok(Report {
        lines: input.lines,
        dumps: dumps.collect(),
        more: input.more,
        others: others.collect(),
        notes: unrecognized::notes(&input),
        input,
    })
}

impl Report {
    /// Returns what the input contains instead of a dump, and the next step; `None` if it has a
    /// dump.
    ///
    /// # Examples
    /// ```
    /// let report = untorn_why::explain("panic: assignment to entry in nil map\n".as_bytes())?;
    /// assert!(report.no_dump().unwrap().contains("call make(map[K]V)"));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[must_use]
    pub fn no_dump(&self) -> Option<String> {
        self.dumps
            .is_empty()
            .then(|| unrecognized::error(&self.input))
    }

    /// Returns the answer as lines of text, the verdict first.
    ///
    /// For each dump some ten lines say where the access was, which goroutine may be the writer,
    /// what it looks like and what to change. [`long_text`](Self::long_text) has the evidence.
    ///
    /// # Examples
    /// ```
    /// use untorn_why::Emphasis;
    ///
    /// let dump = "fatal error: concurrent map writes\n\ngoroutine 7 [running]:\n\
    ///     main.store(...)\n\t/srv/app/store.go:31 +0x3c\n";
    /// let text = untorn_why::explain(dump.as_bytes())?.text();
    /// assert_eq!(text[0].emphasis, Emphasis::Heading);
    /// assert_eq!(text[2].text, "Write: main.store at /srv/app/store.go:31 (line 3 of the input)");
    /// assert!(text.len() < 10);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[must_use]
    pub fn text(&self) -> Vec<TextLine> {
        self.rendered(render::show, render::general_advice)
    }

    /// Returns the whole explanation as lines of text: each relevant line of the dump with its
    /// meaning, all evidence, all causes, and a hint for programs in Rust.
    ///
    /// # Examples
    /// ```
    /// let dump = "fatal error: concurrent map writes\n\ngoroutine 7 [running]:\n\
    ///     main.store(...)\n\t/srv/app/store.go:31 +0x3c\n";
    /// let text = untorn_why::explain(dump.as_bytes())?.long_text();
    /// assert!(text.iter().any(|line| line.text == "     4  main.store(...) store.go:31"));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[must_use]
    pub fn long_text(&self) -> Vec<TextLine> {
        self.rendered(render::show_long, render::long_general_advice)
    }

    fn rendered(
        &self,
        show: fn(&mut render::Text, &Explained),
        general_advice: fn(&mut render::Text, &[Explained]),
    ) -> Vec<TextLine> {
        let mut text = render::Text::default();
        for (index, explained) in self.dumps.iter().enumerate() {
            if index > 0 {
                text.line("");
            }
            show(&mut text, explained);
        }
        if self.more > 0 {
            text.aside(format_args!(
                "{} not explained.",
                counted(self.more, "more dump")
            ));
        }
        for note in &self.notes {
            text.aside(note);
        }
        if !self.dumps.is_empty() {
            general_advice(&mut text, &self.dumps);
        }
        text.0
    }
}

impl fmt::Display for Report {
    /// Formats the answer as text without emphasis, as [`Report::text`] returns it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text()
            .iter()
            .try_for_each(|line| writeln!(f, "{}", line.text))
    }
}
