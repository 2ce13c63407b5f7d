//! A function and its arguments.

use super::Call;
use super::location::numbered;

/// Returns the offset of the parenthesis that opens the arguments after a function's name.
fn name_end(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.checked_sub(1)?,
            _ if depth > 0 => {}
            '(' if at == 0 => return None,
            // A receiver: `(*T)`.
            '(' if text[at..].starts_with("(*") && text[..at].ends_with('.') => {
                let end = at + closing(&text[at..])?;
                while chars.next().is_some_and(|(at, _)| at < end) {}
            }
            '(' => return Some(at),
            ':' if text[at..].starts_with(":.") => {}
            _ if c.is_whitespace() || "|\"'`<>=,;{}:)\\?!#&".contains(c) => return None,
            _ => {}
        }
    }
    None
}

/// Returns the offset of the parenthesis that closes the receiver at the start of `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (c == ')' && depth == 0).then_some(at)
    })
}

/// Parses `pkg.(*T).Method(0x1, {0x2, 0x3?})`, and returns the length.
pub(crate) fn call(text: &str) -> Option<(Call<'_>, usize)> {
    let open = name_end(text)?;
    let function = &text[..open];
    let base = function.rfind('/').map_or(0, |slash| slash + 1);
    let dot = function[base..].find('.')?;
    // `..` is part of names such as `glob..func1`; a name has a package before its first dot.
    let named = dot > 0 && base + dot + 1 < function.len();
    if !named || function.starts_with(|c: char| !(c.is_alphanumeric() || c == '_')) {
        return None;
    }
    let inner = &text[open + 1..];
    let is_arg = |c: char| c.is_ascii_hexdigit() || "x{}, ?._".contains(c);
    let plain = inner.find(|c: char| !is_arg(c)).unwrap_or(inner.len());
    let call = |args, sure, open| Call {
        function,
        args,
        sure,
        open,
    };
    if inner[plain..].starts_with(')') {
        let after = &inner[plain + 1..];
        let call = call(&inner[..plain], true, false);
        let glued = after.starts_with(|c: char| c.is_alphanumeric() || "_.(".contains(c));
        let part = || numbered(after).is_some() || after.starts_with("created by ");
        return (!glued || part()).then_some((call, open + plain + 2));
    }
    // Masked or cut arguments: those that can be read are returned.
    let args = &inner[..plain];
    match inner.rfind(')') {
        Some(close) => Some((call(args, false, false), open + close + 2)),
        None => Some((call(args, false, true), text.len())),
    }
}
