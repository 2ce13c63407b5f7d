//! The prefix that a log puts before each line of a program's output.

/// A prefix that the lines of a dump have, with digits that differ from line to line.
#[derive(Clone, Default, Debug)]
pub(super) struct Prefix(String);

impl Prefix {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the length of this prefix in `line`, in which digits may differ; `None` for a line
    /// without it.
    pub(super) fn length_in(&self, line: &str) -> Option<usize> {
        let (mut prefix, mut rest) = (self.0.as_str(), line);
        while let Some(expected) = prefix.chars().next() {
            if expected.is_ascii_digit() {
                let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                if digits.len() == rest.len() {
                    return None;
                }
                prefix = prefix.trim_start_matches(|c: char| c.is_ascii_digit());
                rest = digits;
            } else {
                match rest.strip_prefix(expected) {
                    Some(after) => rest = after,
                    // Trailing spaces of an empty line are often lost.
                    None => {
                        let blank = rest.is_empty() && prefix.trim().is_empty();
                        return blank.then_some(line.len());
                    }
                }
                prefix = &prefix[expected.len_utf8()..];
            }
        }
        Some(line.len() - rest.len())
    }
}

/// The parts of a prefix that name its source: a container, a process, a host; not its time.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Source(String);

impl Source {
    pub(super) fn of(prefix: &str) -> Self {
        let words = prefix.split(|c: char| c.is_whitespace() || "|\"'=,<>".contains(c));
        let named = words.filter(|word| !word.is_empty() && !is_common(word));
        Self(named.collect::<Vec<_>>().join(" "))
    }

    /// Returns `true` if one of both may be the other with something before it: the first line of a
    /// dump often follows output that does not end its line.
    pub(super) fn may_be(&self, other: &Self) -> bool {
        self.0.ends_with(&other.0) || other.0.ends_with(&self.0)
    }
}

/// Returns `true` if text that stands before a message, in its line, makes it a mention of one: a
/// quotation mark or a sentence, but neither the prefix of a log nor output that the message is
/// glued to.
pub(super) fn makes_a_mention(before: &str) -> bool {
    const QUOTES: &str = "\"'`(*_\u{201c}\u{201e}\u{2018}\u{ab}";
    let Some(last) = before.chars().next_back() else {
        return false;
    };
    if QUOTES.contains(last) {
        // The value of a field, or a cell of a table.
        let quoted = before.trim_end_matches(last);
        return !quoted.ends_with(['=', ':', ',']);
    }
    last.is_whitespace() && !is_of_a_log(before.trim_end())
}

/// Returns `true` for what a log puts before a line: a time, a level, and at most the names of a
/// host and of a program, with their punctuation.
fn is_of_a_log(before: &str) -> bool {
    const LEVELS: &[&str] = &[
        "trace", "debug", "info", "notice", "warn", "warning", "error", "err", "fatal", "critical",
    ];
    let words: Vec<_> = before
        .split(|c: char| c.is_whitespace() || c == '=')
        .collect();
    let is_time = |word: &&str| is_common(word) && word.contains(|c: char| c.is_ascii_digit());
    let is_level = |word: &&str| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        LEVELS.iter().any(|level| level.eq_ignore_ascii_case(bare))
    };
    let ends = |ends: &[char]| before.ends_with(ends);
    if ends(&['|', ']', '>']) || words.last().is_some_and(is_time) {
        return true;
    }
    match words.iter().filter(|word| !is_common(word)).count() {
        0 => true,
        1 => ends(&[':']),
        // After a level comes the message, which may be a sentence with a colon.
        2 => ends(&[':']) && words.iter().any(is_time) && !words.iter().any(is_level),
        _ => false,
    }
}

/// Returns `true` for a word that says nothing about the source: a time, a number, a level.
fn is_common(word: &str) -> bool {
    const COMMON: &[&str] = &[
        "stdout", "stderr", "f", "p", "trace", "debug", "info", "notice", "warn", "warning",
        "error", "err", "fatal", "panic", "critical", "level", "msg", "message", "time", "ts",
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mon",
        "tue", "wed", "thu", "fri", "sat", "sun", "am", "pm", "utc", "gmt", "cet", "cest", "est",
        "edt", "pst", "pdt",
    ];
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let digits = bare.chars().filter(char::is_ascii_digit).count();
    let letters = bare.chars().filter(|c| c.is_alphabetic()).count();
    // A time has at most a `T`, a `Z` and the letter of a level.
    let is_time = digits >= 2
        && letters <= 2
        && bare
            .chars()
            .all(|c| "TZtzIWEFD.:-+/_".contains(c) || c.is_ascii_digit());
    bare.is_empty()
        || is_time
        || letters == 0
        || COMMON
            .iter()
            .any(|common| common.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::{Prefix, Source, makes_a_mention};

    #[test]
    fn digits_of_a_prefix_may_change() {
        let prefix = Prefix::new("9 | app: ");
        assert_eq!(prefix.length_in("10 | app: main.f()"), Some(10));
        assert_eq!(prefix.length_in("10 | app:"), Some(9));
        assert_eq!(prefix.length_in("10 | web: main.f()"), None);
        assert_eq!(prefix.length_in("| app: "), None);
    }

    #[test]
    fn source_is_independent_of_time_and_level() {
        for (one, other) in [
            (
                "2024-05-01T12:00:00.123Z stderr F ",
                "2024-05-01T12:00:09.5Z stderr P ",
            ),
            (
                "May 01 12:00:09 host app[123]: ",
                "Jun 30 01:00:00 host app[123]: ",
            ),
            (
                "[INFO] plugin.x: ",
                "2018-09-10T12:56:08.771+0100 [DEBUG] plugin.x: ",
            ),
            ("9 | ", "12 | "),
            ("", "I0425 12:00:00.000 "),
        ] {
            assert_eq!(Source::of(one), Source::of(other), "{one} {other}");
        }
    }

    #[test]
    fn sources_of_two_processes_differ() {
        for (one, other) in [
            ("web_1  | ", "web_2  | "),
            ("app.1.aaaa@host | ", "app.1.bbbb@host | "),
            (
                "May 01 12:00:09 host app[123]: ",
                "May 01 12:00:09 host app[124]: ",
            ),
            ("[pod/app-7c9/app] ", "[pod/app-8d1/app] "),
        ] {
            assert_ne!(Source::of(one), Source::of(other), "{one} {other}");
        }
    }

    #[test]
    fn prefix_of_a_log_makes_no_mention() {
        for before in [
            "",
            "265",
            "\t",
            "> > ",
            "2024-05-01T12:00:00.123Z stderr F ",
            "May 12 10:00:01 host app[77]: ",
            "2024-05-01 12:00:00 [ERROR] plugin.x: ",
            "E0425 12:00:00.000 1234 main.go:12] ",
            "[pod/app-7c9f-x2x/app] ",
            "web_1  | ",
            "app stderr: ",
            "app.log:12:",
            "test\tgo test\t2024-05-01T12:00:00.0Z ##[error]",
            "time=\"2024-05-01\" level=error msg=\"",
            "\"2024-05-01T12:00:00Z\",\"web\",\"",
        ] {
            assert!(!makes_a_mention(before), "{before}");
        }
    }

    #[test]
    fn sentence_and_quotation_make_a_mention() {
        for before in [
            "2024/05/01 INFO user searched: ",
            "2024/05/01 INFO saw \"",
            "    x_test.go:12: want \"",
            "README.md:12:You came here from Go's `",
            "The message \u{201c}",
            "it printed ",
            "\"",
        ] {
            assert!(makes_a_mention(before), "{before}");
        }
    }
}
