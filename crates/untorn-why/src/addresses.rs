//! Addresses among the arguments: those of the map, or of a value that holds it.

use crate::dump::Goroutine;
use crate::frame::{Frame, Word};
use crate::numbers::input_line;

/// Returns the address of the map, if a call of the runtime shows it.
pub(crate) fn map_address(frames: &[Frame]) -> Option<Word> {
    frames.iter().find_map(Frame::map_argument)
}

/// Returns the addresses among the arguments, up to the program's own innermost call. One of them
/// may be the map or a value that holds it.
pub(crate) fn shared_words(side: &Goroutine) -> Vec<Word> {
    let own = side.own();
    let is_own = |frame: &Frame| own.is_some_and(|own| std::ptr::eq(own, frame));
    let end = side.frames.iter().position(is_own).map_or(0, |own| own + 1);
    let mut words: Vec<Word> = vec![];
    for frame in &side.frames[..end] {
        words.extend(frame.heap_words());
    }
    // The outermost call is the program's own; exact words are stronger evidence.
    words.reverse();
    words.sort_by_key(|word| !word.exact);
    words
}

/// A word that is an argument in the detecting goroutine and in another one.
pub(crate) struct Shared<'d> {
    pub(crate) wanted: Word,
    pub(crate) frame: &'d Frame,
    found: Word,
}

impl<'d> Shared<'d> {
    /// Finds the strongest occurrence: one without a `?`, outside of Go's own packages.
    pub(crate) fn find(wanted: Word, goroutine: &'d Goroutine) -> Option<Self> {
        let all = goroutine
            .frames
            .iter()
            .flat_map(|frame| frame.words().map(move |word| (frame, word)));
        let (frame, found) = all
            .filter(|(_, word)| word.value == wanted.value)
            .min_by_key(|(frame, word)| (!word.exact, frame.is_standard()))?;
        Some(Self {
            wanted,
            frame,
            found,
        })
    }

    pub(crate) fn exact(&self) -> bool {
        self.wanted.exact && self.found.exact
    }

    /// Formats the line of the dump.
    pub(crate) fn at(&self) -> String {
        let mark = if self.found.exact {
            ""
        } else {
            ", marked `?`: may be stale"
        };
        format!("({}{mark})", input_line(self.frame.at))
    }
}
