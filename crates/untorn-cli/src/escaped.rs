//! Text of others on a terminal.

use std::fmt::{self, Display, Write};

use untorn_why::printable::is_deceptive;

/// Text for a terminal, with control characters as `\u{…}`: a key or an error has the text of a
/// file, which must not move the cursor, end the line or reorder it.
pub(crate) struct Escaped<T>(pub(crate) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Escaper<'f, 'w>(&'f mut fmt::Formatter<'w>);

        impl Write for Escaper<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                text.chars().try_for_each(|character| match character {
                    _ if is_deceptive(character) => {
                        write!(self.0, "{}", character.escape_unicode())
                    }
                    _ => self.0.write_char(character),
                })
            }
        }

        write!(Escaper(f), "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let text = "a\x1b[2J\u{9b}31m\nü→\x7f";
        assert_eq!(
            Escaped(text).to_string(),
            r"a\u{1b}[2J\u{9b}31m\u{a}ü→\u{7f}"
        );
        assert_eq!(Escaped("a\u{202e}b").to_string(), r"a\u{202e}b");
    }
}
