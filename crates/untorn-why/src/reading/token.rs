//! The lexer: what stands at the start of a line of a dump, or anywhere in it.

use crate::dump::{Kind, Message};
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
    /// `goroutine 7 [running]:`.
    Header {
        number: u64,
        state: &'l str,
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

/// Returns the tokens of a line of which the prefix was removed.
pub(super) fn tokens<'l>(content: &'l str, context: Context) -> Vec<Token<'l>> {
    let mut tokens = vec![];
    let mut rest = content;
    let mut context = context;
    loop {
        let indented = rest.starts_with([' ', '\t']);
        let text = rest.trim();
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
        context.in_dump |= matches!(token, Token::Header { .. });
        tokens.push(token);
        rest = &text[length..];
    }
}

/// Returns the token at the start of `text`, and its length.
fn at_start(text: &str, indented: bool, context: Context) -> Option<(Token<'_>, usize)> {
    let whole = |token| Some((token, text.len()));
    if let Some(token) = message(text) {
        return whole(token);
    }
    if text.starts_with("WARNING: DATA RACE") {
        return whole(Token::Race);
    }
    if let Some(header) = header(text) {
        return Some(header);
    }
    if !context.in_dump {
        return None;
    }
    if text.starts_with("======") {
        return whole(Token::Rule);
    }
    if let Some(side) = side(text) {
        return whole(side);
    }
    if let Some(goroutine) = started(text) {
        return whole(Token::Started(goroutine));
    }
    if text.starts_with("[failed to restore the stack]") {
        return whole(Token::Lost);
    }
    if text.starts_with("...") && text.contains("frames elided") {
        return whole(Token::Elided);
    }
    if text.starts_with("goroutine running on other thread; stack unavailable") {
        return whole(Token::Elsewhere);
    }
    if text.starts_with("runtime stack:") {
        return whole(Token::RuntimeStack);
    }
    if let Some(status) = text.strip_prefix("exit status ") {
        return whole(Token::Exit(status));
    }
    if let Some(created) = created(text, context.ended) {
        return Some(created);
    }
    if let Some((call, length)) = call(text)
        && call.sure
    {
        return Some((Token::Call(call), length));
    }
    if let Some(place) = place(text, indented, context) {
        return Some(place);
    }
    let (call, length) = call(text)?;
    Some((Token::Call(call), length))
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
    let (token, length) = place(&text[start..], true, context)?;
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
    let message = text
        .find("fatal error: ")
        .or_else(|| text.find("WARNING: DATA RACE"))
        .or_else(|| text.find("panic: "));
    if let Some(at) = message {
        return Some((at, Beginning::Message));
    }
    if !text.contains("oroutine") {
        return None;
    }
    let is_stack = |at: &usize| {
        let text = &text[*at..];
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

/// Parses a fatal message or a panic. Anything may be glued to it, and another message may stand
/// in it, since goroutines that detect an overlap at once print into one another's lines.
fn message(text: &str) -> Option<Token<'_>> {
    let fatal = text.starts_with("fatal error: ");
    if !fatal && !text.contains(" map ") {
        return text.starts_with("panic: ").then_some(Token::Other);
    }
    let found = Kind::all_in(text);
    // The first letters may have been lost with the end of the line before.
    let torn = || {
        let before = text.split("error: ").next().unwrap_or("");
        before.len() < text.len() && "fatal ".ends_with(before)
    };
    match (found.is_empty(), fatal || torn()) {
        (true, true) => Some(Token::Other),
        (true, false) => text.starts_with("panic: ").then_some(Token::Other),
        (false, true) => Some(Token::Fatal(found)),
        (false, false) => {
            let alone = text.starts_with("concurrent map ") && text.len() < 80;
            alone.then_some(Token::Message(found))
        }
    }
}

/// Parses `goroutine 7 gp=0x1 m=2 mp=0x3 [chan receive, 5 minutes, locked to thread]:`; the colon
/// may be missing.
fn header(text: &str) -> Option<(Token<'_>, usize)> {
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
    let state = inner[..close].split(',').next().unwrap_or("");
    let after = &inner[close + 1..];
    // Labels of the goroutine may stand between the state and the colon.
    let length = match after.find(':') {
        Some(colon) if colon == 0 || after.starts_with(" {") => colon + 1,
        _ if after.is_empty() || after.starts_with([' ', '"', '\'', '\\', ',', '<']) => 0,
        _ => return None,
    };
    let length = text.len() - after.len() + length;
    Some((Token::Header { number, state }, length))
}

/// Parses `created by main.main in goroutine 1`.
fn created(text: &str, ended: bool) -> Option<(Token<'_>, usize)> {
    let rest = text.strip_prefix("created by ")?;
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let function = rest[..end].trim_end_matches(['"', '\'', ',']);
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

/// The ends of the names of source files, the commonest first.
const EXTENSIONS: [&str; 8] = [".go", ".s", ".goc", ".c", ".h", ".cc", ".cpp", ".y"];

/// Parses `/srv/file.go:12 +0x3c fp=…`.
///
/// If nothing follows the number, it may have been truncated, so the line must have `ended`.
fn place(text: &str, indented: bool, context: Context) -> Option<(Token<'_>, usize)> {
    let (path, number) = numbered(text)
        .or_else(|| of_any_file(text).filter(|_| indented))
        .or_else(|| without_number(text).filter(|_| context.place_is_next))?;
    let rooted = path.starts_with(['/', '\\', '~'])
        || path.get(1..3).is_some_and(|root| root.starts_with(':'));
    let one_word = !path.contains(char::is_whitespace);
    if path.contains(['(', '"']) || !(indented || rooted || one_word) {
        return None;
    }
    let mut length = path.len()
        + if number.is_empty() {
            0
        } else {
            number.len() + 1
        };
    let mut after = &text[length..];
    let mut has_offset = false;
    for start in [" +0x", " fp=0x", " sp=0x", " pc=0x"] {
        if let Some(hex) = after.strip_prefix(start) {
            after = hex.trim_start_matches(|c: char| c.is_ascii_hexdigit());
            has_offset |= start == " +0x";
            length = text.len() - after.len();
        }
    }
    let alone =
        after.is_empty() || has_offset || after.starts_with(['"', '\'', ',', '\\', '<', '|', ')']);
    let whole = context.ended || has_offset || !after.is_empty();
    // Words after the number belong to a sentence, unless another part of the dump follows.
    let continued = || {
        let after = after.trim_start();
        header(after).is_some()
            || created(after, true).is_some()
            || call(after).is_some_and(|(call, _)| call.sure)
    };
    if !whole || !(alone || context.place_is_next || continued()) {
        return None;
    }
    let location = SourceLocation {
        file: path.to_owned(),
        line: number.parse().ok(),
    };
    Some((
        Token::Place {
            location,
            has_offset,
        },
        length,
    ))
}

/// Splits a location in a file of Go, C or assembly.
fn numbered(text: &str) -> Option<(&str, &str)> {
    EXTENSIONS.iter().find_map(|extension| {
        let ends = text.match_indices(extension);
        ends.map(|(at, _)| at + extension.len()).find_map(|end| {
            let number = text[end..].strip_prefix(':')?;
            let digits = number
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(number.len());
            (digits > 0).then(|| (&text[..end], &number[..digits]))
        })
    })
}

/// Splits a location in a file of another kind: `<autogenerated>:1`.
fn of_any_file(text: &str) -> Option<(&str, &str)> {
    let end = [" +0x", " fp=0x"].iter().find_map(|mark| text.find(mark));
    let (file, number) = text[..end.unwrap_or(text.len())].rsplit_once(':')?;
    let digits = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    (digits && !file.is_empty()).then_some((file, number))
}

/// Splits a location whose number was removed: `/src/expiration.go`.
fn without_number(text: &str) -> Option<(&str, &str)> {
    let path = text.ends_with(".go") && !text.contains(char::is_whitespace);
    path.then_some((text, ""))
}

/// Parses `Previous write at 0x00c00008ab10 by goroutine 8:`, or the form of Go 1.4, without an
/// address.
fn side(text: &str) -> Option<Token<'_>> {
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
    let name = &name[..name.find(':')?];
    let goroutine = match name {
        "main goroutine" => None,
        name => Some(name.strip_prefix("goroutine ")?.parse().ok()?),
    };
    Some(Token::Side {
        writes,
        address,
        goroutine,
    })
}

/// Parses `Goroutine 8 (running) created at:`.
fn started(text: &str) -> Option<u64> {
    let rest = text.strip_prefix("Goroutine ")?;
    let (number, rest) = rest.split_once(' ')?;
    rest.contains("created at:").then_some(())?;
    number.parse().ok()
}

/// Returns `true` for a line that resembles one of a stack.
pub(super) fn looks_like_a_stack(text: &str) -> bool {
    let numbered = |at: usize| text[at + 4..].starts_with(|c: char| c.is_ascii_digit());
    text.find(".go:").is_some_and(numbered) || text.contains("(0x") || text.contains("created by ")
}
