//! From a line of the input to lines of a program's output: JSON, escapes, quoted strings.

use std::borrow::Cow;

use serde_json::Value;

use super::bytes::Physical;
use super::controls;
use crate::printable::is_deceptive;

/// A line of a program's output, with the prefix of its log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    /// The number of the line of the input that contains it.
    pub(crate) number: u64,
    pub(crate) text: String,
    /// `true` if its end is known: otherwise it may be truncated.
    pub(crate) ended: bool,
}

/// The most levels of escapes: a string in a JSON document in a string.
const LEVELS: usize = 3;

/// Appends the lines of output that a line of the input contains.
pub(super) fn lines_of(physical: Physical, lines: &mut Vec<Line>) {
    let Physical {
        number,
        text,
        ended,
        ..
    } = physical;
    let special = |byte: &u8| match byte {
        b'\t' => false,
        b'\\' | b'#' | b'^' | b'&' | 0x7f | 0xc2 | 0xd8 | 0xe2 | 0xef | 0xf3 => true,
        byte => *byte < b' ',
    };
    if !text.as_bytes().iter().any(special) && !text.contains("{\"") && !text.contains("[0m") {
        lines.push(Line {
            number,
            text,
            ended,
        });
        return;
    }
    let (mut text, mut ended) = (text, ended);
    for _ in 0..LEVELS {
        let Some((message, whole)) = logged(&text) else {
            break;
        };
        (text, ended) = (message, whole);
    }
    let mut text = controls::removed(&text);
    for _ in 0..LEVELS {
        if !is_escaped(&text) {
            break;
        }
        let plain = unescaped(&text);
        text = Cow::Owned(controls::removed(&plain).into_owned());
    }
    let parts = text.split(['\n', '\r']).filter(|part| !part.is_empty());
    let first = lines.len();
    lines.extend(parts.map(|part| Line {
        number,
        // A terminal must not obey what a dump contains.
        text: part.replace(|c: char| is_deceptive(c) && c != '\t', "\u{fffd}"),
        ended: true,
    }));
    match lines[first..].last_mut() {
        Some(last) => last.ended = ended || text.ends_with('\n'),
        None => lines.push(Line {
            number,
            text: String::new(),
            ended,
        }),
    }
}

/// Returns the message of a log entry in JSON, after what precedes the entry in its line, and
/// whether the message is complete.
fn logged(line: &str) -> Option<(String, bool)> {
    let start = line.find("{\"")?;
    if !line.trim_end().ends_with('}') {
        return None;
    }
    let Value::Object(entry) = serde_json::from_str(line[start..].trim_end()).ok()? else {
        return None;
    };
    // Docker cuts long lines: such an entry has no line feed.
    let whole = match entry.get("log") {
        Some(Value::String(text)) => text.ends_with('\n'),
        _ => true,
    };
    let mut message = None;
    find_message(&Value::Object(entry), 0, &mut message);
    let (_, text) = message?;
    let text = text.trim_end_matches(['\r', '\n']);
    Some((format!("{}{text}", &line[..start]), whole))
}

/// The usual names of the field that has the message, the commonest first.
const MESSAGES: [&str; 14] = [
    "log",
    "message",
    "MESSAGE",
    "msg",
    "Message",
    "textPayload",
    "text",
    "line",
    "_raw",
    "event",
    "body",
    "content",
    "stderr",
    "output",
];

/// Finds the string that is likeliest to be the message: the one with text of a dump, or else that
/// with the commonest name.
fn find_message(value: &Value, name: usize, found: &mut Option<(usize, String)>) {
    let mut offer = |text: String| {
        let rank = if has_dump_text(&text) { 0 } else { name + 1 };
        if found.as_ref().is_none_or(|(best, _)| rank < *best) {
            *found = Some((rank, text));
        }
    };
    match value {
        Value::String(text) => offer(text.clone()),
        // journald writes a message with control characters as a list of bytes.
        Value::Array(bytes) if bytes.iter().all(Value::is_u64) && !bytes.is_empty() => {
            let bytes = bytes.iter().map(|byte| byte.as_u64()?.try_into().ok());
            if let Some(bytes) = bytes.collect::<Option<Vec<u8>>>() {
                offer(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| find_message(value, name, found)),
        Value::Object(entry) => {
            for (key, value) in entry {
                let named = MESSAGES.iter().position(|one| one == key);
                let nested = matches!(value, Value::Object(_));
                let name = named.unwrap_or(if nested { name } else { MESSAGES.len() });
                find_message(value, name, found);
            }
        }
        _ => {}
    }
}

fn has_dump_text(text: &str) -> bool {
    ["fatal error: ", "goroutine ", "DATA RACE", ".go:", "(0x"]
        .iter()
        .any(|part| text.contains(part))
}

/// Returns `true` if line feeds and tabs stand in `text` as `\n` and `\t`.
///
/// A path of Windows has such a pair too, so that what stands around it decides.
fn is_escaped(text: &str) -> bool {
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        let before = &text[..at + found];
        let after = text[at + found..].trim_start_matches('\\');
        at = text.len() - after.len();
        let feed = after
            .strip_prefix('n')
            .is_some_and(|after| ends_a_line(before) || begins_a_line(after));
        let tab = after.starts_with("t/") && (before.is_empty() || before.ends_with(['"', '\'']));
        if feed || tab {
            return true;
        }
    }
    false
}

fn ends_a_line(before: &str) -> bool {
    let from = (0..=before.len().saturating_sub(24))
        .rev()
        .find(|at| before.is_char_boundary(*at));
    let before = &before[from.unwrap_or(0)..];
    let word = before.rsplit(' ').next().unwrap_or("");
    ["]:", " at:", ")", "map writes", "map write"]
        .iter()
        .any(|end| before.ends_with(end))
        || word.starts_with("+0x")
}

fn begins_a_line(after: &str) -> bool {
    after.is_empty()
        || ["\\", "\"", "'", "goroutine ", "created by "]
            .iter()
            .any(|start| after.starts_with(start))
}

/// Replaces one level of escapes, as Go, JSON and C write them.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (with, length) = match rest.as_bytes().first() {
            Some(b'n') => ('\n', 1),
            Some(b't') => ('\t', 1),
            Some(b'r') => ('\r', 1),
            Some(b'"') => ('"', 1),
            Some(b'\'') => ('\'', 1),
            Some(b'/') => ('/', 1),
            Some(b'\\') => ('\\', 1),
            Some(b'u') => coded(&rest[1..], 4, 16).map_or(('\\', 0), |c| (c, 5)),
            Some(b'x') => coded(&rest[1..], 2, 16).map_or(('\\', 0), |c| (c, 3)),
            Some(b'0') => coded(rest, 3, 8).map_or(('\\', 0), |c| (c, 3)),
            Some(b'e') if rest.starts_with("e[") => ('\u{1b}', 1),
            _ => ('\\', 0),
        };
        plain.push(with);
        rest = &rest[length..];
    }
    plain.push_str(rest);
    plain
}

/// Returns the character whose code stands at the start of `text` in so many digits.
fn coded(text: &str, digits: usize, radix: u32) -> Option<char> {
    let code = u32::from_str_radix(text.get(..digits)?, radix).ok()?;
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::super::bytes::Physical;
    use super::{is_escaped, lines_of};

    fn lines(text: &str) -> Vec<(String, bool)> {
        let mut lines = vec![];
        let text = text.to_owned();
        let physical = Physical {
            number: 7,
            text,
            ended: true,
            cut: false,
        };
        lines_of(physical, &mut lines);
        assert!(lines.iter().all(|line| line.number == 7));
        lines
            .into_iter()
            .map(|line| (line.text, line.ended))
            .collect()
    }

    fn texts(text: &str) -> Vec<String> {
        lines(text).into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn json_entry_is_replaced_by_its_message() {
        for entry in [
            r#"{"log":"main.f()\n","stream":"stderr"}"#,
            r#"{"level":"error","msg":"main.f()"}"#,
            r#"{"time":"x","jsonPayload":{"message":"main.f()"}}"#,
            r#"{"MESSAGE":[109,97,105,110,46,102,40,41],"_PID":"7"}"#,
            r#"{"level":"error","custom":"goroutine 7","text":"listening"}"#,
        ] {
            let text = texts(entry).join("|");
            assert!(
                text == "main.f()" || text == "goroutine 7",
                "{entry}: {text}"
            );
        }
        assert_eq!(texts(r#"app-1 | {"msg":"main.f()"}"#), ["app-1 | main.f()"]);
    }

    #[test]
    fn entry_without_a_line_feed_is_truncated() {
        assert_eq!(lines(r#"{"log":"main.f("}"#), [("main.f(".into(), false)]);
        assert_eq!(
            lines(r#"{"log":"main.f()\n"}"#),
            [("main.f()".into(), true)]
        );
    }

    #[test]
    fn escapes_are_replaced_at_each_level() {
        let stack = ["goroutine 7 [running]:", "main.f()", "\t/a.go:3 +0x1"];
        for text in [
            r"goroutine 7 [running]:\nmain.f()\n\t/a.go:3 +0x1\n",
            r"goroutine 7 [running]:\\nmain.f()\\n\\t/a.go:3 +0x1\\n",
            r#"{"m":"goroutine 7 [running]:\nmain.f()\n\t/a.go:3 +0x1\n"}"#,
            r#"{"m":"goroutine 7 [running]:\\nmain.f()\\n\\t/a.go:3 +0x1\\n"}"#,
        ] {
            assert_eq!(texts(text), stack, "{text}");
        }
        assert_eq!(texts(r#""\t/a.go:3 +0x1""#), ["\"\t/a.go:3 +0x1\""]);
    }

    #[test]
    fn path_of_windows_is_not_escaped() {
        for path in [
            r"C:\new\top\a.go:12 +0x1",
            r"        C:\src\next.go:3",
            r"\\host\n.go:1",
        ] {
            assert!(!is_escaped(path), "{path}");
            assert_eq!(texts(path), [path]);
        }
    }

    #[test]
    fn progress_bar_is_split_off() {
        assert_eq!(
            texts("10%\r20%\rfatal error: x"),
            ["10%", "20%", "fatal error: x"]
        );
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(
            texts("main\u{8}.f\u{7}()\u{9f}"),
            ["main\u{fffd}.f\u{fffd}()\u{fffd}"]
        );
        for control in ["\u{202e}", "\u{2066}", "\u{61c}", "\u{feff}", "\u{e0041}"] {
            assert_eq!(texts(&format!("main.f{control}g()")), ["main.f\u{fffd}g()"]);
        }
    }

    #[test]
    fn empty_line_stays() {
        assert_eq!(texts(""), [""]);
        assert_eq!(texts("\u{1b}[0m"), [""]);
    }
}
