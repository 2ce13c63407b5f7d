//! Selects the comparisons of a benchmark by words on the command line.

use std::process;

/// The selected words per axis; an axis without a word selects all of its labels.
pub struct Filter {
    axes: Vec<Vec<String>>,
    words: Vec<String>,
}

impl Filter {
    /// Reads the command line. An unknown word prints the list of known words and exits with status
    /// 2.
    #[must_use]
    pub fn from_args(axes: &[&[&str]]) -> Self {
        // Cargo adds `--bench`.
        let words = std::env::args().skip(1).filter(|word| word != "--bench");
        Self::new(axes, words).unwrap_or_else(|unknown| {
            eprintln!(
                "unknown word {unknown:?}; use any of: {}",
                axes.iter()
                    .map(|axis| axis.join(" "))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            process::exit(2)
        })
    }

    fn new(axes: &[&[&str]], words: impl Iterator<Item = String>) -> Result<Self, String> {
        let words: Vec<String> = words.collect();
        match words
            .iter()
            .find(|word| !axes.iter().any(|axis| axis.contains(&word.as_str())))
        {
            Some(unknown) => Err(unknown.clone()),
            None => Ok(Self {
                axes: axes
                    .iter()
                    .map(|axis| axis.iter().map(ToString::to_string).collect())
                    .collect(),
                words,
            }),
        }
    }

    /// Returns whether the command line names this label.
    #[must_use]
    pub fn names(&self, label: &str) -> bool {
        self.words.iter().any(|word| word == label)
    }

    /// Returns whether to run the comparison with these labels.
    #[must_use]
    pub fn selects(&self, labels: &[&str]) -> bool {
        let is_selected = |word: &&String| self.words.contains(word);
        labels.iter().all(|label| {
            let axis = self
                .axes
                .iter()
                .find(|axis| axis.iter().any(|l| l == label));
            let mut selected = axis.into_iter().flatten().filter(is_selected).peekable();
            selected.peek().is_none() || selected.any(|word| word == label)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    const AXES: [&[&str]; 2] = [&["u64", "String"], &["16", "1000", "100000"]];

    fn filter(words: &str) -> Result<Filter, String> {
        Filter::new(&AXES, words.split_whitespace().map(String::from))
    }

    #[test]
    fn words_select_on_their_axis_only() {
        let two_sizes = filter("16 1000").expect("known words");
        assert!(two_sizes.selects(&["u64", "16"]));
        assert!(two_sizes.selects(&["String", "1000"]));
        assert!(!two_sizes.selects(&["u64", "100000"]));
        let one = filter("String 16").expect("known words");
        assert!(one.selects(&["String", "16"]));
        assert!(!one.selects(&["u64", "16"]));
        assert!(!one.selects(&["String", "1000"]));
    }

    #[test]
    fn no_words_select_everything_and_name_nothing() {
        let all = filter("").expect("no words");
        assert!(all.selects(&["u64", "100000"]));
        assert!(!all.names("100000"));
        assert!(filter("100000").expect("known words").names("100000"));
    }

    #[test]
    fn an_unknown_word_is_rejected() {
        assert_eq!(filter("u64 17").err().as_deref(), Some("17"));
    }
}
