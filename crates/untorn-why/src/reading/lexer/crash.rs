//! The lines of a crash dump that are neither calls nor locations.

use super::{Token, head};
use crate::dump::Kind;

/// Parses a fatal message or a panic, and returns the length. Anything may be glued to it, and
/// another message may stand in it, since goroutines that detect an overlap at once print into one
/// another's lines.
pub(super) fn message(text: &str) -> Option<(Token<'_>, usize)> {
    let fatal = text.starts_with("fatal error: ");
    let other = || (fatal || text.starts_with("panic: ")).then_some((Token::Other, text.len()));
    let text = head(text, 256);
    if !fatal && !text.contains(" map ") {
        return other();
    }
    let (found, end) = Kind::all_in(text);
    if found.is_empty() {
        return other();
    }
    // The first letters may have been lost with the end of the line before.
    let torn = || {
        let before = text.split("error: ").next().unwrap_or("");
        before.len() < text.len() && "fatal ".ends_with(before)
    };
    let alone = || text.starts_with("concurrent map ") && text.len() < 80;
    match (fatal || torn(), alone()) {
        (true, _) => Some((Token::Fatal(found), end)),
        (false, true) => Some((Token::Message(found), end)),
        (false, false) => other(),
    }
}

/// Parses `goroutine 7 gp=0x1 m=2 mp=0x3 [chan receive, 5 minutes, locked to thread]:`; the colon
/// may be missing.
pub(super) fn header(text: &str) -> Option<(Token<'_>, usize)> {
    let rest = text.strip_prefix("goroutine ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let number = rest[..digits].parse().ok()?;
    let mut rest = &rest[digits..];
    while let Some(word) = rest.strip_prefix(' ').filter(|word| !word.starts_with('[')) {
        let end = word.find(' ')?;
        if !word[..end].contains('=') {
            return None;
        }
        rest = &word[end..];
    }
    let inner = rest.strip_prefix(" [")?;
    let close = inner.find(']')?;
    let mut parts = inner[..close].split(", ");
    let state = parts.next().unwrap_or("");
    let minutes = parts.find_map(|part| part.strip_suffix(" minutes")?.parse().ok());
    let after = &inner[close + 1..];
    // Labels of the goroutine may stand between the state and the colon.
    let length = match after.find(':') {
        Some(colon) if colon == 0 || after.starts_with(" {") => colon + 1,
        _ if after.is_empty() || after.starts_with([' ', '"', '\'', '\\', ',', '<']) => 0,
        _ => return None,
    };
    let length = text.len() - after.len() + length;
    let token = Token::Header {
        number,
        state,
        minutes: minutes.unwrap_or(0),
    };
    Some((token, length))
}

/// Parses `created by main.main in goroutine 1`.
pub(super) fn created(text: &str, ended: bool) -> Option<(Token<'_>, usize)> {
    let rest = text.strip_prefix("created by ")?;
    let ends = |c: char| c.is_whitespace() || "\"',\\<".contains(c);
    let end = rest.find(ends).unwrap_or(rest.len());
    let function = &rest[..end];
    if function.is_empty() || (end == rest.len() && !ended) {
        return None;
    }
    let mut after = &rest[end..];
    if let Some(number) = after.strip_prefix(" in goroutine ") {
        after = number.trim_start_matches(|c: char| c.is_ascii_digit());
        // The number may be cut; only the function is used.
    }
    Some((Token::Created(function), text.len() - after.len()))
}
