//! The answer that the web page of `untorn why` shows. `cargo xtask page` compiles this crate to
//! WebAssembly and puts it, with the files of `page/`, into one HTML file.
//!
//! The module exchanges bytes with the page through four functions of its own (`exports.rs`), with
//! no `unsafe` block. Of wasm-bindgen it would need one function, and the build a command of the
//! matching version.

#[cfg(target_family = "wasm")]
mod exports;

use std::io::{self, BufRead};

use serde::Serialize;
use untorn_why::{Emphasis, TextLine};

/// The answer for one input, in each form that the page offers.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// The number of lines of the input.
    pub lines: u64,
    /// The number of dumps that are explained.
    pub dumps: usize,
    /// The text of the command.
    pub text: Vec<Line>,
    /// The text of the command with `--long`.
    pub long: Vec<Line>,
    /// The document that the command prints with `--json`.
    pub json: String,
    /// What the input contains instead of a dump, and the next step.
    pub error: Option<String>,
}

/// A line of text.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Line {
    /// `heading`, `aside`, or empty for an ordinary line.
    pub emphasis: &'static str,
    /// The line without its line feed.
    pub text: String,
}

/// Reads an input to its end and returns the answer.
///
/// # Errors
/// If the input cannot be read. An input without a dump is no error here: see [`Answer::error`].
///
/// # Examples
/// ```
/// let answer = untorn_why_page::answer("panic: oops\n".as_bytes())?;
/// assert!(answer.error.unwrap().contains("line 1"));
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn answer(input: impl BufRead) -> io::Result<Answer> {
    let report = untorn_why::explain(input)?;
    Ok(Answer {
        lines: report.lines,
        dumps: report.dumps.len(),
        text: lines(report.text()),
        long: lines(report.long_text()),
        json: serde_json::to_string_pretty(&report)? + "\n",
        error: report.no_dump(),
    })
}

fn lines(text: Vec<TextLine>) -> Vec<Line> {
    let line = |line: TextLine| Line {
        emphasis: match line.emphasis {
            Emphasis::Heading => "heading",
            Emphasis::Aside => "aside",
            _ => "",
        },
        text: line.text,
    };
    text.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = include_str!("../../untorn-why/tests/dumps/go1.23-copied-lock.txt");

    #[test]
    fn text_is_that_of_the_library() {
        let answer = answer(DUMP.as_bytes()).expect("readable");
        let text: String = answer
            .text
            .iter()
            .flat_map(|line| [line.text.as_str(), "\n"])
            .collect();
        let report = untorn_why::explain(DUMP.as_bytes()).expect("readable");
        assert_eq!(text, report.to_string());
        assert_eq!(answer.long.len(), report.long_text().len());
        assert!(answer.long.len() > answer.text.len());
        assert_eq!(answer.text[0].emphasis, "heading");
        assert_eq!((answer.dumps, answer.error), (1, None));
    }

    #[test]
    fn json_is_the_document_of_the_command() {
        let answer = answer(DUMP.as_bytes()).expect("readable");
        let document: serde_json::Value = serde_json::from_str(&answer.json).expect("JSON");
        assert_eq!(document["dumps"][0]["causes"][0]["id"], "lock_copied");
        assert!(answer.json.ends_with("}\n"));
    }

    #[test]
    fn input_without_a_dump_has_an_error() {
        let answer = answer("listening on :8080\n".as_bytes()).expect("readable");
        assert_eq!((answer.dumps, answer.text), (0, vec![]));
        assert!(answer.error.expect("no dump").contains("1 line"));
    }
}
