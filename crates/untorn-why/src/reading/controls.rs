//! Characters that a terminal, a log or a web page puts among those of a dump.

use std::borrow::Cow;

/// Removes colors and other controls of terminals, and restores tabs and the like that syslog,
/// `cat -A` or HTML write in another form.
pub(super) fn removed(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if text.contains("#0") {
        text = spelled(&text).into();
    }
    if text.contains('^') {
        text = carets(&text).into();
    }
    if text.contains('&') {
        text = entities(&text).into();
    }
    if text.contains(['\u{1b}', '\u{9b}', '\u{241b}']) || has_bare_color(&text) {
        text = without_escapes(&text).into();
    }
    text
}

/// Replaces `#011`, the form in which rsyslog writes control characters.
fn spelled(text: &str) -> String {
    text.replace("#011", "\t")
        .replace("#012", "\n")
        .replace("#015", "")
        .replace("#033", "\u{1b}")
}

/// Replaces `^I`, the form in which syslogd and `cat -A` write control characters.
fn carets(text: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('^') {
        replaced.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (with, length) = match rest.as_bytes().first() {
            Some(b'I') => ("\t", 1),
            Some(b'M') => ("", 1),
            Some(b'[') => ("\u{1b}", 1),
            _ => ("^", 0),
        };
        replaced.push_str(with);
        rest = &rest[length..];
    }
    replaced.push_str(rest);
    replaced
}

fn entities(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", " ")
        .replace("&#9;", "\t")
        .replace("&amp;", "&")
}

/// Returns the length of a color such as `[1;31m` at the start of `text`.
fn color(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('[')?;
    let length = inner.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
    (length > 0 && length < 16 && inner[length..].starts_with('m')).then_some(length + 2)
}

/// Returns `true` if a color stands there whose escape character was lost.
fn has_bare_color(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        if color(&rest[at..]).is_some() {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// Removes control sequences, and colors whose escape character was lost.
fn without_escapes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = color(rest) {
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\u{1b}' | '\u{241b}' | '\u{9b}' => rest = after_sequence(c, rest),
            _ => kept.push(c),
        }
    }
    kept
}

/// Returns what follows a control sequence of which `introducer` was read.
fn after_sequence(introducer: char, rest: &str) -> &str {
    let (kind, after) = match rest.chars().next() {
        Some(kind @ ('[' | ']')) if introducer != '\u{9b}' => (kind, &rest[1..]),
        _ if introducer == '\u{9b}' => ('[', rest),
        Some(kind) => return &rest[kind.len_utf8()..],
        None => return rest,
    };
    let end = match kind {
        // A control sequence ends with a character from `@` to `~`.
        '[' => after
            .find(|c: char| ('@'..='~').contains(&c))
            .map(|at| at + 1),
        // An operating system command ends with a bell or with `ESC \`.
        _ => match after.find(['\u{7}', '\u{1b}']) {
            Some(at) if after[at..].starts_with('\u{7}') => Some(at + 1),
            Some(at) if after[at + 1..].starts_with('\\') => Some(at + 2),
            _ => None,
        },
    };
    &after[end.unwrap_or(0)..]
}

#[cfg(test)]
mod tests {
    use super::removed;

    #[test]
    fn each_form_of_control_is_removed() {
        for (input, expected) in [
            (
                "\u{1b}[31mgoroutine 7 [running]:\u{1b}[0m",
                "goroutine 7 [running]:",
            ),
            ("[1;31mgoroutine 7 [running]:[0m", "goroutine 7 [running]:"),
            ("^[[31mgoroutine 7 [running]:^[[m", "goroutine 7 [running]:"),
            (
                "#033[31mgoroutine 7 [running]:#033[0m",
                "goroutine 7 [running]:",
            ),
            ("\u{1b}]0;title\u{7}main.f()", "main.f()"),
            ("\u{1b}]8;;file:///a\u{1b}\\main.f()", "main.f()"),
            ("\u{9b}Kmain.f()", "main.f()"),
            ("#011/src/a.go:3", "\t/src/a.go:3"),
            ("^I/src/a.go:3^M", "\t/src/a.go:3"),
            ("main.f&lt;x&gt;&amp;", "main.f<x>&"),
            ("INFO[0035] [7]: ^ # &", "INFO[0035] [7]: ^ # &"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
        ] {
            assert_eq!(removed(input), expected, "{input:?}");
        }
    }
}
