//! The order of the lines: some viewers show the newest line first.

use std::mem;

use super::entries::Line;
use super::lexer::beginning;

/// The most bytes that are reordered.
const LONGEST: usize = 64 << 20;
/// The number of lines after which an order that is not known is taken for the usual one.
const UNDECIDED: usize = 4096;

/// Brings lines into the order in which they were printed.
pub(super) struct Order {
    /// The most bytes that are held.
    most: usize,
    state: State,
    held: Vec<Line>,
    bytes: usize,
    last: Shape,
    before: Shape,
    /// `true` if the input has the newest line first, and is too long to be reordered.
    pub(super) too_long: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// No line of a stack so far.
    #[default]
    Unknown,
    /// Lines of a stack before its header: the lines are held.
    Undecided,
    Oldest,
    Newest,
}

/// The shape of a line, whatever its prefix.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Shape {
    #[default]
    Other,
    Call,
    Place,
    Beginning,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            most: LONGEST,
            state: State::default(),
            held: vec![],
            bytes: 0,
            last: Shape::default(),
            before: Shape::default(),
            too_long: false,
        }
    }
}

impl Order {
    /// Takes a line, and appends those whose order is known to `ready`.
    pub(super) fn push(&mut self, line: Line, ready: &mut Vec<Line>) {
        match self.state {
            State::Oldest => ready.push(line),
            State::Newest => self.hold(line),
            State::Unknown | State::Undecided => self.decide(line, ready),
        }
    }

    fn decide(&mut self, line: Line, ready: &mut Vec<Line>) {
        let shape = shape(&line.text);
        let (before, last) = (self.before, self.last);
        if shape != Shape::Other {
            (self.before, self.last) = (last, shape);
        }
        match (self.state, shape) {
            (State::Unknown, Shape::Other) => ready.push(line),
            // The usual order: a header, then the calls.
            (State::Unknown, Shape::Beginning) => {
                self.state = State::Oldest;
                ready.push(line);
            }
            (_, Shape::Beginning) => {
                // The innermost call stands directly below its header, and its location before it.
                let newest = last == Shape::Call && before == Shape::Place;
                self.state = if newest { State::Newest } else { State::Oldest };
                self.hold(line);
                if !newest {
                    ready.append(&mut self.held);
                }
            }
            _ => {
                self.state = State::Undecided;
                self.hold(line);
                if self.held.len() > UNDECIDED {
                    self.state = State::Unknown;
                    ready.append(&mut self.held);
                    self.bytes = 0;
                }
            }
        }
    }

    fn hold(&mut self, line: Line) {
        self.bytes += line.text.len() + size_of::<Line>();
        if self.bytes > self.most {
            self.too_long = true;
        } else {
            self.held.push(line);
        }
    }

    /// Returns `true` if the input has the newest line first.
    pub(super) fn is_newest_first(&self) -> bool {
        self.state == State::Newest
    }

    /// Appends the lines that are held, at the end of the input.
    pub(super) fn finish(&mut self, ready: &mut Vec<Line>) {
        let held = mem::take(&mut self.held);
        match self.state {
            State::Newest => ready.extend(held.into_iter().rev()),
            _ => ready.extend(held),
        }
    }
}

fn shape(text: &str) -> Shape {
    let text = text.trim_end().trim_end_matches(['"', '\'', ',', '}']);
    let numbered = |at: usize| text[at + 4..].starts_with(|c: char| c.is_ascii_digit());
    if beginning(text).is_some() {
        Shape::Beginning
    } else if text.find(".go:").is_some_and(numbered) {
        Shape::Place
    } else if (text.ends_with(')') && text.contains('.') && text.contains('('))
        || text.contains("created by ")
    {
        Shape::Call
    } else {
        Shape::Other
    }
}

#[cfg(test)]
mod tests {
    use super::super::entries::Line;
    use super::Order;

    fn ordered(input: &[&str]) -> (Vec<String>, bool) {
        let mut order = Order::default();
        let mut ready = vec![];
        for (index, text) in input.iter().enumerate() {
            let line = Line {
                number: index as u64 + 1,
                text: (*text).to_owned(),
                ended: true,
            };
            order.push(line, &mut ready);
        }
        let newest = order.is_newest_first();
        order.finish(&mut ready);
        (ready.into_iter().map(|line| line.text).collect(), newest)
    }

    const DUMP: [&str; 9] = [
        "listening",
        "fatal error: concurrent map writes",
        "",
        "goroutine 7 [running]:",
        "main.f(0x1)",
        "\t/a.go:3 +0x1",
        "created by main.main",
        "\t/a.go:9 +0x1",
        "exit status 2",
    ];

    #[test]
    fn usual_order_stays() {
        assert_eq!(ordered(&DUMP), (DUMP.map(String::from).into(), false));
        let tail = &DUMP[5..];
        assert_eq!(ordered(tail).0, tail, "a log that begins inside a stack");
        let second: Vec<_> = [tail, &DUMP].concat();
        assert_eq!(
            ordered(&second),
            (second.iter().map(|&s| s.into()).collect(), false)
        );
    }

    #[test]
    fn what_exceeds_the_bound_is_dropped_and_stated() {
        let mut order = Order {
            most: 1_000,
            ..Order::default()
        };
        let mut ready = vec![];
        let oldest = std::iter::repeat_n(&"GET /healthz 200", 100);
        for (number, text) in (1..).zip(DUMP.iter().rev().chain(oldest)) {
            let text = (*text).to_owned();
            let ended = true;
            let line = Line {
                number,
                text,
                ended,
            };
            order.push(line, &mut ready);
        }
        assert!(order.too_long && order.is_newest_first());
        order.finish(&mut ready);
        let texts: Vec<_> = ready.iter().map(|line| line.text.as_str()).collect();
        assert!(texts.ends_with(&DUMP[1..8]), "{texts:?}");
        assert!(texts.len() < 40, "{}", texts.len());
    }

    #[test]
    fn newest_first_is_reversed() {
        let mut reversed = DUMP;
        reversed.reverse();
        let (lines, newest) = ordered(&reversed);
        assert!(newest);
        // Lines before the first one of a stack are not held.
        assert_eq!(lines[0], "exit status 2");
        assert_eq!(lines[1..], DUMP[..8]);
    }
}
