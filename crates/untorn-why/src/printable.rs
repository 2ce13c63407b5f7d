//! Characters that may redraw a terminal, or reorder or hide what stands beside them.

/// Returns `true` for control characters and for those that change the direction of a text, are
/// invisible, or separate lines.
///
/// The joiners U+200C and U+200D are not among them, as words of some languages need them.
#[must_use]
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::is_deceptive;

    #[test]
    fn bidirectional_controls_are_deceptive() {
        for character in "\x1b\u{9b}\u{202e}\u{2066}\u{2069}\u{200f}\u{feff}\u{2028}".chars() {
            assert!(is_deceptive(character), "{}", character.escape_unicode());
        }
        for character in "aü→ 世\u{200d}\u{1f433}\u{fffd}".chars() {
            assert!(!is_deceptive(character), "{}", character.escape_unicode());
        }
    }
}
