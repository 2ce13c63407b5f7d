//! Which call or `go` statement the next source location belongs to.

use std::mem;

use crate::frame::Frame;
use crate::source_location::SourceLocation;

/// The most frames of one goroutine that are stored. Go itself prints 100.
const FRAMES: usize = 128;

/// The owner of a source location.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Owner {
    #[default]
    Nothing,
    Frame,
    Created,
    /// A frame that is not stored.
    Discarded,
}

/// The owners of the next location and of the last one.
#[derive(Default)]
pub(super) struct Places {
    next: Owner,
    /// The owner of the location that ends the line before, if no offset follows its number.
    unfinished: Owner,
}

impl Places {
    /// Returns `true` if a location is expected.
    pub(super) fn is_next(&self) -> bool {
        self.next != Owner::Nothing
    }

    pub(super) fn expect(&mut self, owner: Owner) {
        self.next = owner;
    }

    /// Returns the owner of a location that was read.
    pub(super) fn take(&mut self, has_offset: bool) -> Owner {
        let owner = mem::take(&mut self.next);
        self.unfinished = if has_offset { Owner::Nothing } else { owner };
        owner
    }

    /// Takes note of a line with other parts of a dump.
    pub(super) fn finish(&mut self) {
        self.unfinished = Owner::Nothing;
    }

    /// Returns the owner of the location that the line before may have left unfinished.
    pub(super) fn take_unfinished(&mut self) -> Owner {
        mem::take(&mut self.unfinished)
    }
}

/// Returns the digits at the start of a line that is the rest of a location, whose number a
/// terminal broke: `6 +0x81`.
pub(super) fn rest_of_a_number(content: &str) -> Option<&str> {
    let (digits, _) = content.split_once(" +0x")?;
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    is_number.then_some(digits)
}

impl SourceLocation {
    /// Appends digits to the number of the line.
    pub(super) fn continue_number(&mut self, digits: &str) {
        let number = self.line.map(|line| format!("{line}{digits}"));
        self.line = number.and_then(|number| number.parse().ok());
    }
}

/// Adds a frame to a stack, and returns the owner of the location that follows.
pub(super) fn push(frames: &mut Vec<Frame>, frame: Frame) -> Owner {
    if frames.len() >= FRAMES {
        return Owner::Discarded;
    }
    frames.push(frame);
    Owner::Frame
}

pub(super) fn set_location(frames: &mut [Frame], location: SourceLocation, has_offset: bool) {
    if let Some(frame) = frames.last_mut() {
        frame.has_offset = has_offset;
        frame.place = Some(location);
    }
}
