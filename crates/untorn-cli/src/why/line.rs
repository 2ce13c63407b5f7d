//! The input line by line, however large: without what a log puts in front of each line.

use std::io::{self, BufRead};

use serde_json::Value;

/// No line of a dump is longer; the rest of a longer one is skipped.
const LONGEST: usize = 16 * 1024;

/// A line without its prefix.
pub(crate) struct Line {
    /// Its number in the input, from 1.
    pub(crate) number: u64,
    pub(crate) text: String,
    /// Whether there was a line feed: without one it may have been cut.
    pub(crate) ended: bool,
}

/// Reads lines and takes away the prefix that a log puts in front of them.
pub(crate) struct Lines<R> {
    input: R,
    number: u64,
    prefix: Prefix,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            prefix: Prefix::default(),
        }
    }

    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = vec![];
        let (read, ended) = self.read_into(&mut bytes)?;
        if !read {
            return Ok(None);
        }
        self.number += 1;
        while bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        let text = String::from_utf8_lossy(&bytes);
        let (text, ended) = match logged(&text) {
            Some((text, whole)) => (text, whole),
            None => (text.into_owned(), ended),
        };
        Ok(Some(Line {
            number: self.number,
            text: self.prefix.strip(&text).to_owned(),
            ended,
        }))
    }

    /// Whether there was anything, and whether a line feed ended it.
    fn read_into(&mut self, line: &mut Vec<u8>) -> io::Result<(bool, bool)> {
        let mut read = false;
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                return Ok((read, false));
            }
            read = true;
            let feed = buffer.iter().position(|byte| *byte == b'\n');
            let end = feed.unwrap_or(buffer.len());
            let room = LONGEST.saturating_sub(line.len());
            line.extend_from_slice(&buffer[..end.min(room)]);
            self.input.consume(feed.map_or(end, |feed| feed + 1));
            if feed.is_some() {
                return Ok((true, true));
            }
        }
    }
}

/// The line in one of Docker's `json-file` log, and whether it is all of it.
fn logged(line: &str) -> Option<(String, bool)> {
    if !(line.starts_with('{') && line.contains("\"log\"")) {
        return None;
    }
    let Value::Object(mut entry) = serde_json::from_str(line).ok()? else {
        return None;
    };
    let Value::String(text) = entry.remove("log")? else {
        return None;
    };
    let whole = text.ends_with('\n');
    Some((text.trim_end_matches(['\r', '\n']).to_owned(), whole))
}

/// Where a line of a dump begins that can be told wherever it stands.
fn beginning(line: &str) -> Option<usize> {
    let goroutine = || {
        let (before, _) = line.split_once(" [").filter(|_| line.ends_with("]:"))?;
        let start = before.rfind("goroutine ")?;
        let number = before[start + "goroutine ".len()..].split(' ').next()?;
        number.parse::<u64>().is_ok().then_some(start)
    };
    line.find("fatal error: ")
        .or_else(|| line.find("WARNING: DATA RACE"))
        .or_else(|| line.find("panic: "))
        .or_else(goroutine)
}

/// What stands in front of each line of a log, as it was in front of the last line that could be told.
#[derive(Default)]
struct Prefix(String);

impl Prefix {
    fn strip<'l>(&mut self, line: &'l str) -> &'l str {
        if let Some(rest) = self.after(line) {
            return rest;
        }
        match beginning(line) {
            // A program that was printing leaves its words in front of the first line only.
            Some(start) => {
                line[..start].clone_into(&mut self.0);
                &line[start..]
            }
            None => line,
        }
    }

    /// What follows this prefix, any digits of it changed; `None` if the line has another one.
    fn after<'l>(&self, line: &'l str) -> Option<&'l str> {
        if self.0.is_empty() {
            return beginning(line)
                .is_none_or(|start| start == 0)
                .then_some(line);
        }
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
                    // Spaces at the end of an empty line are easily lost.
                    None => return (rest.is_empty() && prefix.trim().is_empty()).then_some(""),
                }
                prefix = &prefix[expected.len_utf8()..];
            }
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    fn texts(input: &str) -> Vec<String> {
        let mut lines = Lines::new(input.as_bytes());
        let mut texts = vec![];
        while let Some(line) = lines.next().expect("memory can be read") {
            texts.push(line.text);
        }
        texts
    }

    const PLAIN: [&str; 5] = [
        "fatal error: x",
        "",
        "goroutine 7 [running]:",
        "main.f(0x1)",
        "\t/a.go:3 +0x1",
    ];

    #[test]
    fn prefixes_of_logs_are_taken_away() {
        for prefix in [
            "",
            "app-1  | ",
            "2024-05-01T12:00:00.123456789Z stderr F ",
            "May 01 12:00:09 host app[123]: ",
        ] {
            let logged: Vec<_> = PLAIN.iter().map(|line| format!("{prefix}{line}")).collect();
            assert_eq!(texts(&logged.join("\n")), PLAIN, "{prefix:?}");
            assert_eq!(texts(&logged.join("\r\n")), PLAIN, "{prefix:?}");
        }
    }

    #[test]
    fn the_digits_of_a_prefix_may_change() {
        let input = "9 | fatal error: x\n10 | main.f(0x1)\n11 |\n12 | \tb.go:3\n";
        assert_eq!(
            texts(input),
            ["fatal error: x", "main.f(0x1)", "", "\tb.go:3"]
        );
    }

    #[test]
    fn what_the_program_was_printing_is_no_prefix_of_other_lines() {
        assert_eq!(
            texts("265fatal error: x\n\nmain.f(0x1)\n"),
            ["fatal error: x", "", "main.f(0x1)"]
        );
    }

    #[test]
    fn a_json_log_of_containers_is_read() {
        let input =
            "{\"log\":\"fatal error: x\\n\",\"stream\":\"stderr\"}\n{\"log\":\"\\tb.go:3\\n\"}\n";
        assert_eq!(texts(input), ["fatal error: x", "\tb.go:3"]);
    }

    #[test]
    fn a_line_without_end_is_kept_up_to_a_bound() {
        let long = "x".repeat(1 << 20);
        let texts = texts(&format!("{long}\ny"));
        assert_eq!(texts[0].len(), super::LONGEST);
        assert_eq!(texts[1], "y");
    }
}
