//! Text for people, or one JSON document for scripts.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

pub(crate) use untorn_why::numbers::{counted, grouped};

use crate::escaped::Escaped;
use crate::{cleanup, progress};

/// The command's stdout: color only on a terminal, nothing but the document with `--json`.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

/// Exit status: the output cannot be written. 1 is an answer of `get`, `explain` and `diff`.
const UNWRITABLE: i32 = 2;

const HEADING: Style = Style::new().bold();
const FATAL: Style = AnsiColor::Red.on_default().bold();
const ASIDE: Style = Style::new().dimmed();
const REMOVED: Style = AnsiColor::Red.on_default();
const ADDED: Style = AnsiColor::Green.on_default();
const CHANGED: Style = AnsiColor::Yellow.on_default();

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a line of text; nothing with `--json`. Ends the command if it cannot be written.
    pub(crate) fn line(&self, text: impl Display) {
        if self.json {
            return;
        }
        if let Err(error) = writeln!(anstream::stdout().lock(), "{text}") {
            exit_unwritable(&error);
        }
    }

    /// Prints the bytes of a text and a newline, if it does not end with one; nothing with
    /// `--json`. On a terminal control characters are escaped, which might redraw it.
    pub(crate) fn raw(&self, text: &str) {
        if self.json {
            return;
        }
        let mut stdout = io::stdout().lock();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let written = match stdout.is_terminal() {
            true => text
                .split('\n')
                .try_for_each(|line| writeln!(stdout, "{}", Escaped(line))),
            false => writeln!(stdout, "{text}"),
        };
        if let Err(error) = written {
            exit_unwritable(&error);
        }
    }

    /// Prints a heading.
    pub(crate) fn heading(&self, text: impl Display) {
        self.line(format_args!("{HEADING}{text}{HEADING:#}"));
    }

    /// Prints a remark of the demo, dimmed to set it apart from the output of the programs.
    pub(crate) fn aside(&self, text: impl Display) {
        self.line(format_args!("{ASIDE}{text}{ASIDE:#}"));
    }

    /// Prints a failure that the command survives.
    pub(crate) fn failure(&self, text: impl Display) {
        self.line(format_args!("{FATAL}{text}{FATAL:#}"));
    }

    /// Prints the end of a failure.
    pub(crate) fn recovery(&self, text: impl Display) {
        self.line(format_args!("{ADDED}{text}{ADDED:#}"));
    }

    /// Prints a removed line, of code or of a configuration.
    pub(crate) fn removed(&self, line: impl Display) {
        self.line(format_args!("{REMOVED}- {line}{REMOVED:#}"));
    }

    /// Prints a changed line of a configuration.
    pub(crate) fn changed(&self, line: impl Display) {
        self.line(format_args!("{CHANGED}~ {line}{CHANGED:#}"));
    }

    /// Prints an added line, of code or of a configuration.
    pub(crate) fn added(&self, line: impl Display) {
        self.line(format_args!("{ADDED}+ {line}{ADDED:#}"));
    }

    /// Prints a report or a crash dump, with its first line highlighted.
    pub(crate) fn report(&self, text: &str) {
        let mut lines = text.lines();
        if let Some(first) = lines.next() {
            self.line(format_args!("{FATAL}{first}{FATAL:#}"));
        }
        for line in lines {
            self.line(line);
        }
    }

    /// Returns whether a line of status below the output can be redrawn: both are on a terminal.
    pub(crate) fn has_status_line(&self) -> bool {
        !self.json && io::stdout().is_terminal() && progress::is_visible()
    }

    /// Ends the command if stdout is a pipe whose reader has closed it. Called before long work.
    pub(crate) fn exit_if_unread(&self) {
        #[cfg(unix)]
        {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};

            let stdout = io::stdout();
            // No flags: errors are always reported.
            let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
            let polled = poll(&mut watched, Some(&Timespec::default()));
            if polled.is_ok() && watched[0].revents().contains(PollFlags::ERR) {
                progress::clear();
                cleanup::exit(UNWRITABLE);
            }
        }
    }

    /// Prints the document; nothing without `--json`. Ends the command if it cannot be written.
    pub(crate) fn document(&self, value: &impl Serialize) -> io::Result<()> {
        if self.json {
            let mut stdout = io::stdout().lock();
            let written = serde_json::to_writer_pretty(&mut stdout, value);
            let written = match written {
                Err(error) if error.is_io() => Err(error.into()),
                written => {
                    written?;
                    writeln!(stdout)
                }
            };
            if let Err(error) = written {
                exit_unwritable(&error);
            }
        }
        Ok(())
    }

    /// Prints a document of many, on a line of its own; nothing without `--json`. Ends the command
    /// if it cannot be written.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> io::Result<()> {
        if self.json {
            let line = serde_json::to_string(value)?;
            if let Err(error) = writeln!(io::stdout().lock(), "{line}") {
                exit_unwritable(&error);
            }
        }
        Ok(())
    }
}

/// Ends the command, since its output cannot be written.
fn exit_unwritable(error: &io::Error) -> ! {
    // A reader that closes the pipe, as `head` does, is not an error to report.
    if error.kind() != ErrorKind::BrokenPipe {
        let _ = writeln!(io::stderr(), "untorn: cannot write to stdout: {error}");
    }
    cleanup::exit(UNWRITABLE);
}
