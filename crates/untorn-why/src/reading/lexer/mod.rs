//! The lexer: what stands at the start of a line of a dump, or anywhere in it.

mod call;
mod crash;
mod location;
mod race;

pub(crate) use self::call::call;
use self::crash::{created, header, message};
use self::location::location;
use self::race::{side, started};
use crate::dump::Message;
use crate::source_location::SourceLocation;

/// A piece of a dump.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token<'l> {
    /// A fatal message about maps: one kind for each goroutine that printed it into this line.
    Fatal(Vec<Message>),
    /// The message alone, without `fatal error:`, which may have been torn off.
    Message(Vec<Message>),
    /// Another fatal message, or a panic.
    Other,
    /// `WARNING: DATA RACE`.
    Race,
    /// The line of `=` at the end of a race report.
    Rule,
    /// `goroutine 7 [chan receive, 5 minutes]:`.
    Header {
        number: u64,
        state: &'l str,
        minutes: u64,
    },
    Call(Call<'l>),
    Place {
        location: SourceLocation,
        /// `true` if an offset into the function follows.
        has_offset: bool,
    },
    /// `created by main.main in goroutine 1`.
    Created(&'l str),
    /// `...23 frames elided...`.
    Elided,
    /// The line about running on another thread.
    Elsewhere,
    /// `runtime stack:`.
    RuntimeStack,
    /// `exit status 2`.
    Exit(&'l str),
    /// One access of a race report.
    Side {
        writes: bool,
        /// Absent up to Go 1.4.
        address: Option<u64>,
        goroutine: Option<u64>,
    },
    /// `Goroutine 8 (running) created at:`.
    Started(u64),
    /// `[failed to restore the stack]`.
    Lost,
}

/// A function and its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Call<'l> {
    pub(crate) function: &'l str,
    pub(crate) args: &'l str,
    /// `false` if the arguments are not in Go's form: then a source location must follow.
    pub(super) sure: bool,
    /// `true` if the arguments do not end in this line.
    pub(super) open: bool,
}

/// The context of a line.
#[derive(Clone, Copy)]
pub(super) struct Context {
    /// `true` inside a dump.
    pub(super) in_dump: bool,
    /// `true` if the line before is a call without its source location.
    pub(super) place_is_next: bool,
    /// `true` if the end of the line is known.
    pub(super) ended: bool,
}

/// The most bytes of one part of a dump: what a lexer looks at for each part of a long line.
const LONGEST: usize = 4096;

/// Returns the beginning of `text`, at most so many bytes of it.
fn head(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// Returns the tokens of a line of which the prefix was removed.
pub(super) fn tokens<'l>(content: &'l str, context: Context) -> Vec<Token<'l>> {
    let mut tokens = vec![];
    let mut rest = content.trim_end();
    let mut context = context;
    loop {
        let indented = rest.starts_with([' ', '\t']);
        let text = rest.trim_start();
        if text.is_empty() {
            return tokens;
        }
        let found = at_start(text, indented, context);
        let found = match found {
            None if tokens.is_empty() => anywhere(text, context),
            found => found,
        };
        let Some((token, length)) = found else {
            return tokens;
        };
        context.place_is_next = matches!(token, Token::Call(_) | Token::Created(_));
        context.in_dump = true;
        tokens.push(token);
        rest = &text[length..];
    }
}

/// Lines without a variable part.
const FIXED: &[(&str, Token<'static>)] = &[
    ("[failed to restore the stack]", Token::Lost),
    (
        "goroutine running on other thread; stack unavailable",
        Token::Elsewhere,
    ),
    ("runtime stack:", Token::RuntimeStack),
];

/// Returns the token at the start of `text`, and its length.
fn at_start(text: &str, indented: bool, context: Context) -> Option<(Token<'_>, usize)> {
    const RACE: &str = "WARNING: DATA RACE";
    let text = head(text, LONGEST);
    if text.starts_with(RACE) {
        return Some((Token::Race, RACE.len()));
    }
    if let Some(found) = message(text).or_else(|| header(text)) {
        return Some(found);
    }
    if !context.in_dump {
        return None;
    }
    if let Some((start, token)) = FIXED.iter().find(|(start, _)| text.starts_with(start)) {
        return Some((token.clone(), start.len()));
    }
    if text.starts_with("======") {
        let rest = text.trim_start_matches('=');
        return Some((Token::Rule, text.len() - rest.len()));
    }
    if let Some(rest) = text.strip_prefix("...").and_then(frames_elided) {
        return Some((Token::Elided, text.len() - rest.len()));
    }
    if let Some(status) = text.strip_prefix("exit status ") {
        let digits = status.find(|c: char| !c.is_ascii_digit());
        let (status, rest) = status.split_at(digits.unwrap_or(status.len()));
        return Some((Token::Exit(status), text.len() - rest.len()));
    }
    let found = side(text)
        .or_else(|| started(text))
        .or_else(|| created(text, context.ended));
    if found.is_some() {
        return found;
    }
    let call = call(text);
    if let Some((call, length)) = call.filter(|(call, _)| call.sure) {
        return Some((Token::Call(call), length));
    }
    // A call whose arguments are not in Go's form may contain what looks like a location.
    location(text, indented, context)
        .or_else(|| call.map(|(call, length)| (Token::Call(call), length)))
}

/// Returns what follows `additional frames elided...`, which may have a number before it.
fn frames_elided(text: &str) -> Option<&str> {
    let (before, rest) = text.split_once("frames elided")?;
    (before.len() < 24).then(|| rest.trim_start_matches('.'))
}

/// Returns a token behind a prefix that is not known, and the length up to its end.
fn anywhere(text: &str, context: Context) -> Option<(Token<'_>, usize)> {
    if let Some((start, _)) = beginning(text) {
        let (token, length) = at_start(&text[start..], false, context)?;
        return Some((token, start + length));
    }
    if !context.in_dump {
        return None;
    }
    if let Some(start) = text.find("created by ") {
        let (token, length) = created(&text[start..], context.ended)?;
        return Some((token, start + length));
    }
    let starts = || {
        let separators = text.match_indices(|c: char| c.is_whitespace() || "\"'|>=`".contains(c));
        separators.map(|(at, separator)| at + separator.len())
    };
    // A call behind an unknown prefix may be part of a log entry: a location must follow.
    let found = starts().find_map(|start| {
        let (mut call, length) = call(&text[start..])?;
        call.sure = false;
        Some((Token::Call(call), start + length))
    });
    if found.is_some() {
        return found;
    }
    if !context.place_is_next {
        return None;
    }
    let extension = text.find(".go:")?;
    let start = starts().take_while(|start| *start <= extension).last()?;
    let (token, length) = location(&text[start..], true, context)?;
    Some((token, start + length))
}

/// A line that is recognized wherever it stands: what precedes it is a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Beginning {
    /// Of a dump.
    Message,
    /// Of a stack.
    Stack,
}

/// Returns the offset of a message or of the line above a stack.
pub(super) fn beginning(text: &str) -> Option<(usize, Beginning)> {
    let messages = ["fatal error: ", "WARNING: DATA RACE", "panic: "];
    let message = messages.iter().filter_map(|start| text.find(start)).min();
    if let Some(at) = message {
        return Some((at, Beginning::Message));
    }
    if !text.contains("oroutine") {
        return None;
    }
    let is_stack = |at: &usize| {
        let text = head(&text[*at..], 256);
        header(text).is_some() || side(text).is_some() || started(text).is_some()
    };
    let starts = ["goroutine ", "Goroutine ", "Previous ", "Read ", "Write "];
    let at = starts
        .iter()
        .flat_map(|start| text.match_indices(start))
        .map(|(at, _)| at)
        .find(is_stack)?;
    Some((at, Beginning::Stack))
}

/// Returns `true` for a line that resembles one of a stack.
pub(super) fn looks_like_a_stack(text: &str) -> bool {
    let numbered = |at: usize| text[at + 4..].starts_with(|c: char| c.is_ascii_digit());
    text.find(".go:").is_some_and(numbered) || text.contains("(0x") || text.contains("created by ")
}
