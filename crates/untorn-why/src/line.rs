//! Reads an input of any size line by line, and strips the prefixes that a log adds.

use std::io::{self, BufRead};

use serde_json::Value;

/// The most bytes of a line that are stored; no line of a dump is longer.
const LONGEST: usize = 16 * 1024;

/// A line without its prefix.
pub(crate) struct Line {
    /// Its number in the input, from 1.
    pub(crate) number: u64,
    pub(crate) text: String,
    /// `true` if a line feed follows: without one the line may be truncated.
    pub(crate) ended: bool,
}

/// Reads lines and strips the prefix of a log.
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

    /// Returns the next line, or `None` at the end of the input.
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

    /// Returns whether anything was read, and whether it ended with a line feed.
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

/// Returns the line inside an entry of Docker's `json-file` log, and whether it is complete.
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

/// Returns the offset of a message or header that is recognizable anywhere in a line.
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

/// The prefix of each line of a log, taken from the last line with a recognizable beginning.
#[derive(Default)]
struct Prefix(String);

impl Prefix {
    fn strip<'l>(&mut self, line: &'l str) -> &'l str {
        if let Some(rest) = self.after(line) {
            return rest;
        }
        match beginning(line) {
            // Output of the program in front of a message is a prefix of that line only.
            Some(start) => {
                line[..start].clone_into(&mut self.0);
                &line[start..]
            }
            None => line,
        }
    }

    /// Strips this prefix, in which digits may differ. Returns `None` for a line without it.
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
                    // Trailing spaces of an empty line are often lost.
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
    fn log_prefixes_are_stripped() {
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
    fn digits_of_a_prefix_may_change() {
        let input = "9 | fatal error: x\n10 | main.f(0x1)\n11 |\n12 | \tb.go:3\n";
        assert_eq!(
            texts(input),
            ["fatal error: x", "main.f(0x1)", "", "\tb.go:3"]
        );
    }

    #[test]
    fn program_output_is_no_prefix_of_other_lines() {
        assert_eq!(
            texts("265fatal error: x\n\nmain.f(0x1)\n"),
            ["fatal error: x", "", "main.f(0x1)"]
        );
    }

    #[test]
    fn json_log_of_containers_is_read() {
        let input =
            "{\"log\":\"fatal error: x\\n\",\"stream\":\"stderr\"}\n{\"log\":\"\\tb.go:3\\n\"}\n";
        assert_eq!(texts(input), ["fatal error: x", "\tb.go:3"]);
    }

    #[test]
    fn line_without_end_is_stored_up_to_a_bound() {
        let long = "x".repeat(1 << 20);
        let texts = texts(&format!("{long}\ny"));
        assert_eq!(texts[0].len(), super::LONGEST);
        assert_eq!(texts[1], "y");
    }
}
