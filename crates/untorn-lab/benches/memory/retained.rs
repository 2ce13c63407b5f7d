//! Bytes retained while an old view is held and writes continue.

use untorn::Map;
use untorn::map::DefaultHashBuilder;
use untorn_lab::keys::{Key, keys};
use untorn_lab::markdown::{MarkdownTable, thousands};
use untorn_lab::shared_maps::{Plain, SeenWhole};

use super::ALLOCATED;

const ENTRIES: usize = 100_000;

const COMMITS: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// The size for all maps: small, since one of them copies it for each commit.
const FEW_ENTRIES: usize = 1_000;

pub(super) fn print<K: Key>(kind: &str) {
    one_snapshot::<K>(kind);
    each_map::<K>(kind);
}

fn one_snapshot<K: Key>(kind: &str) {
    let mut table = MarkdownTable::new(format!(
        "Map of {} entries, {kind} to u64, one old snapshot held",
        thousands(ENTRIES)
    ));
    for commits in COMMITS {
        let (keys, mut random) = keys::<K>(ENTRIES);
        let map: Map<K, u64> = keys.iter().cloned().zip(0..).collect();
        let alone = ALLOCATED.current_usage();
        let snapshot = map.snapshot();
        for number in 0..commits {
            let key = keys[random.usize(..ENTRIES)].clone();
            map.insert(key, number);
        }
        map.reclaim();
        let (held, kept) = (ALLOCATED.current_usage(), map.retained());
        drop(snapshot);
        map.reclaim();
        let released = ALLOCATED.current_usage();
        let more = |usage: usize| more(usage as f64 - alone as f64, ENTRIES);
        table.cells(
            format!("after {} commits", thousands(commits as usize)),
            [
                ("versions retained", kept.to_string()),
                ("while it is held", more(held)),
                ("after drop and reclaim", more(released)),
            ]
            .map(|(name, cell)| (name.to_string(), cell)),
        );
    }
    table.print();
}

/// Prints the bytes while a view is held, without a call of `reclaim`.
fn each_map<K: Key>(kind: &str) {
    let mut table = MarkdownTable::new(format!(
        "{} entries, {kind} to u64, one old view held",
        thousands(FEW_ENTRIES)
    ));
    for commits in COMMITS {
        table.cells(
            format!("after {} commits", thousands(commits as usize)),
            [
                while_held::<K, Map<K, u64>>(commits),
                while_held::<K, arc_swap::ArcSwap<Plain<K, u64>>>(commits),
                while_held::<K, papaya::HashMap<K, u64, DefaultHashBuilder>>(commits),
            ]
            .map(|(name, cell)| (name.to_string(), cell)),
        );
    }
    table.print();
}

/// Returns the name of the row and its cell.
fn while_held<K: Key, M: SeenWhole<K, u64>>(commits: u64) -> (&'static str, String) {
    let (keys, mut random) = keys::<K>(FEW_ENTRIES);
    let map = M::of(keys.iter().cloned().zip(0..));
    let alone = ALLOCATED.current_usage();
    let held = map.hold(|| {
        for number in 0..commits {
            let key = keys[random.usize(..FEW_ENTRIES)].clone();
            map.insert(key, number);
        }
        ALLOCATED.current_usage()
    });
    (M::HELD, more(held as f64 - alone as f64, FEW_ENTRIES))
}

/// Formats a difference of bytes, for each of so many entries.
fn more(bytes: f64, entries: usize) -> String {
    format!("{:+.1} bytes per entry", bytes / entries as f64)
}
