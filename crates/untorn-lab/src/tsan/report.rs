//! The reports of ThreadSanitizer, read.

/// One of the two accesses of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The line that introduces it, such as `Previous write of size 8 at 0x7b04 by thread T1`.
    pub title: String,
    /// Its stack, innermost first: function, and file with line and column if that is known.
    pub frames: Vec<String>,
}

impl Side {
    /// Whether one of its frames is on one of these lines of a file.
    #[must_use]
    pub fn is_at(&self, file: &str, lines: &[u32]) -> bool {
        let line = |frame: &String| -> Option<u32> {
            let (_, place) = frame.split_once(&format!("{file}:"))?;
            // A column follows, or what the symbolizer says instead.
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
    /// What it is of: `data race`, or `race on GoMap "config"`.
    pub of: String,
    /// The accesses, first the one that was last.
    pub sides: Vec<Side>,
    /// All lines of it.
    pub text: String,
}

const RULE: &str = "==================";
const WARNING: &str = "WARNING: ThreadSanitizer: ";

impl Report {
    /// All whole reports in what a program printed; an error if there is one that was cut or mixed with something else.
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

    /// Whether it is about this map or cell, as told by its gate: `GoMap "config"`.
    #[must_use]
    pub fn is_of(&self, thing: &str) -> bool {
        self.of.strip_prefix("race on ") == Some(thing)
    }

    /// Whether one of its two sides is on one of these lines, and the other on one of those.
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
