//! Sources for refreshing a map: two contents that differ by a known part.

use std::fmt;

use crate::keys::{Key, keys};

/// The difference between two successive contents of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The contents are equal.
    Nothing,
    /// One value of a thousand.
    Thousandth,
    /// All values, of the same keys.
    Values,
    /// All keys.
    Keys,
}

impl News {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Thousandth, Self::Values, Self::Keys];

    /// Returns the word that selects it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Thousandth => "thousandth",
            Self::Values => "values",
            Self::Keys => "keys",
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing new",
            Self::Thousandth => "a thousandth of the values new",
            Self::Values => "all values new",
            Self::Keys => "all keys new",
        })
    }
}

/// Two contents in random order, which sources provide in turn.
pub struct Sources<K, V>([Vec<(K, V)>; 2]);

impl<K: Key, V: Clone + From<u64>> Sources<K, V> {
    /// Creates contents of `n` entries.
    #[must_use]
    pub fn new(n: usize, news: News) -> Self {
        let (mut keys, mut random) = keys::<K>(if news == News::Keys { 2 * n } else { n });
        let others = match news {
            News::Keys => keys.split_off(n),
            _ => keys.clone(),
        };
        let values = |sides: u64, changes: fn(usize) -> bool| {
            move |(i, key)| (key, V::from(i as u64 + if changes(i) { sides } else { 0 }))
        };
        let changes: fn(usize) -> bool = match news {
            News::Nothing | News::Keys => |_| false,
            News::Thousandth => |i| i.is_multiple_of(1_000),
            News::Values => |_| true,
        };
        let one = keys.into_iter().enumerate().map(values(0, changes));
        let other = others.into_iter().enumerate().map(values(1, changes));
        let mut contents = [one.collect::<Vec<_>>(), other.collect()];
        for entries in &mut contents {
            random.shuffle(entries);
        }
        Self(contents)
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0[0].len()
    }

    /// Returns whether the contents are empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the entries that a map begins with.
    pub fn first(&self) -> impl Iterator<Item = (K, V)> {
        self.0[0].iter().cloned()
    }

    /// Returns the entries for the refresh with this number, counted from 1.
    #[must_use]
    pub fn source(&self, number: usize) -> Vec<(K, V)> {
        self.0[number % 2].clone()
    }
}

#[cfg(test)]
mod tests {
    use untorn::Map;

    use super::{News, Sources};

    #[test]
    fn sources_differ_by_what_they_say() {
        let counts = News::ALL.map(|news| {
            let sources = Sources::<u64, u64>::new(2_000, news);
            let map: Map<u64, u64> = sources.first().collect();
            let counts = [1, 2].map(|number| {
                let refreshed = map.refresh(sources.source(number));
                (refreshed.added, refreshed.changed, refreshed.removed)
            });
            assert_eq!(counts[0], counts[1], "{news}");
            counts[0]
        });
        let expected = [(0, 0, 0), (0, 2, 0), (0, 2_000, 0), (2_000, 0, 2_000)];
        assert_eq!(counts, expected);
    }
}
