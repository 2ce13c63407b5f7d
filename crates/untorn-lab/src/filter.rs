//! Which contests of a benchmark to run, by words on its command line.

use std::process;

/// The words after `--`: of each axis on which there are words, only these; of the others, all.
pub struct Filter {
    axes: Vec<Vec<String>>,
    words: Vec<String>,
}

impl Filter {
    /// Reads the command line. A word that is on no axis ends the program with the list of those that are.
    #[must_use]
    pub fn from_args(axes: &[&[&str]]) -> Self {
        // Cargo adds `--bench`.
        let words = std::env::args().skip(1).filter(|word| word != "--bench");
        Self::new(axes, words).unwrap_or_else(|unknown| {
            eprintln!(
                "{unknown:?} is none of: {}",
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

    /// Whether to run what has these labels.
    #[must_use]
    pub fn takes(&self, labels: &[&str]) -> bool {
        let is_asked = |word: &&String| self.words.contains(word);
        labels.iter().all(|label| {
            let axis = self
                .axes
                .iter()
                .find(|axis| axis.iter().any(|l| l == label));
            let mut asked = axis.into_iter().flatten().filter(is_asked).peekable();
            asked.peek().is_none() || asked.any(|word| word == label)
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
    fn words_choose_on_their_axis_only() {
        let two_sizes = filter("16 1000").expect("known words");
        assert!(two_sizes.takes(&["u64", "16"]));
        assert!(two_sizes.takes(&["String", "1000"]));
        assert!(!two_sizes.takes(&["u64", "100000"]));
        let one = filter("String 16").expect("known words");
        assert!(one.takes(&["String", "16"]));
        assert!(!one.takes(&["u64", "16"]));
        assert!(!one.takes(&["String", "1000"]));
    }

    #[test]
    fn without_words_all_are_taken() {
        assert!(filter("").expect("no words").takes(&["u64", "100000"]));
    }

    #[test]
    fn an_unknown_word_is_refused() {
        assert_eq!(filter("u64 17").err().as_deref(), Some("17"));
    }
}
