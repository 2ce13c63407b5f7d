//! The lines of a race report that are neither calls nor locations.

use super::Token;

/// Parses `Previous write at 0x00c00008ab10 by goroutine 8:`, or the form of Go 1.4, without an
/// address.
pub(super) fn side(text: &str) -> Option<(Token<'_>, usize)> {
    let (what, name) = text.split_once(" by ")?;
    let (what, address) = match what.split_once(" at 0x") {
        Some((what, address)) => (what, Some(u64::from_str_radix(address, 16).ok()?)),
        None => (what, None),
    };
    let what = what.to_lowercase();
    let what = what
        .trim_start_matches("previous ")
        .trim_start_matches("atomic ");
    let writes = match what {
        "read" => false,
        "write" => true,
        _ => return None,
    };
    let (name, rest) = name.split_once(':')?;
    let goroutine = match name {
        "main goroutine" => None,
        name => Some(name.strip_prefix("goroutine ")?.parse().ok()?),
    };
    let token = Token::Side {
        writes,
        address,
        goroutine,
    };
    Some((token, text.len() - rest.len()))
}

/// Parses `Goroutine 8 (running) created at:`.
pub(super) fn started(text: &str) -> Option<(Token<'_>, usize)> {
    let rest = text.strip_prefix("Goroutine ")?;
    let (number, rest) = rest.split_once(' ')?;
    let (_, rest) = rest.split_once("created at:")?;
    let token = Token::Started(number.parse().ok()?);
    Some((token, text.len() - rest.len()))
}
