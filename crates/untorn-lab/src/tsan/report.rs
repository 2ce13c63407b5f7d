//! Parses the reports of ThreadSanitizer.

/// One of the two accesses of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The line that introduces it, such as `Previous write of size 8 at 0x7b04 by thread T1`.
    pub title: String,
    /// The stack, innermost frame first: function, and file with line and column if known.
    pub frames: Vec<String>,
}

impl Side {
    /// Returns whether one of the frames is on one of these lines of a file.
    #[must_use]
    pub fn is_at(&self, file: &str, lines: &[u32]) -> bool {
        let line = |frame: &String| -> Option<u32> {
            let (_, place) = frame.split_once(&format!("{file}:"))?;
            // Followed by a column, or by other text of the symbolizer.
            let digits = place.find(|c: char| !c.is_ascii_digit());
            place[..digits.unwrap_or(place.len())].parse().ok()
        };
        self.frames
            .iter()
            .filter_map(line)
            .any(|line| lines.contains(&line))
    }
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The kind of race: `data race`, or `race on GoMap "config"`.
    pub of: String,
    /// The accesses, the last one first.
    pub sides: Vec<Side>,
    /// All lines.
    pub text: String,
}

const RULE: &str = "==================";
const WARNING: &str = "WARNING: ThreadSanitizer: ";

impl Report {
    /// Parses all reports in the output of a program; returns an error if one is truncated or mixed
    /// with other output.
    pub fn all(printed: &str) -> Result<Vec<Self>, String> {
        let mut reports = vec![];
        let mut lines = printed.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(of) = line.strip_prefix(WARNING) else {
                if line.contains(WARNING) {
                    return Err(format!("a report begins in the middle of a line: {line}"));
                }
                continue;
            };
            let of = of.split(" (pid=").next().unwrap_or(of).to_owned();
            let mut text = vec![line];
            loop {
                match lines.next() {
                    Some(RULE) => break,
                    Some(line) => text.push(line),
                    None => return Err(format!("the report of a {of} has no end")),
                }
            }
            reports.push(Self::of(of, &text)?);
        }
        Ok(reports)
    }

    fn of(of: String, text: &[&str]) -> Result<Self, String> {
        let mut sides: Vec<Side> = vec![];
        let mut in_side = false;
        for line in &text[1..] {
            if line.starts_with("    ") {
                if let (true, Some(side)) = (in_side, sides.last_mut()) {
                    side.frames.push(line.trim_start().to_owned());
                }
            } else if let Some(title) = line.strip_prefix("  ") {
                in_side = title.contains(" at 0x") && !title.starts_with("Location ");
                if in_side {
                    sides.push(Side {
                        title: title.trim_end_matches(':').to_owned(),
                        frames: vec![],
                    });
                }
            } else if !line.is_empty() && !line.starts_with("SUMMARY: ") {
                return Err(format!("something is mixed into a report: {line}"));
            }
        }
        Ok(Self {
            of,
            sides,
            text: text.join("\n"),
        })
    }

    /// Returns whether the report is about this map or cell, as named by its gate:
    /// `GoMap "config"`.
    #[must_use]
    pub fn is_of(&self, thing: &str) -> bool {
        self.of.strip_prefix("race on ") == Some(thing)
    }

    /// Returns whether one side is on one of the lines `one`, and the other on one of `other`.
    #[must_use]
    pub fn is_between(&self, file: &str, [one, other]: &[Vec<u32>; 2]) -> bool {
        match &*self.sides {
            [a, b] => {
                a.is_at(file, one) && b.is_at(file, other)
                    || a.is_at(file, other) && b.is_at(file, one)
            }
            _ => false,
        }
    }
}
