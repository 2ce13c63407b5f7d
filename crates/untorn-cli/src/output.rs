//! Text for people, one JSON document for scripts.

use std::fmt::Display;
use std::io;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

/// Where the command's findings go: colour only on a terminal, nothing but the document with `--json`.
pub(crate) struct Output {
    json: bool,
}

const HEADING: Style = Style::new().bold();
const FATAL: Style = AnsiColor::Red.on_default().bold();
const ASIDE: Style = Style::new().dimmed();

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line of text; nothing with `--json`.
    pub(crate) fn line(&self, text: impl Display) {
        if !self.json {
            anstream::println!("{text}");
        }
    }

    pub(crate) fn heading(&self, text: impl Display) {
        self.line(format_args!("{HEADING}{text}{HEADING:#}"));
    }

    /// A remark of the demo itself, apart from what the programs print.
    pub(crate) fn aside(&self, text: impl Display) {
        self.line(format_args!("{ASIDE}{text}{ASIDE:#}"));
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

    /// The document, with `--json`.
    pub(crate) fn document(&self, value: &impl Serialize) -> io::Result<()> {
        if self.json {
            serde_json::to_writer_pretty(io::stdout().lock(), value)?;
            println!();
        }
        Ok(())
    }
}
