//! Compares candidates that do equal work in interleaved rounds, round by round.
//!
//! A single time means little on a shared machine. Therefore each round runs every candidate once,
//! in random order. Reported is the median over the rounds of the ratio to the first candidate in
//! the same round, with the tenth and the ninetieth percentile as its spread.

use std::time::{Duration, Instant};

/// The number of rounds unless `UNTORN_ROUNDS` is set.
const ROUNDS: usize = 15;

/// Returns the number of rounds: `UNTORN_ROUNDS`, or 15.
#[must_use]
pub fn rounds() -> usize {
    let asked = std::env::var("UNTORN_ROUNDS").ok();
    let asked = asked.and_then(|rounds| rounds.parse().ok());
    asked.unwrap_or(ROUNDS).max(1)
}

/// Returns the median, the tenth and the ninetieth percentile.
///
/// # Panics
/// Panics if there are no numbers.
#[must_use]
pub fn spread(numbers: impl Iterator<Item = f64>) -> [f64; 3] {
    let numbers = sorted(numbers.collect());
    [50, 10, 90].map(|p| percentile(&numbers, p))
}

/// Calls `run` with each item once per round, in random order.
pub fn interleave<T>(rounds: usize, items: &mut [T], mut run: impl FnMut(&mut T)) {
    let mut order: Vec<usize> = (0..items.len()).collect();
    for _ in 0..rounds {
        fastrand::shuffle(&mut order);
        for &i in &order {
            run(&mut items[i]);
        }
    }
}

/// A body of work; returns the number of operations and the time they took.
type Body<'b> = Box<dyn FnMut() -> (u64, Duration) + 'b>;

/// Candidates for equal work; the first is the baseline.
pub struct Comparison<'b> {
    title: String,
    candidates: Vec<(String, Body<'b>)>,
}

/// The result of one candidate.
pub struct Row {
    /// The name.
    pub name: String,
    /// Median nanoseconds per operation, and their tenth and ninetieth percentile.
    pub nanoseconds: [f64; 3],
    /// Median of the ratios to the first candidate, and their tenth and ninetieth percentile.
    pub ratio: [f64; 3],
}

impl<'b> Comparison<'b> {
    /// Creates a comparison without candidates.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            candidates: Vec::new(),
        }
    }

    /// Adds a candidate. `body` does a fixed amount of work, a millisecond or more, and returns the
    /// number of operations.
    #[must_use]
    pub fn candidate(self, name: &str, mut body: impl FnMut() -> u64 + 'b) -> Self {
        self.timed_candidate(name, move || {
            let start = Instant::now();
            let operations = body();
            (operations, start.elapsed())
        })
    }

    /// Adds a candidate that measures its own time, because the work is done elsewhere.
    #[must_use]
    pub fn timed_candidate(
        mut self,
        name: &str,
        body: impl FnMut() -> (u64, Duration) + 'b,
    ) -> Self {
        self.add(name, body);
        self
    }

    /// Adds a candidate, as [`timed_candidate`](Self::timed_candidate) does.
    pub fn add(&mut self, name: &str, body: impl FnMut() -> (u64, Duration) + 'b) {
        self.candidates.push((name.into(), Box::new(body)));
    }

    /// Runs the rounds and returns a row for each candidate.
    ///
    /// # Panics
    /// Panics if there is no candidate.
    pub fn run(&mut self) -> Vec<Row> {
        let rounds = rounds();
        let count = self.candidates.len();
        assert!(count > 0, "a comparison needs at least one candidate");
        let mut times = vec![vec![0.0; count]; rounds];
        let mut order: Vec<usize> = (0..count).collect();
        for (_, body) in &mut self.candidates {
            body();
        }
        for round in &mut times {
            fastrand::shuffle(&mut order);
            for &i in &order {
                let (operations, time) = (self.candidates[i].1)();
                round[i] = time.as_nanos() as f64 / operations as f64;
            }
        }
        (0..count)
            .map(|i| Row {
                name: self.candidates[i].0.clone(),
                nanoseconds: spread(times.iter().map(|round| round[i])),
                ratio: spread(times.iter().map(|round| round[i] / round[0])),
            })
            .collect()
    }

    /// Runs the rounds and prints the rows as a table.
    pub fn print(&mut self) {
        let rows = self.run();
        println!("{}", self.title);
        for row in rows {
            let ([nanoseconds, ..], [median, low, high]) = (row.nanoseconds, row.ratio);
            println!(
                "  {:<34} {nanoseconds:>8.2} ns   {median:>5.2}   ({low:.2} to {high:.2})",
                row.name
            );
        }
        println!();
    }
}

pub(crate) fn sorted(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers
}

pub(crate) fn percentile(sorted: &[f64], p: usize) -> f64 {
    sorted[(sorted.len() - 1) * p / 100]
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    use super::{Comparison, percentile, sorted};

    fn busy(time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {}
    }

    #[test]
    fn percentiles() {
        let numbers = sorted((0..=10).rev().map(f64::from).collect());
        assert_eq!(
            [0, 10, 50, 90, 100].map(|p| percentile(&numbers, p)),
            [0.0, 1.0, 5.0, 9.0, 10.0]
        );
    }

    #[test]
    fn every_round_runs_every_candidate() {
        let (one, two) = (Cell::new(0), Cell::new(0));
        let work = |count: &Cell<u32>, micros| {
            count.set(count.get() + 1);
            busy(Duration::from_micros(micros));
            1
        };
        let rows = Comparison::new("test")
            .candidate("one", || work(&one, 50))
            .candidate("two", || work(&two, 50))
            .run();
        assert_eq!(one.get(), two.get());
        assert!(one.get() > 1);
        assert_eq!(rows[0].ratio, [1.0; 3]);
        assert_eq!(rows.len(), 2);
    }
}
