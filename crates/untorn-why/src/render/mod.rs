//! Renders an explanation as text: the short answer, or all that is known.

mod long;
mod short;
#[cfg(test)]
mod tests;

use std::fmt::Display;

pub(crate) use self::long::{general_advice as long_general_advice, show as show_long};
pub(crate) use self::short::{general_advice, show};

/// The emphasis of a line of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Emphasis {
    /// An ordinary line.
    None,
    /// A heading.
    Heading,
    /// A remark, less important than the lines around it.
    Aside,
}

/// A line of the explanation as text.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TextLine {
    /// How to show it.
    pub emphasis: Emphasis,
    /// The line without its line feed.
    pub text: String,
}

/// The lines so far.
#[derive(Default)]
pub(crate) struct Text(pub(crate) Vec<TextLine>);

impl Text {
    fn push(&mut self, emphasis: Emphasis, text: impl Display) {
        let text = text.to_string();
        self.0.push(TextLine { emphasis, text });
    }

    pub(crate) fn line(&mut self, text: impl Display) {
        self.push(Emphasis::None, text);
    }

    pub(crate) fn heading(&mut self, text: impl Display) {
        self.push(Emphasis::Heading, text);
    }

    pub(crate) fn aside(&mut self, text: impl Display) {
        self.push(Emphasis::Aside, text);
    }
}

/// The number of goroutines that one line lists.
const LISTED: usize = 12;

/// Formats goroutines, as `goroutines 7, 8, 9`, and the number of those that are not listed.
fn goroutines(numbers: &[u64]) -> String {
    let listed: Vec<_> = numbers.iter().take(LISTED).map(u64::to_string).collect();
    let plural = if numbers.len() == 1 { "" } else { "s" };
    let more = match numbers.len() - listed.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("goroutine{plural} {}{more}", listed.join(", "))
}
