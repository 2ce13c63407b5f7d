//! Contests: candidates that do the same work in interleaved rounds, compared round by round.
//!
//! A time by itself says little on a shared machine. So every round runs each candidate once, in random order, and
//! what is reported is the median over the rounds of the ratio to the first candidate in the same round, with the
//! tenth and the ninetieth percentile as its spread.

use std::time::{Duration, Instant};

/// How many rounds a contest has unless `UNTORN_ROUNDS` says otherwise.
const ROUNDS: usize = 15;

/// How many rounds there are: `UNTORN_ROUNDS`, or 15.
#[must_use]
pub fn rounds() -> usize {
    let asked = std::env::var("UNTORN_ROUNDS").ok();
    let asked = asked.and_then(|rounds| rounds.parse().ok());
    asked.unwrap_or(ROUNDS).max(1)
}

/// The median, and the tenth and the ninetieth percentile.
///
/// # Panics
/// If there are no numbers.
#[must_use]
pub fn spread(numbers: impl Iterator<Item = f64>) -> [f64; 3] {
    let numbers = sorted(numbers.collect());
    [50, 10, 90].map(|p| percentile(&numbers, p))
}

/// A body of work; returns how many operations it did, and the time they took.
type Body<'b> = Box<dyn FnMut() -> (u64, Duration) + 'b>;

/// Candidates for the same work; the first is what the others are compared with.
pub struct Contest<'b> {
    title: String,
    candidates: Vec<(String, Body<'b>)>,
}

/// What one candidate came to.
pub struct Row {
    /// Its name.
    pub name: String,
    /// Median nanoseconds per operation.
    pub nanoseconds: f64,
    /// Median of the ratios to the first candidate, and their tenth and ninetieth percentile.
    pub ratio: [f64; 3],
}

impl<'b> Contest<'b> {
    /// A contest without candidates.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            candidates: Vec::new(),
        }
    }

    /// Adds a candidate. `body` does a fixed amount of work, a millisecond or more, and says how many operations
    /// that was.
    #[must_use]
    pub fn candidate(self, name: &str, mut body: impl FnMut() -> u64 + 'b) -> Self {
        self.timed_candidate(name, move || {
            let start = Instant::now();
            let operations = body();
            (operations, start.elapsed())
        })
    }

    /// Adds a candidate that does its work elsewhere, and so says itself how long it took.
    #[must_use]
    pub fn timed_candidate(
        mut self,
        name: &str,
        body: impl FnMut() -> (u64, Duration) + 'b,
    ) -> Self {
        self.candidates.push((name.into(), Box::new(body)));
        self
    }

    /// Runs the rounds and returns a row for each candidate.
    ///
    /// # Panics
    /// If there is no candidate.
    pub fn run(&mut self) -> Vec<Row> {
        let rounds = rounds();
        let count = self.candidates.len();
        assert!(count > 0, "a contest needs candidates");
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
            .map(|i| {
                let [nanoseconds, ..] = spread(times.iter().map(|round| round[i]));
                Row {
                    name: self.candidates[i].0.clone(),
                    nanoseconds,
                    ratio: spread(times.iter().map(|round| round[i] / round[0])),
                }
            })
            .collect()
    }

    /// Runs the rounds and prints the rows as a table.
    pub fn print(&mut self) {
        let rows = self.run();
        println!("{}", self.title);
        for row in rows {
            let [median, low, high] = row.ratio;
            println!(
                "  {:<34} {:>8.2} ns   {median:>5.2}   ({low:.2} to {high:.2})",
                row.name, row.nanoseconds
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

    use super::{Contest, percentile, sorted};

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
    fn every_candidate_runs_in_every_round_and_is_compared_with_the_first() {
        let (one, two) = (Cell::new(0), Cell::new(0));
        let work = |count: &Cell<u32>, micros| {
            count.set(count.get() + 1);
            busy(Duration::from_micros(micros));
            1
        };
        let rows = Contest::new("test")
            .candidate("one", || work(&one, 50))
            .candidate("two", || work(&two, 50))
            .run();
        assert_eq!(one.get(), two.get());
        assert!(one.get() > 1);
        assert_eq!(rows[0].ratio, [1.0; 3]);
        assert_eq!(rows.len(), 2);
    }
}
