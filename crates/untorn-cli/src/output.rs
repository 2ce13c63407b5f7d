//! Text for people, or one JSON document for scripts.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

pub(crate) use untorn_why::numbers::{counted, grouped};

use crate::progress;

/// The command's stdout: color only on a terminal, nothing but the document with `--json`.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
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

    /// Prints a line of text; nothing with `--json`. Ends the command if it cannot be written.
    pub(crate) fn line(&self, text: impl Display) {
        if self.json {
            return;
        }
        if let Err(error) = writeln!(anstream::stdout().lock(), "{text}") {
            // A reader that closes the pipe, as `head` does, is not an error to report.
            if error.kind() != ErrorKind::BrokenPipe {
                let _ = writeln!(io::stderr(), "untorn: cannot write to stdout: {error}");
            }
            process::exit(1);
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

    /// Prints a removed line of code.
    pub(crate) fn removed(&self, line: impl Display) {
        self.line(format_args!("{REMOVED}- {line}{REMOVED:#}"));
    }

    /// Prints an added line of code.
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
                process::exit(1);
            }
        }
    }

    /// Prints the document; nothing without `--json`.
    pub(crate) fn document(&self, value: &impl Serialize) -> io::Result<()> {
        if self.json {
            let mut stdout = io::stdout().lock();
            serde_json::to_writer_pretty(&mut stdout, value)?;
            writeln!(stdout)?;
        }
        Ok(())
    }
}
