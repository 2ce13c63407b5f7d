//! Builds dumps from the tokens of one program's output, in bounded memory.

use std::mem;

use super::joined::{Held, Reading};
use super::lexer::{Context, Token, beginning, looks_like_a_stack, tokens};
use super::places::{Owner, Places, push, rest_of_a_number, set_location};
use super::prefix::makes_a_mention;
use super::race::InRace;
use crate::dump::{Banner, Crash, Created, Found, Goroutine, Message, Other, Race};
use crate::frame::Frame;

const BANNERS: usize = 8;
/// The number of consecutive foreign lines after which a dump is considered complete.
const FOREIGN_LINES: u64 = 20;
/// The number of lines within which the parts of a torn message, and the first stack, follow.
const TORN: u64 = 4;

/// The dump that is being read.
#[derive(Default)]
enum Current {
    #[default]
    Nothing,
    /// A crash dump, and the goroutine that is being read.
    Crash(Box<Crash>, Option<Box<Goroutine>>),
    Race(Box<Race>, InRace),
    /// A dump of another kind.
    Other(Other),
}

/// A finished part of an input.
#[derive(Debug)]
pub(super) enum Part {
    Dump(Found),
    Other(Other),
}

/// Reads the dumps in the output of one program.
#[derive(Default)]
pub(super) struct Dumps {
    current: Current,
    places: Places,
    foreign: u64,
    held: Held,
    /// `true` in the stack of a thread of the runtime, which is read and discarded.
    in_runtime_stack: bool,
    /// A message without `fatal error:`, which counts if a stack follows.
    message: Option<(u64, Vec<Message>)>,
    /// `true` if the text before the next line, which is no part of it, makes a message in it a
    /// mention.
    mentions: bool,
    finished: Vec<Part>,
}

impl Dumps {
    /// Returns `true` inside a dump.
    pub(super) fn is_inside(&self) -> bool {
        !matches!(self.current, Current::Nothing)
    }

    /// Returns `true` between the fatal message of a crash and its first stack.
    pub(super) fn expects_a_stack(&self) -> bool {
        matches!(&self.current, Current::Crash(crash, open) if open.is_none() && crash.noticed.is_empty())
    }

    /// Marks the current dump as mixed with that of another program, from line `at` on.
    pub(super) fn mixed(&mut self, at: u64) {
        if let Current::Crash(crash, _) = &mut self.current {
            crash.mixed.get_or_insert(at);
        }
    }

    /// Returns what is finished since the last call.
    pub(super) fn take_finished(&mut self) -> impl Iterator<Item = Part> {
        self.finished.drain(..)
    }

    /// Takes note of what stands before the next line and is no part of it.
    pub(super) fn follows(&mut self, before: &str) {
        self.mentions = makes_a_mention(before);
    }

    /// Reads a line of which the prefix was removed.
    pub(super) fn line(&mut self, at: u64, content: &str, ended: bool) {
        if content.trim().is_empty() {
            return;
        }
        let context = Context {
            in_dump: self.is_inside(),
            place_is_next: self.places.is_next() || self.held.has_call(),
            ended,
        };
        let found = tokens(content, context);
        if !context.in_dump {
            self.tokens(at, at, content, found, ended);
            return;
        }
        let step = self.held.step(at, content, &found, context);
        if let Some((at, text)) = step.dropped {
            self.foreign(at, &text);
        }
        if let Some(frame) = step.call {
            self.frame(frame);
        }
        match step.reading {
            Reading::Alone => self.tokens(at, at, content, found, ended),
            Reading::Joined(first, text) => {
                let found = tokens(&text, context);
                self.tokens(first, at, &text, found, ended);
            }
            Reading::Later => {}
        }
    }

    /// Reads a line that continues the number of the location before it.
    fn continues_a_number(&mut self, content: &str) -> bool {
        let owner = self.places.take_unfinished();
        let Some(digits) = rest_of_a_number(content) else {
            return false;
        };
        let place = match (&mut self.current, owner) {
            (Current::Crash(_, Some(goroutine)), Owner::Created) => {
                let created = goroutine.created.as_mut();
                created.and_then(|created| created.place.as_mut())
            }
            (_, Owner::Frame) => self
                .frames()
                .and_then(|frames| frames.last_mut()?.place.as_mut()),
            _ => None,
        };
        place.is_some_and(|place| {
            place.continue_number(digits);
            true
        })
    }

    /// Reads the tokens of the lines from `first` to `last`.
    fn tokens(&mut self, first: u64, last: u64, content: &str, found: Vec<Token<'_>>, ended: bool) {
        let mut read = false;
        if !found.is_empty() {
            self.places.finish();
        }
        for token in found {
            read |= self.token(first, content, token, ended);
        }
        if read || self.continues_a_number(content) {
            self.read(last);
        } else {
            self.foreign(first, content);
        }
    }

    fn read(&mut self, at: u64) {
        self.foreign = 0;
        match &mut self.current {
            Current::Crash(crash, _) => crash.last = at,
            Current::Race(race, _) => race.last = at,
            Current::Nothing | Current::Other(_) => {}
        }
    }

    fn foreign(&mut self, at: u64, text: &str) {
        if !text.contains(char::is_alphanumeric) {
            return;
        }
        // Output of the program may stand between a call and its location.
        if looks_like_a_stack(text) {
            self.places.expect(Owner::Nothing);
        }
        self.foreign += 1;
        let unread = match &mut self.current {
            Current::Crash(crash, open) => {
                let without = open
                    .as_ref()
                    .map_or(crash.noticed.is_empty(), |open| open.frames.is_empty());
                if without && looks_like_a_stack(text) {
                    crash.unreadable.get_or_insert(at);
                }
                &mut crash.unread
            }
            Current::Race(race, _) => &mut race.unread,
            Current::Nothing | Current::Other(_) => return,
        };
        unread.add(at, text);
        if self.foreign > FOREIGN_LINES {
            self.finish();
        }
    }

    /// Reads a token. Returns `false` if it is not part of the current dump.
    fn token(&mut self, at: u64, content: &str, token: Token<'_>, ended: bool) -> bool {
        match token {
            Token::Fatal(messages) => {
                self.earlier_message(at);
                for message in messages {
                    self.banner(at, message);
                }
            }
            Token::Message(messages) => return self.torn_message(at, messages),
            Token::Other => self.other(at, content),
            Token::Race => {
                self.finish();
                let race = Race {
                    at,
                    ..Race::default()
                };
                self.current = Current::Race(Box::new(race), InRace::Head);
            }
            Token::Header {
                number,
                state,
                minutes,
            } => self.header(Goroutine {
                at,
                number,
                state: state.to_owned(),
                minutes,
                ..Goroutine::default()
            }),
            token => {
                return match &self.current {
                    Current::Nothing => false,
                    Current::Other(_) => true,
                    Current::Crash(..) => self.in_crash(at, token, ended),
                    Current::Race(..) => self.in_race(at, content, token),
                };
            }
        }
        self.places.expect(Owner::Nothing);
        true
    }

    /// Adds a fatal message. Two goroutines that detect an overlap at once print their messages one
    /// after the other, then their stacks.
    fn banner(&mut self, at: u64, (message, kind): Message) {
        let banner = Banner {
            at,
            text: format!("fatal error: {message}"),
            kind,
            is_mention: self.mentions,
        };
        match &mut self.current {
            Current::Crash(crash, _)
                if crash.others.is_empty()
                    && crash.noticed.len() < 2
                    && self.foreign == 0
                    && crash.banners.len() < BANNERS =>
            {
                crash.banners.push(banner);
            }
            _ => {
                self.finish();
                let crash = Crash {
                    banners: vec![banner],
                    last: at,
                    ..Crash::default()
                };
                self.current = Current::Crash(Box::new(crash), None);
            }
        }
    }

    /// Adds a message whose `fatal error:` stands in a line before, or was lost.
    fn torn_message(&mut self, at: u64, messages: Vec<Message>) -> bool {
        let near = |before: u64| at.abs_diff(before) <= TORN;
        match &self.current {
            // The text of the program between both is no message of the runtime.
            Current::Other(before)
                if near(before.line) && before.text.starts_with("fatal error: ") =>
            {
                self.current = Current::Nothing;
            }
            Current::Crash(..) if self.expects_a_stack() => {}
            Current::Crash(..) | Current::Race(..) | Current::Other(_) => return false,
            Current::Nothing => {
                self.message = Some((at, messages));
                return true;
            }
        }
        for message in messages {
            self.banner(at, message);
        }
        true
    }

    /// Adds a message without its beginning, if it stands shortly before line `at`.
    fn earlier_message(&mut self, at: u64) {
        if let (Current::Nothing, Some((first, messages))) = (&self.current, self.message.take())
            && first.abs_diff(at) <= TORN
        {
            for message in messages {
                self.banner(first, message);
            }
        }
    }

    fn other(&mut self, at: u64, content: &str) {
        self.finish();
        let start = beginning(content).map_or(0, |(start, _)| start);
        self.current = Current::Other(Other {
            line: at,
            text: content[start..].trim().chars().take(400).collect(),
            is_mention: false,
        });
    }

    fn header(&mut self, goroutine: Goroutine) {
        self.earlier_message(goroutine.at);
        self.in_runtime_stack = false;
        match &mut self.current {
            Current::Crash(crash, open) => {
                if let Some(before) = open.take() {
                    // The headers of two programs' dumps, line by line.
                    if before.frames.is_empty() && before.elsewhere.is_none() && self.foreign == 0 {
                        crash.mixed.get_or_insert(goroutine.at);
                    }
                    crash.add(*before);
                }
                // The program was restarted and crashed again, without output in between.
                let again = crash
                    .noticed
                    .iter()
                    .any(|one| one.number == goroutine.number);
                if again
                    && let Some(banner) = crash
                        .banners
                        .pop_if(|last| last.at.abs_diff(goroutine.at) <= 2)
                {
                    self.finish();
                    let crash = Crash {
                        banners: vec![banner],
                        ..Crash::default()
                    };
                    self.current = Current::Crash(Box::new(crash), Some(Box::new(goroutine)));
                } else {
                    *open = Some(Box::new(goroutine));
                }
            }
            Current::Other(_) => {}
            Current::Nothing | Current::Race(..) => {
                let text = format!("goroutine {} [{}]", goroutine.number, goroutine.state);
                self.other(goroutine.at, &text);
            }
        }
    }

    fn in_crash(&mut self, at: u64, token: Token<'_>, ended: bool) -> bool {
        let Current::Crash(crash, open) = &mut self.current else {
            return false;
        };
        match token {
            Token::Exit(status) => {
                let status = status.parse().ok().filter(|_| ended || at > 1);
                crash.exit = status.map(|status| (at, status));
                crash.last = at;
                self.finish();
                return true;
            }
            Token::RuntimeStack => {
                if let Some(before) = open.take() {
                    crash.add(*before);
                }
                self.in_runtime_stack = true;
                return true;
            }
            _ => {}
        }
        let Some(goroutine) = open else {
            let of_stack = matches!(token, Token::Call(_) | Token::Place { .. });
            return of_stack && self.in_runtime_stack;
        };
        match token {
            Token::Elided => goroutine.elided = Some(at),
            Token::Elsewhere => goroutine.elsewhere = Some(at),
            Token::Created(function) => {
                goroutine.created = Some(Created {
                    at,
                    function: function.to_owned(),
                    place: None,
                });
                self.places.expect(Owner::Created);
            }
            Token::Place {
                location,
                has_offset,
            } => match self.places.take(has_offset) {
                Owner::Nothing => return false,
                Owner::Discarded => {}
                Owner::Frame => set_location(&mut goroutine.frames, location, has_offset),
                Owner::Created => {
                    if let Some(created) = &mut goroutine.created {
                        created.place = Some(location);
                    }
                }
            },
            Token::Call(call) => self.frame(Frame::new(at, call.function, call.args)),
            _ => return false,
        }
        true
    }

    fn in_race(&mut self, at: u64, content: &str, token: Token<'_>) -> bool {
        let Current::Race(race, part) = &mut self.current else {
            return false;
        };
        let read = race.read(at, content, token, part, &mut self.places);
        if race.ended {
            self.finish();
        }
        read
    }

    /// Adds a frame to the stack that is being read.
    fn frame(&mut self, frame: Frame) {
        let Some(frames) = self.frames() else {
            return;
        };
        let owner = push(frames, frame);
        self.places.expect(owner);
    }

    /// Returns the stack that is being read.
    fn frames(&mut self) -> Option<&mut Vec<Frame>> {
        match &mut self.current {
            Current::Crash(_, Some(goroutine)) => Some(&mut goroutine.frames),
            Current::Race(race, part) => race.frames(*part),
            _ => None,
        }
    }

    /// Ends the current dump.
    pub(super) fn finish(&mut self) {
        if let Some((at, text)) = self.held.take() {
            // Not `foreign`, which may finish the dump.
            match &mut self.current {
                Current::Crash(crash, _) => crash.unread.add(at, &text),
                Current::Race(race, _) => race.unread.add(at, &text),
                Current::Nothing | Current::Other(_) => {}
            }
        }
        self.places.expect(Owner::Nothing);
        self.foreign = 0;
        self.in_runtime_stack = false;
        let found = match mem::take(&mut self.current) {
            Current::Nothing => return,
            Current::Other(other) => return self.finished.push(Part::Other(other)),
            Current::Crash(mut crash, open) => {
                if let Some(goroutine) = open {
                    crash.add(*goroutine);
                }
                if let Some(banner) = crash.banners.first().filter(|_| crash.is_a_mention()) {
                    let mention = Other {
                        line: banner.at,
                        text: banner.text.clone(),
                        is_mention: true,
                    };
                    return self.finished.push(Part::Other(mention));
                }
                Found::Crash(*crash)
            }
            Current::Race(race, _) => Found::Race(*race),
        };
        self.finished.push(Part::Dump(found));
    }
}
