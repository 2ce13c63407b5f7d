//! The text of a failure: one line of bounded length.
//!
//! Errors and panic payloads are foreign code: an error may be its own source, and a `Display` may
//! write without end. A `Display` that loops without writing, or ignores the error that its
//! formatter returns, cannot be interrupted.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Write};
use std::sync::Arc;

use crate::panic::discard;
use crate::printable::is_printable;

/// The longest chain of causes that a message follows.
const MAX_CAUSES: usize = 32;

/// The most bytes of foreign text in a message.
const MAX_TEXT: usize = 8 * 1024;

/// The most bytes beyond [`MAX_TEXT`] that one `Display` may write before it is interrupted. They
/// are counted but not stored.
const MAX_COUNTED: usize = 1024 * 1024;

/// Returns the texts of an error and its causes, outermost first, separated by colons.
pub(super) fn of_error(error: &(dyn Error + 'static)) -> Arc<str> {
    let mut line = Line::default();
    line.push(&Text::of(error));
    let mut cause = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(error) = cause else {
            return line.finish(false);
        };
        if line.left_out > 0 {
            break;
        }
        let text = Text::of(error);
        // Many errors repeat their cause in their own text.
        if text.left_out > 0 || !line.text.ends_with(&one_line(&text.kept)) {
            line.text.push_str(": ");
            line.push(&text);
        }
        cause = error.source();
    }
    line.finish(cause.is_some())
}

/// Returns the text of a panic, and drops its payload.
pub(super) fn of_panic(payload: Box<dyn Any + Send>) -> Arc<str> {
    let text = match payload.downcast_ref::<&str>() {
        Some(text) => Some(*text),
        None => payload.downcast_ref::<String>().map(String::as_str),
    };
    let message = match text {
        Some(text) => {
            let mut line = Line {
                text: "panicked: ".into(),
                ..Line::default()
            };
            line.push(&Text::of(text));
            line.finish(false)
        }
        None => "panicked without a text".into(),
    };
    discard(payload);
    message
}

/// A message under construction.
#[derive(Default)]
struct Line {
    text: String,
    /// The bytes of foreign text in `text`.
    foreign: usize,
    /// The bytes of foreign text that did not fit.
    left_out: usize,
}

impl Line {
    fn push(&mut self, text: &Text) {
        let whole = one_line(&text.kept);
        let fits = prefix(&whole, MAX_TEXT - self.foreign);
        self.text.push_str(fits);
        self.foreign += fits.len();
        self.left_out = text.left_out.saturating_add(whole.len() - fits.len());
    }

    /// Returns the message, with a mark if something was left out.
    fn finish(self, more_causes: bool) -> Arc<str> {
        let Self {
            mut text, left_out, ..
        } = self;
        let bytes = match left_out {
            0 => None,
            1..=MAX_COUNTED => Some(format!("{left_out} bytes")),
            _ => Some(format!("more than {MAX_COUNTED} bytes")),
        };
        let causes = more_causes.then(|| String::from("further causes"));
        let missing: Vec<_> = bytes.into_iter().chain(causes).collect();
        if !missing.is_empty() {
            text.push_str(&format!("… ({} left out)", missing.join(" and ")));
        }
        text.into()
    }
}

/// The first [`MAX_TEXT`] bytes that a `Display` writes.
#[derive(Default)]
struct Text {
    kept: String,
    /// The number of bytes after those, as far as they were counted.
    left_out: usize,
}

impl Text {
    fn of(foreign: &(impl fmt::Display + ?Sized)) -> Self {
        let mut text = Self::default();
        // An error here means that the `Display` was interrupted, or that it failed by itself,
        // which it should not. The text that it wrote stays.
        _ = write!(text, "{foreign}");
        text
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = match self.left_out {
            0 => prefix(text, MAX_TEXT - self.kept.len()),
            _ => "",
        };
        self.kept.push_str(fits);
        self.left_out = self.left_out.saturating_add(text.len() - fits.len());
        if self.left_out > MAX_COUNTED {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

/// Returns the longest prefix of at most `bytes` bytes, in whole characters.
fn prefix(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Joins the lines of a text by spaces, and escapes other characters that could change what a
/// terminal shows.
fn one_line(text: &str) -> String {
    let lines = text.split(breaks_a_line).map(str::trim);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    let mut line = String::with_capacity(text.len());
    for c in lines.join(" ").chars() {
        if is_printable(c) || c == '\t' {
            line.push(c);
        } else {
            line.extend(c.escape_default());
        }
    }
    line
}

fn breaks_a_line(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fmt;
    use std::panic::{catch_unwind, panic_any};
    use std::sync::LazyLock;

    use super::*;

    #[derive(Debug)]
    struct Chained(&'static str, Option<Box<Chained>>);

    impl fmt::Display for Chained {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Chained {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|error| error as _)
        }
    }

    fn chain(texts: &[&'static str]) -> Arc<str> {
        let add = |inner, text: &&'static str| Some(Box::new(Chained(text, inner)));
        let error = texts.iter().rev().fold(None, add);
        of_error(&*error.expect("at least one"))
    }

    #[test]
    fn a_message_has_the_causes_of_an_error() {
        assert_eq!(&*chain(&["cannot read x"]), "cannot read x");
        let text = chain(&["cannot read x", "the disk is gone", "I/O error"]);
        assert_eq!(&*text, "cannot read x: the disk is gone: I/O error");
    }

    #[test]
    fn a_repeated_cause_appears_once() {
        let text = chain(&["cannot read x: no disk", "no disk", "", "pulled out"]);
        assert_eq!(&*text, "cannot read x: no disk: pulled out");
    }

    /// An error that is its own source.
    #[derive(Debug)]
    struct OwnSource(&'static str);

    impl fmt::Display for OwnSource {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for OwnSource {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }

    /// An error whose text repeats a piece this number of times.
    #[derive(Debug)]
    struct Long(&'static str, usize);

    impl fmt::Display for Long {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (0..self.1).try_for_each(|_| f.write_str(self.0))
        }
    }

    impl Error for Long {}

    #[test]
    fn an_endless_chain_of_causes_is_cut() {
        assert_eq!(
            &*of_error(&OwnSource("no source")),
            "no source… (further causes left out)",
            "each cause repeats the text before it"
        );
        let text = of_error(&OwnSource("a\nb"));
        assert_eq!(&*text, "a b… (further causes left out)");
        // The longest chain that is not cut.
        let texts: Vec<&str> = "0123456789abcdefghijklmnopqrstuvwxyz".split("").collect();
        let most = chain(&texts[1..2 + MAX_CAUSES]);
        assert_eq!(most.matches(": ").count(), MAX_CAUSES);
        assert!(most.ends_with(": w"), "{most}");
        let more = chain(&texts[1..3 + MAX_CAUSES]);
        assert_eq!(*more, format!("{most}… (further causes left out)"));
    }

    #[test]
    fn a_text_is_cut_at_a_character() {
        // Three bytes each, so that the limit falls inside a character.
        let whole = MAX_TEXT / 3;
        let text = of_error(&Long("中", whole));
        assert_eq!(text.chars().count(), whole, "nothing is cut");
        let text = of_error(&Long("中", whole + 100));
        let kept = text.strip_suffix("… (300 bytes left out)").expect("a mark");
        assert_eq!(kept, "中".repeat(whole));
    }

    #[test]
    fn a_display_without_end_is_interrupted() {
        let text = of_error(&Long("no end ", usize::MAX));
        let mark = "… (more than 1048576 bytes left out)";
        let kept = text.strip_suffix(mark).expect("a mark");
        assert!(kept.len() <= MAX_TEXT && kept.starts_with("no end no end"));
    }

    #[test]
    fn causes_share_the_limit_of_bytes() {
        static HALVES: LazyLock<[String; 2]> =
            LazyLock::new(|| ["x", "y"].map(|text| text.repeat(MAX_TEXT / 2 + 50)));
        let [half, other] = &*HALVES;
        let text = chain(&[half, other, "the last"]);
        let mark = "y… (100 bytes and further causes left out)";
        assert!(text.ends_with(mark), "{}", &text[MAX_TEXT..]);
        assert_eq!(text.len(), MAX_TEXT + ": ".len() + mark.len() - 1);
    }

    #[test]
    fn a_long_panic_text_is_cut() {
        let long = "x".repeat(MAX_TEXT + 265);
        let text = of_panic(Box::new(long));
        let kept = text.strip_suffix("… (265 bytes left out)").expect("a mark");
        assert_eq!(kept.len(), "panicked: ".len() + MAX_TEXT);
    }

    /// An error whose `Display` fails by itself.
    #[derive(Debug)]
    struct Broken;

    impl fmt::Display for Broken {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half a text")?;
            Err(fmt::Error)
        }
    }

    impl Error for Broken {}

    #[test]
    fn a_display_that_fails_leaves_its_text() {
        assert_eq!(&*of_error(&Broken), "half a text");
    }

    #[test]
    fn a_message_is_one_line() {
        let text = chain(&["at line 1\n  |\n1 | a =\n\n", "no\r\nvalue"]);
        assert_eq!(&*text, "at line 1 | 1 | a =: no value");
        let text = chain(&["a\rb\u{2028}c\u{85}d", "red \u{1b}[31m\tnul \0\u{202e}"]);
        assert_eq!(&*text, "a b c d: red \\u{1b}[31m\tnul \\u{0}\\u{202e}");
    }

    #[test]
    fn a_message_has_the_text_of_a_panic() {
        let text = |f: fn()| of_panic(catch_unwind(f).expect_err("it panics"));
        assert_eq!(&*text(|| panic!("at\nonce")), "panicked: at once");
        let one = std::hint::black_box(1);
        let formatted = catch_unwind(|| panic!("{one} of them")).expect_err("it panics");
        assert_eq!(&*of_panic(formatted), "panicked: 1 of them");
        assert_eq!(&*text(|| panic_any(265)), "panicked without a text");
    }

    #[test]
    fn a_payload_may_panic_in_its_drop() {
        thread_local! {
            static LEFT: Cell<u8> = const { Cell::new(3) };
        }
        // Of size zero, so that one that is not dropped leaks no memory.
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                if let Some(left) = LEFT.get().checked_sub(1) {
                    LEFT.set(left);
                    panic_any(Bomb);
                }
            }
        }
        let payload: Box<dyn Any + Send> = Box::new(Bomb);
        assert_eq!(&*of_panic(payload), "panicked without a text");
        assert_eq!(LEFT.get(), 2);
    }
}
