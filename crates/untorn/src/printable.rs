//! Characters of other people's texts that may not reach a terminal as they are.

/// Returns whether a character is shown in its place and changes nothing else that is shown:
/// neither a control character nor one that changes the direction of a text.
pub(crate) fn is_printable(c: char) -> bool {
    let is_direction = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    !c.is_control() && !is_direction
}
