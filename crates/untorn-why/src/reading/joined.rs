//! Lines that a terminal or a person has wrapped, and calls that only their location proves.

use super::lexer::{Call, Context, Token, tokens};
use crate::frame::Frame;

/// The most bytes and lines that are joined.
const LONGEST: usize = 2048;
const LINES: u32 = 24;

/// A line that has no meaning by itself, until the next one decides.
#[derive(Default)]
pub(super) struct Held(Option<Line>);

struct Line {
    at: u64,
    text: String,
    /// The number of lines of the input in it.
    lines: u32,
    /// The call in it, whose arguments are not in Go's form or do not end.
    call: Option<Frame>,
    context: Context,
}

/// The way to read a line.
pub(super) enum Reading {
    /// By its own tokens.
    Alone,
    /// Joined with the lines before it, the first of which has this number.
    Joined(u64, String),
    /// Not before the next line is known.
    Later,
}

/// The reading of a line, and of the line that was held before it.
pub(super) struct Step {
    /// The line before, if it is not part of the dump.
    pub(super) dropped: Option<(u64, String)>,
    /// The call in the line before, if this line begins with its location.
    pub(super) call: Option<Frame>,
    pub(super) reading: Reading,
}

impl Held {
    /// Returns `true` if a call awaits its location.
    pub(super) fn has_call(&self) -> bool {
        self.0.as_ref().is_some_and(|line| line.call.is_some())
    }

    /// Takes the line that is held.
    pub(super) fn take(&mut self) -> Option<(u64, String)> {
        self.0.take().map(|line| (line.at, line.text))
    }

    /// Decides how a line inside a dump is read, whose own tokens are `found`.
    pub(super) fn step(
        &mut self,
        at: u64,
        content: &str,
        found: &[Token<'_>],
        context: Context,
    ) -> Step {
        let mut step = Step {
            dropped: None,
            call: None,
            reading: Reading::Alone,
        };
        let unsure = is_unsure(found);
        if let Some(held) = self.0.take() {
            if held.call.is_some() && matches!(found.first(), Some(Token::Place { .. })) {
                step.call = held.call;
                return step;
            }
            if let Some(joined) = held.join(content, unsure) {
                if !is_unsure(&tokens(&joined, held.context)) {
                    step.reading = Reading::Joined(held.at, joined);
                    return step;
                }
                if unsure && held.call.is_some() && !content.trim_end().ends_with(')') {
                    self.0 = Some(Line {
                        text: joined,
                        lines: held.lines + 1,
                        ..held
                    });
                    step.reading = Reading::Later;
                    return step;
                }
            }
            step.dropped = Some((held.at, held.text));
        }
        let call = found.first().and_then(|token| match token {
            Token::Call(call) if !call.sure => Some(frame(at, call)),
            _ => None,
        });
        if call.is_some() || (found.is_empty() && is_fragment(content)) {
            self.0 = Some(Line {
                at,
                text: content.to_owned(),
                lines: 1,
                call,
                context,
            });
            step.reading = Reading::Later;
        }
        step
    }
}

impl Line {
    /// Returns this line with `next` behind it, if it may continue there.
    fn join(&self, next: &str, next_is_unsure: bool) -> Option<String> {
        // A piece of a path or of a name has a meaning only together with its end, even if that
        // looks whole.
        let may_be = next_is_unsure || self.call.is_none();
        let short = self.text.len() + next.len() <= LONGEST && self.lines < LINES;
        (may_be && short).then(|| format!("{}{}", self.text, next.trim_end()))
    }
}

fn frame(at: u64, call: &Call<'_>) -> Frame {
    Frame::new(at, call.function, call.args)
}

fn is_unsure(found: &[Token<'_>]) -> bool {
    match found.first() {
        None => true,
        Some(Token::Call(call)) => !call.sure,
        Some(_) => false,
    }
}

/// Returns `true` for a line that may be the beginning of a path or of a function's name.
fn is_fragment(content: &str) -> bool {
    let text = content.trim();
    let path = text.starts_with('/') || text.get(1..3).is_some_and(|root| root == ":/");
    let name = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.contains(['/', '.']);
    let continues = content.len() == content.trim_end().len();
    continues && (path || name) && !text.contains([' ', '\t', '"', '='])
}
