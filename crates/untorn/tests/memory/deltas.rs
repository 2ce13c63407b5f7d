//! A poller that follows changes for long.

use std::sync::Arc;
use std::time::Duration;

use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
use untorn::{Map, Poller, Revision};

use crate::child::alone_within;
use crate::live;

const KEYS: u64 = 1_000;

/// The deltas of one answer.
const DELTAS: u64 = 50;

const LONG: Duration = Duration::from_secs(600);

/// A source without end, whose values and keys are allocated.
struct Endless;

impl DeltaSource for Endless {
    type Contents = Vec<(String, String)>;
    type Deltas = Vec<Delta<String, String>>;
    type Error = String;

    fn fetch_after(
        &mut self,
        token: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, String> {
        let from = token.and_then(ResumeToken::to_u64).unwrap_or(0);
        let delta = |n: u64| {
            // A tenth of the keys is absent at any time.
            let key = (n * 7 % KEYS).to_string();
            match n / KEYS % 10 == n % 10 {
                true => Delta::Delete(key),
                false => Delta::Put(key, n.to_string()),
            }
        };
        Ok(FetchedAfter::Deltas {
            deltas: (from..from + DELTAS).map(delta).collect(),
            token: ResumeToken::from(from + DELTAS),
        })
    }
}

#[test]
fn a_million_deltas_leave_no_memory_behind() {
    if !alone_within(LONG) {
        return;
    }
    let config = Arc::new(Map::new());
    let poller = Poller::every(Duration::from_nanos(1), Endless)
        .resume_from(ResumeToken::from(0))
        .start(&config)
        .expect("a thread");
    let after = |deltas: u64| {
        let reached = config.wait_for(Revision::from(deltas / DELTAS), LONG);
        assert!(reached.is_ok(), "{}", poller.status());
    };
    after(100_000);
    let mut most = [0, 0];
    for (half, most) in most.iter_mut().enumerate() {
        for step in 1..=10 {
            after(100_000 + (half as u64 * 10 + step) * 50_000);
            *most = live().max(*most);
        }
    }
    assert!(config.len() > 800, "{}", config.len());
    let [first, second] = most;
    assert!(
        second < first + first / 4 + (64 << 10),
        "{first} bytes, then {second}"
    );
}
