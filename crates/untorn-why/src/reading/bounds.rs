//! What is stored of a dump of any size: the likeliest writers, and counts.

use crate::dump::{Crash, Goroutine, Unread};
use crate::evidence::Detecting;

/// The number of goroutines of one dump that are stored: the likeliest writers.
const GOROUTINES: usize = 64;
const STATES: usize = 64;
const UNREAD_SHOWN: usize = 3;

impl Crash {
    pub(super) fn add(&mut self, goroutine: Goroutine) {
        self.goroutines += 1;
        self.passes(&goroutine);
        if self.states.len() < STATES || self.states.contains_key(&goroutine.state) {
            *self.states.entry(goroutine.state.clone()).or_default() += 1;
        }
        // The goroutines that detected an overlap are printed first, with their stacks.
        let noticed = self.noticed.len() < self.banners.len()
            && self.others.is_empty()
            && goroutine.state.starts_with("running")
            && goroutine.elsewhere.is_none();
        if noticed {
            self.noticed.push(goroutine);
            return;
        }
        // A second one ran on while the others were printed, and prints its stack after them.
        let second = self.noticed.len() < self.banners.len() && goroutine.elsewhere.is_none();
        let before = self
            .others
            .iter()
            .position(|one| one.number == goroutine.number);
        if let Some(index) = before.filter(|_| second) {
            // It was counted at its first occurrence.
            let before = self.others.remove(index).state;
            self.goroutines -= 1;
            if let Some(count) = self.states.get_mut(&before) {
                *count -= 1;
            }
            self.noticed.push(goroutine);
            return;
        }
        // No program has two goroutines of one number.
        if before.is_some()
            || self
                .noticed
                .iter()
                .any(|one| one.number == goroutine.number)
        {
            self.mixed.get_or_insert(goroutine.at);
        }
        self.others.push(goroutine);
        if self.others.len() >= 2 * GOROUTINES {
            let detecting = Detecting::new(&self.noticed, &self.banners);
            for one in &mut self.others {
                if one.points.is_none() {
                    one.points = Some(detecting.points(one));
                }
            }
            self.others.sort_by_key(|one| std::cmp::Reverse(one.points));
            self.others.truncate(GOROUTINES);
        }
    }
}

impl Unread {
    pub(super) fn add(&mut self, at: u64, text: &str) {
        self.lines += 1;
        if self.first.len() < UNREAD_SHOWN {
            self.first
                .push((at, text.trim().chars().take(120).collect()));
        }
    }
}
