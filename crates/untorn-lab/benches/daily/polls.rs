//! A poll whose source returns one change, beside one whose source returns all contents.
//!
//! The answer is made before the clock starts. The time is that of `refresh_now`: the poller's
//! thread is woken, fetches, and commits, and the caller is woken. In each poll one value is new.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
use untorn::{Map, Poller};
use untorn_lab::compare::Comparison;
use untorn_lab::keys::keys;
use untorn_lab::markdown::{MarkdownTable, thousands};

const ENTRIES: usize = 1_000_000;

/// Polls in one body of the candidate that takes microseconds.
const POLLS: u64 = 200;

/// Commits in one body of the candidate without a poller.
const COMMITS: u64 = 2_000;

const TIMEOUT: Duration = Duration::from_secs(60);

type Answer = FetchedAfter<Vec<(u64, u64)>, Vec<Delta<u64, u64>>>;

/// A source that returns the answer that was prepared.
#[derive(Clone, Default)]
struct Prepared(Arc<Mutex<Option<Answer>>>);

impl Prepared {
    fn set(&self, answer: Answer) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

impl DeltaSource for Prepared {
    type Contents = Vec<(u64, u64)>;
    type Deltas = Vec<Delta<u64, u64>>;
    type Error = Infallible;

    fn fetch_after(&mut self, _: Option<&ResumeToken>) -> Result<Answer, Infallible> {
        let mut prepared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(prepared.take().unwrap_or(FetchedAfter::Unchanged))
    }
}

/// A map and its poller, which polls when it is asked to.
struct Polled {
    source: Prepared,
    poller: Poller,
    /// The contents of the map.
    entries: Vec<(u64, u64)>,
    random: fastrand::Rng,
}

impl Polled {
    fn new() -> Self {
        let (keys, random) = keys::<u64>(ENTRIES);
        let entries: Vec<(u64, u64)> = keys.into_iter().zip(0..).collect();
        let source = Prepared::default();
        source.set(contents(&entries));
        let map: Arc<Map<u64, u64>> = Arc::default();
        let poller = Poller::every(Duration::from_secs(3_600), source.clone())
            .min_gap(Duration::ZERO)
            .start(&map)
            .expect("a thread starts");
        poller.wait_until_fresh(TIMEOUT).expect("the first poll");
        assert_eq!(map.len(), ENTRIES);
        Self {
            source,
            poller,
            entries,
            random,
        }
    }

    /// Changes one value; returns its entry.
    fn change(&mut self) -> (u64, u64) {
        let i = self.random.usize(..ENTRIES);
        self.entries[i].1 += 1;
        self.entries[i]
    }

    /// Polls once; returns the time.
    fn poll(&self, answer: Answer) -> Duration {
        self.source.set(answer);
        let start = Instant::now();
        self.poller.refresh_now(TIMEOUT).expect("a poll");
        start.elapsed()
    }
}

fn contents(entries: &[(u64, u64)]) -> Answer {
    FetchedAfter::Contents {
        contents: entries.to_vec(),
        token: Some(ResumeToken::from(0)),
    }
}

pub(super) fn print() {
    let (mut all, mut one) = (Polled::new(), Polled::new());
    let (keys, mut random) = keys::<u64>(ENTRIES);
    let map: Map<u64, u64> = keys.iter().copied().zip(0..).collect();
    let rows = Comparison::new("polls")
        .timed_candidate("a poll that returns one delta", || {
            let mut time = Duration::ZERO;
            for position in 0..POLLS {
                let (key, value) = one.change();
                time += one.poll(FetchedAfter::Deltas {
                    deltas: vec![Delta::Put(key, value)],
                    token: ResumeToken::from(position),
                });
            }
            (POLLS, time)
        })
        .candidate("a commit of that key, without a poller", || {
            for value in 0..COMMITS {
                map.insert(keys[random.usize(..ENTRIES)], value);
            }
            COMMITS
        })
        .timed_candidate("a poll that returns all contents", || {
            all.change();
            let answer = contents(&all.entries);
            (1, all.poll(answer))
        })
        .run();
    let title = format!("one new value in a map of {} keys", thousands(ENTRIES));
    let mut table = MarkdownTable::with_times(title);
    table.column("time", &rows);
    table.print();
}
