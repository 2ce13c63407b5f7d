//! A map that is read as a whole while another thread writes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use untorn::Map;

/// Keys that always have the same value, spread out among the others.
const TOGETHER: [u64; 6] = [0, 17, 400, 999, 1_500, 1_999];

/// Stops the writer, also when a read panics.
struct Stop<'d>(&'d AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Reads many times while a writer runs, until enough reads overlapped a commit.
///
/// `read` returns the values of the keys that belong together. Returns how many reads were torn,
/// and how many started at another generation than the read before.
pub(crate) fn torn(read: impl Fn(&Map<String, u64>, &[String]) -> Vec<u64>) -> (usize, usize) {
    let map: Map<String, u64> = (0..2_000_u64).map(|key| (key.to_string(), 0)).collect();
    let keys = TOGETHER.map(|key| key.to_string());
    let done = AtomicBool::new(false);
    let (mut torn, mut overlapped, mut last) = (0, 0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for generation in 1.. {
                map.batch(|batch| {
                    for key in &keys {
                        batch.insert(key.clone(), generation);
                    }
                });
                if done.load(Ordering::Acquire) {
                    break;
                }
                thread::yield_now();
            }
        });
        let _stop = Stop(&done);
        // Until enough reads observed a new generation.
        while overlapped < 50 {
            let values = read(&map, &keys);
            assert_eq!(values.len(), keys.len());
            torn += usize::from(values.iter().any(|value| *value != values[0]));
            overlapped += usize::from(values[0] != last);
            last = values[0];
        }
    });
    (torn, overlapped)
}

#[test]
fn separate_gets_observe_torn_batches() {
    let (torn, overlapped) = torn(|map, keys| {
        let read = |key: &String| {
            thread::yield_now();
            map.get(key).expect("the key is never removed")
        };
        keys.iter().map(read).collect()
    });
    assert!(torn > 0, "of {overlapped}: no read overlapped a batch");
}
