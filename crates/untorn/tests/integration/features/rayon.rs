//! rayon: parallel iteration visits each entry once, and a parallel extend is one commit.

use rayon::iter::{IntoParallelIterator, ParallelExtend, ParallelIterator};
use untorn::{Map, Revision, Snapshot, View};

use super::while_written;

/// An empty map, one segment, and many segments.
const SIZES: [u64; 6] = [0, 1, 63, 1_000, 20_000, 100_000];

#[test]
fn each_entry_is_visited_once() {
    for size in SIZES {
        let map: Map<u64, u64> = (0..size).map(|n| (n, n * 2)).collect();
        let texts: Map<String, u64> = (0..size / 4).map(|n| (n.to_string(), n)).collect();
        let pin = map.pin();
        let mut seen: Vec<_> = pin.par_iter().map(|(key, value)| (*key, *value)).collect();
        seen.sort_unstable();
        assert!(
            seen.into_iter().eq((0..size).map(|n| (n, n * 2))),
            "of {size}"
        );
        let snapshot = map.snapshot();
        assert_eq!((&*snapshot).into_par_iter().clone().count() as u64, size);
        let view: &View<String, u64> = &texts.pin();
        let sum: u64 = view.par_iter().map(|(_, value)| value).sum();
        assert_eq!(sum, (0..size / 4).sum::<u64>());
    }
}

#[test]
fn par_extend_is_one_commit() {
    for size in SIZES {
        let mut map = Map::from([(0, 7), (u64::MAX, 7)]);
        let mut changes = map.subscribe();
        map.par_extend((0..size).into_par_iter().map(|n| (n, n * 2)));
        assert_eq!(map.revision().get(), u64::from(size > 0));
        assert_eq!(map.len() as u64, size.max(1) + 1);
        if let Ok(step) = changes.try_recv() {
            assert_eq!(
                (
                    step.missed,
                    step.to.changes_since(&step.from).count() as u64
                ),
                (0, size)
            );
        }
        let view = map.pin();
        assert!((0..size).all(|n| view[&n] == n * 2));
        assert_eq!(view[&u64::MAX], 7);
    }
}

#[test]
fn from_par_iter_keeps_the_last_duplicate() {
    for size in SIZES {
        // The last duplicate wins, as with any iterator.
        let twice = (0..2 * size).into_par_iter();
        let map: Map<u64, u64> = twice.map(|n| (n % size, n)).collect();
        assert_eq!((map.len() as u64, map.revision()), (size, Revision::FIRST));
        let view = map.pin();
        assert!((0..size).all(|n| view[&n] == size + n));
    }
}

#[test]
fn parallel_reads_observe_one_revision() {
    let (torn, overlapped) = while_written::torn(|map, keys| {
        let snapshot: Snapshot<_> = map.snapshot();
        let together = |entry: &(&String, &u64)| keys.contains(entry.0);
        snapshot
            .par_iter()
            .filter(together)
            .map(|(_, value)| *value)
            .collect()
    });
    assert_eq!(torn, 0, "of {overlapped}");
}
