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
    use super::{Prefix, Source};

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
}
