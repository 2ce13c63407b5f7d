//! Text for people, one JSON document for scripts.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::progress;

/// Where the command's findings go: colour only on a terminal, nothing but the document with `--json`.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(String::from_utf8_lossy);
    let head = (!head.is_empty()).then(|| head.into());
    let all: Vec<_> = head.into_iter().chain(groups).collect();
    all.join(",")
}

/// A number of things.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

const HEADING: Style = Style::new().bold();
const FATAL: Style = AnsiColor::Red.on_default().bold();
const ASIDE: Style = Style::new().dimmed();
const REMOVED: Style = AnsiColor::Red.on_default();
const ADDED: Style = AnsiColor::Green.on_default();

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A line of text; nothing with `--json`. Ends the command if nobody can read it.
    pub(crate) fn line(&self, text: impl Display) {
        if self.json {
            return;
        }
        if let Err(error) = writeln!(anstream::stdout().lock(), "{text}") {
            // Whoever closes the pipe, as `head` does, has seen enough.
            if error.kind() != ErrorKind::BrokenPipe {
                let _ = writeln!(io::stderr(), "untorn: cannot write to stdout: {error}");
            }
            process::exit(1);
        }
    }

    pub(crate) fn heading(&self, text: impl Display) {
        self.line(format_args!("{HEADING}{text}{HEADING:#}"));
    }

    /// A remark of the demo itself, apart from what the programs print.
    pub(crate) fn aside(&self, text: impl Display) {
        self.line(format_args!("{ASIDE}{text}{ASIDE:#}"));
    }

    /// A line of code that is gone.
    pub(crate) fn removed(&self, line: impl Display) {
        self.line(format_args!("{REMOVED}- {line}{REMOVED:#}"));
    }

    /// A line of code that is new.
    pub(crate) fn added(&self, line: impl Display) {
        self.line(format_args!("{ADDED}+ {line}{ADDED:#}"));
    }

    /// A report or a crash dump, its first line marked.
    pub(crate) fn report(&self, text: &str) {
        let mut lines = text.lines();
        if let Some(first) = lines.next() {
            self.line(format_args!("{FATAL}{first}{FATAL:#}"));
        }
        for line in lines {
            self.line(line);
        }
    }

    /// Ends the command if stdout is a pipe that nobody will read from any more; for before something long.
    pub(crate) fn end_if_unread(&self) {
        #[cfg(unix)]
        {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};

            let stdout = io::stdout();
            // An error is told of in any case.
            let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
            let polled = poll(&mut watched, Some(&Timespec::default()));
            if polled.is_ok() && watched[0].revents().contains(PollFlags::ERR) {
                progress::clear();
                process::exit(1);
            }
        }
    }

    /// The document, with `--json`.
    pub(crate) fn document(&self, value: &impl Serialize) -> io::Result<()> {
        if self.json {
            let mut stdout = io::stdout().lock();
            serde_json::to_writer_pretty(&mut stdout, value)?;
            writeln!(stdout)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{counted, grouped};

    #[test]
    fn thousands_are_set_apart() {
        let numbers = [0, 7, 265, 1_000, 12_345, 999_999, 1_000_000];
        let told = ["0", "7", "265", "1,000", "12,345", "999,999", "1,000,000"];
        assert_eq!(numbers.map(grouped), told);
    }

    #[test]
    fn one_thing_is_singular() {
        let told = [0, 1, 1_000].map(|number| counted(number, "pair"));
        assert_eq!(told, ["0 pairs", "1 pair", "1,000 pairs"]);
    }
}
