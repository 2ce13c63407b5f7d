//! What a dump consists of.

use std::collections::BTreeMap;

use serde::Serialize;

use super::frame::{Access, Frame};
use super::place::Place;

/// The line that ends the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    ReadAndWrite,
    Writes,
    IterationAndWrite,
    CloneAndWrite,
    /// The table was found damaged, which is what an unseen overlap leaves behind.
    Damage,
}

const MESSAGES: &[(&str, Kind)] = &[
    ("concurrent map read and map write", Kind::ReadAndWrite),
    ("concurrent map writes", Kind::Writes),
    (
        "concurrent map iteration and map write",
        Kind::IterationAndWrite,
    ),
    ("concurrent map clone and map write", Kind::CloneAndWrite),
    (
        "small map with no empty slot (concurrent map writes?)",
        Kind::Writes,
    ),
    ("bad map state", Kind::Damage),
    ("oldoverflow is not nil", Kind::Damage),
];

impl Kind {
    pub(crate) fn of_message(text: &str) -> Option<Self> {
        let known = MESSAGES.iter().find(|(message, _)| {
            let rest = text.strip_prefix(message);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        });
        known.map(|(_, kind)| *kind)
    }

    /// What the noticing side did, as far as the message tells.
    pub(crate) fn access(self) -> Option<Access> {
        match self {
            Self::ReadAndWrite => Some(Access::Read),
            Self::Writes => Some(Access::Write),
            Self::IterationAndWrite => Some(Access::Iterate),
            Self::CloneAndWrite => Some(Access::Clone),
            Self::Damage => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Banner {
    pub(crate) at: u64,
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

/// Where a goroutine comes from.
#[derive(Clone, Debug)]
pub(crate) struct Created {
    pub(crate) at: u64,
    pub(crate) function: String,
    pub(crate) place: Option<Place>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Goroutine {
    pub(crate) at: u64,
    pub(crate) number: u64,
    /// What it waits for, or `running`: the first word between the brackets.
    pub(crate) state: String,
    pub(crate) frames: Vec<Frame>,
    /// The line that says that frames were left out.
    pub(crate) elided: Option<u64>,
    /// The line that says that it ran on another thread, so that its stack could not be read.
    pub(crate) elsewhere: Option<u64>,
    pub(crate) created: Option<Created>,
}

impl Goroutine {
    /// The innermost frame of the program's own code, or else of any code that is not Go's.
    pub(crate) fn own(&self) -> Option<&Frame> {
        own(&self.frames)
    }

    /// Whether it has come beyond the first instruction of what its `go` statement calls.
    pub(crate) fn has_begun(&self) -> bool {
        let Some(innermost) = self.frames.first() else {
            return true;
        };
        // An inlined call has no offset of its own.
        let at_entry = !innermost.has_offset && innermost.args != "...";
        let created = self.created.as_ref().and_then(|by| by.place.as_ref());
        !(at_entry && created.is_some() && innermost.place.as_ref() == created)
    }

    /// Whether what it does stands in `main` itself.
    pub(crate) fn is_in_main(&self) -> bool {
        self.own().is_some_and(|own| own.function == "main.main")
    }

    pub(crate) fn runs(&self) -> bool {
        self.state.starts_with("runn")
    }
}

/// The innermost frame of the program's own code, or else of any code that is not Go's.
pub(crate) fn own(frames: &[Frame]) -> Option<&Frame> {
    let mut foreign = frames.iter().filter(|frame| !frame.is_standard());
    let own = foreign.clone().find(|frame| !frame.is_of_a_module());
    own.or_else(|| foreign.next())
}

/// What the innermost call of the runtime's map functions does.
pub(crate) fn access(frames: &[Frame]) -> Option<Access> {
    frames.iter().find_map(Frame::access)
}

/// Lines inside a dump that are no part of it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Unread {
    pub(crate) lines: u64,
    /// The first of them, by number.
    pub(crate) first: Vec<(u64, String)>,
}

/// A crash of the kind that this is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crash {
    /// One for each goroutine that noticed.
    pub(crate) banners: Vec<Banner>,
    pub(crate) noticed: Vec<Goroutine>,
    /// Those of the others that may matter.
    pub(crate) others: Vec<Goroutine>,
    pub(crate) goroutines: u64,
    pub(crate) states: BTreeMap<String, u64>,
    pub(crate) exit: Option<(u64, u64)>,
    pub(crate) unread: Unread,
    pub(crate) last: u64,
}

/// One of the two accesses of a race report.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) at: u64,
    pub(crate) text: String,
    pub(crate) writes: bool,
    pub(crate) address: u64,
    /// The detector's number, which is not the number of a crash dump; `None` is the main goroutine.
    pub(crate) goroutine: Option<u64>,
    pub(crate) frames: Vec<Frame>,
    /// The line that says that its stack is no longer known.
    pub(crate) lost: Option<u64>,
}

/// Where one of the two goroutines was started.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    pub(crate) at: u64,
    pub(crate) goroutine: u64,
    pub(crate) frames: Vec<Frame>,
}

/// A report of Go's race detector.
#[derive(Clone, Debug, Default)]
pub(crate) struct Race {
    pub(crate) at: u64,
    pub(crate) sides: Vec<Side>,
    pub(crate) started: Vec<Started>,
    /// Whether the line that ends a report was seen.
    pub(crate) ended: bool,
    pub(crate) unread: Unread,
    pub(crate) last: u64,
}

impl Race {
    /// Whether both stacks are there to their end: something follows the second.
    pub(crate) fn is_whole(&self) -> bool {
        self.sides.len() == 2 && (self.ended || !self.started.is_empty())
    }

    /// Whether the runtime's map functions are on one of the stacks: else it is another variable that is raced for.
    pub(crate) fn is_of_a_map(&self) -> bool {
        let mut frames = self.sides.iter().flat_map(|side| &side.frames);
        frames.any(|frame| frame.access().is_some())
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Found {
    Crash(Crash),
    Race(Race),
}

/// Another way to die, or a part of a dump without its beginning.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Other {
    pub(crate) line: u64,
    pub(crate) text: String,
}

/// All that was found in an input.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub(crate) lines: u64,
    pub(crate) found: Vec<Found>,
    /// Dumps beyond those in `found`.
    pub(crate) more: u64,
    pub(crate) others: Vec<Other>,
}
