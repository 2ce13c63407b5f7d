//! What went wrong, in one line.

use std::any::Any;
use std::error::Error;

use crate::panic::discard;

/// The error and what caused it, outermost first, with a colon between.
pub(super) fn of_error(error: &(dyn Error + 'static)) -> String {
    let mut line = one_line(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = one_line(&error.to_string());
        // Many errors tell their cause themselves.
        if !line.ends_with(&next) {
            line.push_str(": ");
            line.push_str(&next);
        }
        cause = error.source();
    }
    line
}

/// What a panic said.
pub(super) fn of_panic(payload: Box<dyn Any + Send>) -> String {
    let text = match payload.downcast_ref::<&str>() {
        Some(text) => Some(*text),
        None => payload.downcast_ref::<String>().map(String::as_str),
    };
    let line = match text {
        Some(text) => format!("panicked: {}", one_line(text)),
        None => "panicked without a text".into(),
    };
    discard(payload);
    line
}

fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fmt;
    use std::panic::{catch_unwind, panic_any};

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

    fn chain(texts: &[&'static str]) -> String {
        let add = |inner, text: &&'static str| Some(Box::new(Chained(text, inner)));
        let error = texts.iter().rev().fold(None, add);
        of_error(&*error.expect("at least one"))
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        assert_eq!(chain(&["cannot read x"]), "cannot read x");
        let told = chain(&["cannot read x", "the disk is gone", "I/O error"]);
        assert_eq!(told, "cannot read x: the disk is gone: I/O error");
    }

    #[test]
    fn a_cause_is_told_once() {
        let told = chain(&["cannot read x: no disk", "no disk", "", "pulled out"]);
        assert_eq!(told, "cannot read x: no disk: pulled out");
    }

    #[test]
    fn it_stays_one_line() {
        let told = chain(&["at line 1\n  |\n1 | a =\n\n", "no\r\nvalue"]);
        assert_eq!(told, "at line 1 | 1 | a =: no value");
    }

    #[test]
    fn a_panic_is_told_by_its_text() {
        let said = |f: fn()| of_panic(catch_unwind(f).expect_err("it panics"));
        assert_eq!(said(|| panic!("at\nonce")), "panicked: at once");
        let one = std::hint::black_box(1);
        let formatted = catch_unwind(|| panic!("{one} of them")).expect_err("it panics");
        assert_eq!(of_panic(formatted), "panicked: 1 of them");
        assert_eq!(said(|| panic_any(265)), "panicked without a text");
    }

    #[test]
    fn a_payload_may_panic_when_it_is_dropped() {
        thread_local! {
            static LEFT: Cell<u8> = const { Cell::new(3) };
        }
        // Of no size, so that what is not dropped is no leak.
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
        assert_eq!(of_panic(payload), "panicked without a text");
        assert_eq!(LEFT.get(), 2);
    }
}
