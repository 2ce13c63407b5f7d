//! Finds the dumps in an input, line by line, in bounded memory.

use std::io::{self, BufRead};
use std::mem;

use crate::dump::{
    Banner, Crash, Created, Found, Goroutine, Input, Kind, Other, Race, Side, Started, Unread,
};
use crate::evidence::Detecting;
use crate::frame::Frame;
use crate::line::{Line, Lines};
use crate::source_location::SourceLocation;

/// The most dumps of one input that are explained; the others are counted.
const DUMPS: usize = 8;
/// The number of goroutines of one dump that are stored: the likeliest writers.
const GOROUTINES: usize = 64;
/// The most frames of one goroutine that are stored. Go itself prints 100.
const FRAMES: usize = 128;
const BANNERS: usize = 8;
const STATES: usize = 64;
const OTHERS: usize = 8;
/// The number of consecutive foreign lines after which a dump is considered complete.
const FOREIGN_LINES: u64 = 20;
const UNREAD_SHOWN: usize = 3;

/// Parses all of `input`.
pub(crate) fn read(input: impl BufRead) -> io::Result<Input> {
    let mut lines = Lines::new(input);
    let mut parser = Parser::default();
    while let Some(line) = lines.next()? {
        parser.line(&line);
    }
    parser.finish();
    Ok(parser.input)
}

/// The owner of the next source location.
#[derive(Default)]
enum Pending {
    #[default]
    Nothing,
    Frame,
    Created,
}

/// The dump that is being parsed.
#[derive(Default)]
enum Current {
    #[default]
    Nothing,
    /// A crash dump, and the goroutine that is being parsed.
    Crash(Box<Crash>, Option<Box<Goroutine>>),
    Race(Race, InRace),
    /// A dump of another kind.
    Other,
}

/// The stack of a race report to which frames belong.
#[derive(Default)]
enum InRace {
    #[default]
    Head,
    Side,
    Started,
}

#[derive(Default)]
struct Parser {
    input: Input,
    current: Current,
    pending: Pending,
    foreign: u64,
}

impl Parser {
    fn line(&mut self, line: &Line) {
        self.input.lines = line.number;
        let text = line.text.trim_end();
        if text.is_empty() {
            return;
        }
        if self.beginning(line.number, text) || self.inside(line, text) {
            self.foreign = 0;
            match &mut self.current {
                Current::Crash(crash, _) => crash.last = line.number,
                Current::Race(race, _) => race.last = line.number,
                Current::Nothing | Current::Other => {}
            }
            return;
        }
        self.pending = Pending::Nothing;
        self.foreign += 1;
        let unread = match &mut self.current {
            Current::Crash(crash, _) => &mut crash.unread,
            Current::Race(race, _) => &mut race.unread,
            Current::Nothing | Current::Other => return,
        };
        unread.add(line.number, text);
        if self.foreign > FOREIGN_LINES {
            self.finish();
        }
    }

    /// Parses the first line of a dump or of a goroutine. Returns `false` for any other line.
    fn beginning(&mut self, at: u64, text: &str) -> bool {
        if let Some(message) = text.strip_prefix("fatal error: ") {
            match Kind::of_message(message) {
                Some(kind) => self.banner(at, text, kind),
                None => self.other(at, text),
            }
        } else if text.starts_with("panic: ") {
            self.other(at, text);
        } else if text.starts_with("WARNING: DATA RACE") {
            self.finish();
            let race = Race {
                at,
                ..Race::default()
            };
            self.current = Current::Race(race, InRace::Head);
        } else if let Some(goroutine) = header(at, text) {
            self.goroutine(goroutine);
        } else {
            return false;
        }
        self.pending = Pending::Nothing;
        true
    }

    /// Adds a fatal message. Two goroutines that detect an overlap at once print their messages one
    /// after the other, then their stacks.
    fn banner(&mut self, at: u64, text: &str, kind: Kind) {
        let banner = Banner {
            at,
            text: text.to_owned(),
            kind,
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
                    ..Crash::default()
                };
                self.current = Current::Crash(Box::new(crash), None);
            }
        }
    }

    fn other(&mut self, at: u64, text: &str) {
        self.finish();
        self.current = Current::Other;
        if self.input.others.len() < OTHERS {
            let text = text.to_owned();
            self.input.others.push(Other { line: at, text });
        }
    }

    fn goroutine(&mut self, goroutine: Goroutine) {
        match &mut self.current {
            Current::Crash(crash, open) => {
                if let Some(before) = open.take() {
                    crash.add(*before);
                }
                // The program was restarted and crashed again, without output in between.
                let again = crash
                    .noticed
                    .iter()
                    .any(|one| one.number == goroutine.number);
                if again
                    && let Some(banner) = crash.banners.pop_if(|last| last.at + 2 >= goroutine.at)
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
            Current::Other => {}
            Current::Nothing | Current::Race(..) => {
                let text = format!("goroutine {} [{}]", goroutine.number, goroutine.state);
                self.other(goroutine.at, &text);
            }
        }
    }

    /// Parses a line inside the current dump. Returns `false` if it is not part of it.
    fn inside(&mut self, line: &Line, text: &str) -> bool {
        let at = line.number;
        match &mut self.current {
            Current::Nothing => false,
            Current::Other => true,
            Current::Crash(crash, open) => {
                if let Some(status) = text.strip_prefix("exit status ") {
                    let status = status.parse().ok().filter(|_| line.ended || at > 1);
                    crash.exit = status.map(|status| (at, status));
                    crash.last = at;
                    self.finish();
                    return true;
                }
                if text == "runtime stack:" {
                    if let Some(before) = open.take() {
                        crash.add(*before);
                    }
                    return true;
                }
                let Some(goroutine) = open else {
                    // The stack of a thread of the runtime.
                    return Frame::read(at, text).is_some()
                        || SourceLocation::read(&line.text, true).is_some();
                };
                let trimmed = text.trim_start();
                if trimmed.starts_with("...") && trimmed.contains("frames elided") {
                    goroutine.elided = Some(at);
                } else if trimmed
                    .starts_with("goroutine running on other thread; stack unavailable")
                {
                    goroutine.elsewhere = Some(at);
                } else if let Some(created) = created(at, text, line.ended) {
                    goroutine.created = Some(created);
                    self.pending = Pending::Created;
                } else if let Some(location) = SourceLocation::read(&line.text, line.ended) {
                    match mem::take(&mut self.pending) {
                        Pending::Nothing => return false,
                        Pending::Frame => set_location(&mut goroutine.frames, location, text),
                        Pending::Created => {
                            if let Some(created) = &mut goroutine.created {
                                created.place = Some(location);
                            }
                        }
                    }
                } else if let Some(frame) = Frame::read(at, text) {
                    self.pending = push(&mut goroutine.frames, frame);
                } else {
                    return false;
                }
                true
            }
            Current::Race(race, part) => {
                if text.starts_with("======") {
                    race.last = at;
                    race.ended = true;
                    self.finish();
                    return true;
                }
                let trimmed = text.trim_start();
                if let Some(side) = side(at, trimmed) {
                    race.sides.push(side);
                    race.sides.truncate(2);
                    *part = InRace::Side;
                    return true;
                }
                if let Some(goroutine) = started(trimmed) {
                    race.started.push(Started {
                        at,
                        goroutine,
                        frames: vec![],
                    });
                    race.started.truncate(2);
                    *part = InRace::Started;
                    return true;
                }
                if trimmed == "[failed to restore the stack]" {
                    if let (InRace::Side, Some(side)) = (part, race.sides.last_mut()) {
                        side.lost = Some(at);
                    }
                    return true;
                }
                let frames = match part {
                    InRace::Head => None,
                    InRace::Side => race.sides.last_mut().map(|side| &mut side.frames),
                    InRace::Started => race.started.last_mut().map(|started| &mut started.frames),
                };
                let Some(frames) = frames else {
                    return false;
                };
                if let Some(location) = SourceLocation::read(&line.text, line.ended)
                    .filter(|_| matches!(self.pending, Pending::Frame))
                {
                    self.pending = Pending::Nothing;
                    set_location(frames, location, text);
                } else if let Some(frame) = Frame::read(at, trimmed) {
                    self.pending = push(frames, frame);
                } else {
                    return false;
                }
                true
            }
        }
    }

    /// Ends the current dump.
    fn finish(&mut self) {
        self.pending = Pending::Nothing;
        self.foreign = 0;
        let found = match mem::take(&mut self.current) {
            Current::Nothing | Current::Other => return,
            Current::Crash(mut crash, open) => {
                if let Some(goroutine) = open {
                    crash.add(*goroutine);
                }
                Found::Crash(*crash)
            }
            Current::Race(race, _) => Found::Race(race),
        };
        if self.input.found.len() < DUMPS {
            self.input.found.push(found);
        } else {
            self.input.more += 1;
        }
    }
}

impl Crash {
    fn add(&mut self, goroutine: Goroutine) {
        self.goroutines += 1;
        self.passes(&goroutine);
        if self.states.len() < STATES || self.states.contains_key(&goroutine.state) {
            *self.states.entry(goroutine.state.clone()).or_default() += 1;
        }
        // The goroutines that detected an overlap are printed first, with their stacks.
        let noticed = self.noticed.len() < self.banners.len()
            && self.others.is_empty()
            && goroutine.state.starts_with("running")
            && goroutine.elsewhere.is_none();
        if noticed {
            self.noticed.push(goroutine);
            return;
        }
        // A second one ran on while the others were printed, and prints its stack after them.
        let second = self.noticed.len() < self.banners.len() && goroutine.elsewhere.is_none();
        if second
            && let Some(index) = self
                .others
                .iter()
                .position(|one| one.number == goroutine.number)
        {
            // It was counted at its first occurrence.
            let before = self.others.remove(index).state;
            self.goroutines -= 1;
            if let Some(count) = self.states.get_mut(&before) {
                *count -= 1;
            }
            self.noticed.push(goroutine);
            return;
        }
        self.others.push(goroutine);
        if self.others.len() >= 2 * GOROUTINES {
            let detecting = Detecting::new(&self.noticed, &self.banners);
            self.others.sort_by_cached_key(|one| -detecting.points(one));
            self.others.truncate(GOROUTINES);
        }
    }
}

impl Unread {
    fn add(&mut self, at: u64, text: &str) {
        self.lines += 1;
        if self.first.len() < UNREAD_SHOWN {
            self.first.push((at, text.chars().take(120).collect()));
        }
    }
}

fn push(frames: &mut Vec<Frame>, frame: Frame) -> Pending {
    if frames.len() < FRAMES {
        frames.push(frame);
        Pending::Frame
    } else {
        // Its location is parsed and discarded.
        Pending::Created
    }
}

fn set_location(frames: &mut [Frame], location: SourceLocation, text: &str) {
    if let Some(frame) = frames.last_mut() {
        frame.has_offset = text.contains(" +0x");
        frame.place = Some(location);
    }
}

/// Parses `goroutine 7 gp=0x1 m=2 mp=0x3 [chan receive, 5 minutes, locked to thread]:`.
fn header(at: u64, text: &str) -> Option<Goroutine> {
    let rest = text.strip_prefix("goroutine ")?.strip_suffix(':')?;
    let (name, state) = rest.split_once(" [")?;
    let number = name.split(' ').next()?.parse().ok()?;
    let (state, _) = state.split_once(']')?;
    let mut parts = state.split(", ");
    let state = parts.next().unwrap_or("").to_owned();
    let minutes = parts.find_map(|part| part.strip_suffix(" minutes"));
    Some(Goroutine {
        at,
        number,
        state,
        minutes: minutes
            .and_then(|minutes| minutes.parse().ok())
            .unwrap_or(0),
        ..Goroutine::default()
    })
}

/// Parses `created by main.main in goroutine 1`.
fn created(at: u64, text: &str, ended: bool) -> Option<Created> {
    let rest = text.strip_prefix("created by ").filter(|_| ended)?;
    let function = rest.split(" in goroutine ").next().unwrap_or(rest);
    Some(Created {
        at,
        function: function.to_owned(),
        place: None,
    })
}

/// Parses `Previous write at 0x00c00008ab10 by goroutine 8:`.
fn side(at: u64, text: &str) -> Option<Side> {
    let (what, rest) = text.strip_suffix(':')?.split_once(" at 0x")?;
    let (address, name) = rest.split_once(" by ")?;
    let what = what.to_lowercase();
    let what = what
        .trim_start_matches("previous ")
        .trim_start_matches("atomic ");
    let writes = match what {
        "read" => false,
        "write" => true,
        _ => return None,
    };
    let goroutine = match name {
        "main goroutine" => None,
        name => Some(name.strip_prefix("goroutine ")?.parse().ok()?),
    };
    Some(Side {
        at,
        text: text.to_owned(),
        writes,
        address: u64::from_str_radix(address, 16).ok()?,
        goroutine,
        frames: vec![],
        lost: None,
    })
}

/// Parses `Goroutine 8 (running) created at:`.
fn started(text: &str) -> Option<u64> {
    let rest = text
        .strip_prefix("Goroutine ")?
        .strip_suffix(" created at:")?;
    rest.split(' ').next()?.parse().ok()
}
