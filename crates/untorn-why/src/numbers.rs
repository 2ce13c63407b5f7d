//! Numbers in sentences.

/// Formats a number with separators between its thousands.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(String::from_utf8_lossy);
    let head = (!head.is_empty()).then(|| head.into());
    let all: Vec<_> = head.into_iter().chain(groups).collect();
    all.join(",")
}

/// Formats a number and its noun, in the singular or the plural.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// Formats the number of a line of the input, which is no line of a source file.
pub(crate) fn input_line(number: u64) -> String {
    format!("line {number} of the input")
}

#[cfg(test)]
mod tests {
    use super::{counted, grouped};

    #[test]
    fn thousands_are_separated() {
        let numbers = [0, 7, 265, 1_000, 12_345, 999_999, 1_000_000];
        let expected = ["0", "7", "265", "1,000", "12,345", "999,999", "1,000,000"];
        assert_eq!(numbers.map(grouped), expected);
    }

    #[test]
    fn one_thing_is_singular() {
        let texts = [0, 1, 1_000].map(|number| counted(number, "pair"));
        assert_eq!(texts, ["0 pairs", "1 pair", "1,000 pairs"]);
    }
}
