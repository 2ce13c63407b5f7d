//! The names that a source itself uses for its items, such as files, by their numbers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use untorn::mutants::mutant;

/// The number of names that are stored beyond those in use.
const SLACK: usize = 1024;

/// The names of a layer. Those that are used no more are forgotten when there are many, since names
/// may come and go for as long as the process runs.
pub(super) struct Names {
    names: HashMap<u32, Name>,
    numbers: HashMap<Arc<str>, u32>,
    /// The last number that was given. The next one is greater, until all have been given: older
    /// revisions still have numbers that are free, which must not get another name soon.
    last: u32,
    /// The number of names from which on unused ones are looked for.
    limit: usize,
}

struct Name {
    text: Arc<str>,
    /// It was not in use at the last look: older revisions may have it, so it stays for another.
    was_unused: bool,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            numbers: HashMap::new(),
            last: 0,
            limit: SLACK,
        }
    }
}

impl Names {
    /// Returns the number of a name, from 1 to `most`; 0 if none is free.
    pub(super) fn number(&mut self, name: &Arc<str>, most: u32) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            if let Some(name) = self.names.get_mut(&number) {
                name.was_unused = false;
            }
            return number;
        }
        if self.names.len() >= most as usize {
            return 0;
        }
        let mut number = self.last;
        loop {
            number = number % most + 1;
            if !self.names.contains_key(&number) {
                break;
            }
        }
        self.last = number;
        let text = Arc::clone(name);
        self.names.insert(
            number,
            Name {
                text,
                was_unused: false,
            },
        );
        self.numbers.insert(Arc::clone(name), number);
        number
    }

    pub(super) fn get(&self, number: u32) -> Option<Arc<str>> {
        self.names.get(&number).map(|name| Arc::clone(&name.text))
    }

    /// Returns whether there are so many names that unused ones should be forgotten.
    pub(super) fn are_many(&self) -> bool {
        self.names.len() > self.limit
    }

    /// Removes the names that are not in use now, and were not the last time.
    pub(super) fn forget_unused(&mut self, used: &HashSet<u32>) {
        let numbers = &mut self.numbers;
        self.names.retain(|number, name| {
            let is_unused = !used.contains(number);
            let is_forgotten = is_unused && name.was_unused && !mutant("live_names_pile_up");
            name.was_unused = is_unused;
            if is_forgotten {
                numbers.remove(&name.text);
            }
            !is_forgotten
        });
        // Looking for them costs as much as there are keys, so it must be rare.
        self.limit = self.names.len() + used.len() + SLACK;
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u32) -> Arc<str> {
        format!("name{number}").into()
    }

    #[test]
    fn unused_names_are_forgotten_at_the_second_look() {
        let mut names = Names::default();
        let [used, unused] = [1, 2].map(|number| names.number(&name(number), 100));
        let in_use = HashSet::from([used]);
        names.forget_unused(&in_use);
        assert_eq!(names.get(unused), Some(name(2)));
        // It is in use between the two.
        assert_eq!(names.number(&name(2), 100), unused);
        names.forget_unused(&in_use);
        assert_eq!(names.get(unused), Some(name(2)));
        names.forget_unused(&in_use);
        assert_eq!(names.get(unused), None);
        assert_eq!((names.get(used), names.len()), (Some(name(1)), 1));
        // No revision that has the old number gets another name.
        assert_eq!(names.number(&name(3), 100), 3);
    }

    #[test]
    fn numbers_are_given_again_at_their_end() {
        let mut names = Names::default();
        let numbers: Vec<_> = (0..4).map(|n| names.number(&name(n), 4)).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!(names.number(&name(4), 4), 0, "none is free");
        for _ in 0..2 {
            names.forget_unused(&HashSet::from([1, 3]));
        }
        let numbers = [5, 6, 7].map(|n| names.number(&name(n), 4));
        assert_eq!(numbers, [2, 4, 0]);
        assert_eq!(names.get(2), Some(name(5)));
    }
}
