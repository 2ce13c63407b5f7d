//! The cost of commits of one key: for the writer, for readers beside it, and for the commits that
//! free what was replaced.
//!
//! With `RUSTFLAGS="--cfg untorn_strong_fences"` each pin has a fence, as on systems without
//! `membarrier`.
//!
//! `cargo bench -p untorn-lab --bench commits [-- threads stuck writers processor latency freeing]`
//!
//! | file | contents |
//! |---|---|
//! | `threads.rs` | a commit while many threads live that read, and after they have ended |
//! | `stuck.rs` | commits while an old view is held |
//! | `writers.rs` | two writers at once |
//! | `processor.rs` | the writer's processor time beside a reader without pause |
//! | `latency.rs` | percentiles of gets and commits beside each other |
//! | `freeing.rs` | the commits after a large version is released |

mod freeing;
mod latency;
mod processor;
mod stuck;
mod threads;
mod writers;

use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use untorn_lab::filter::Filter;
use untorn_lab::keys::keys;
use untorn_lab::markdown::print_header;
use untorn_lab::shared_maps::{Plain, SharedMap};

/// Runs a part and prints its tables.
type Part = fn();

/// The words that select the parts.
const PARTS: [(&str, Part); 6] = [
    ("threads", threads::print),
    ("stuck", stuck::print),
    ("writers", writers::print),
    ("processor", processor::print),
    ("latency", latency::print),
    ("freeing", freeing::print),
];

/// Small, so that thousands of threads fit; none of them has deep calls.
const STACK: usize = 128 << 10;

/// The rival that copies all entries for each commit.
type Swap = ArcSwap<Plain<u64, u64>>;

fn main() {
    let filter = Filter::from_args(&[&PARTS.map(|(label, _)| label)]);
    print_header();
    for (label, print) in PARTS {
        if filter.selects(&[label]) {
            print();
        }
    }
}

/// Returns a remark for the title of a table.
fn fences() -> &'static str {
    if cfg!(untorn_strong_fences) {
        ", a fence in each pin of a Map"
    } else {
        ""
    }
}

/// The keys of a map, all present, in random order.
struct Keys(Vec<u64>);

impl Keys {
    fn new(n: usize) -> Self {
        Self(keys(n).0)
    }

    fn entries(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().copied().zip(0..)
    }

    /// Returns keys in an endless random order.
    fn random(&self, seed: u64) -> impl Iterator<Item = u64> {
        let mut random = fastrand::Rng::with_seed(seed);
        std::iter::repeat_with(move || self.0[random.usize(..self.0.len())])
    }
}

/// Writes random keys, one commit for each, until the time has passed. Returns the number of
/// commits.
fn write_for<M: SharedMap<u64, u64>>(map: &M, keys: &Keys, time: Duration) -> u64 {
    // Reading the clock for each commit would cost as much as a cheap one.
    let commits_per_clock = if M::COPIES_ALL { 1 } else { 256 };
    let mut random = keys.random(fastrand::u64(..));
    let mut commits = 0;
    let end = Instant::now() + time;
    while Instant::now() < end {
        for key in random.by_ref().take(commits_per_clock) {
            map.insert(key, commits);
            commits += 1;
        }
    }
    commits
}

/// Starts a thread with a small stack.
fn spawn<'scope, R: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> R + Send + 'scope,
) -> ScopedJoinHandle<'scope, R> {
    let thread = Builder::new().stack_size(STACK);
    thread.spawn_scoped(scope, work).expect("a thread starts")
}
