//! Evidence from one frame of a goroutine: how its code is related to that of the detecting one.

use std::ptr;

use crate::dump::Goroutine;
use crate::evidence::Tally;
use crate::frame::Frame;
use crate::names;

/// The frames of the detecting goroutine outside of Go's own packages, innermost first.
pub(crate) struct DetectingCode<'d> {
    frames: Vec<&'d Frame>,
    /// The frame that is named as the detecting one.
    site: Option<&'d Frame>,
    writes: bool,
}

impl<'d> DetectingCode<'d> {
    pub(crate) fn new(side: Option<&'d Goroutine>, writes: bool) -> Self {
        let frames = side.map_or(&[][..], |side| &side.frames);
        Self {
            frames: frames.iter().filter(|frame| !frame.is_standard()).collect(),
            site: side.and_then(Goroutine::own),
            writes,
        }
    }

    /// Adds the evidence of one frame from its type, its literals and its place.
    pub(crate) fn relation(&self, frame: &Frame, tally: &mut Tally) {
        let Some(site) = self.site else {
            return;
        };
        if frame.function == site.function {
            let points = if self.writes { 25 } else { -6 };
            tally.say("same_function", points, || {
                format!("it runs {}, as the detecting goroutine does", site.function)
            });
        }
        if !self.only_reads(frame) {
            self.type_or_literal(site, frame, tally);
            location(site, frame, tally);
        }
    }

    /// Returns `true` if the detecting goroutine runs the function too, and does not write: what it
    /// is called and where it is says nothing then.
    fn only_reads(&self, frame: &Frame) -> bool {
        let mut frames = self.frames.iter();
        !self.writes && frames.any(|of| of.function == frame.function)
    }

    /// Returns the word of the frame's name that suggests a write.
    pub(crate) fn word(&self, frame: &Frame) -> Option<String> {
        names::update_word(frame).filter(|_| !self.only_reads(frame))
    }

    fn type_or_literal(&self, site: &Frame, frame: &Frame, tally: &mut Tally) {
        // A function on both stacks, such as the one that calls all handlers, relates nothing.
        if self.frames.iter().any(|of| of.function == frame.function) {
            return;
        }
        let further = |of: &Frame, points: i32| {
            if ptr::eq(of, site) {
                points
            } else {
                points - 6
            }
        };
        if let Some(of) = self.find(site, |of| are_literals_of_one(of, frame)) {
            tally.say("same_enclosing", further(of, 26), || {
                format!(
                    "{} and the detecting {} are literals of one function, and may capture the same variable",
                    frame.function, of.function
                )
            });
        } else if let Some(of) = self.find(site, |of| have_one_type(of, frame)) {
            tally.say("same_type", further(of, 20), || {
                let detecting = if ptr::eq(of, site) {
                    "detecting "
                } else {
                    "detecting goroutine's "
                };
                format!(
                    "{} is a method of the same type as the {detecting}{}",
                    frame.function, of.function
                )
            });
        }
    }

    /// Finds a frame of the detecting goroutine, first the one that is named.
    fn find(&self, site: &'d Frame, of: impl Fn(&Frame) -> bool) -> Option<&'d Frame> {
        let mut all = std::iter::once(site).chain(self.frames.iter().copied());
        all.find(|frame| of(frame))
    }
}

fn are_literals_of_one(one: &Frame, other: &Frame) -> bool {
    one.enclosing()
        .is_some_and(|of| Some(of) == other.enclosing())
}

fn have_one_type(one: &Frame, other: &Frame) -> bool {
    type_of(one).is_some_and(|of| Some(of) == type_of(other)) && are_in_one_package(one, other)
}

/// Returns the type of the receiver. The name of a literal may begin with the function into which
/// the one around it was inlined: `main.run.(*T).Listen.func1`.
fn type_of(frame: &Frame) -> Option<&str> {
    let inlined = || {
        let (_, rest) = frame.in_package().rsplit_once("(*")?;
        rest.split(')').next()
    };
    frame.receiver().or_else(inlined)
}

fn are_in_one_package(one: &Frame, other: &Frame) -> bool {
    one.package() == other.package() || folder(one).is_some_and(|of| Some(of) == folder(other))
}

fn file(frame: &Frame) -> Option<&str> {
    frame.place.as_ref().map(|place| place.file.as_str())
}

fn folder(frame: &Frame) -> Option<&str> {
    Some(file(frame)?.rsplit_once('/')?.0)
}

/// Adds evidence if the frame is near the detecting one in the source.
fn location(site: &Frame, frame: &Frame, tally: &mut Tally) {
    if site.place.is_some() && file(frame) == file(site) {
        tally.say("same_file", 8, || {
            let base = site.place.as_ref().map_or("", |place| place.base());
            format!("its code is in the same file, {base}")
        });
    } else if frame.package() == site.package() {
        tally.say("same_package", 4, || {
            format!("its code is in the same package, {}", site.package())
        });
    }
}
