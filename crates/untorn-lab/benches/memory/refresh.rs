//! The peak of a refresh, and the values that it clones.
//!
//! Counted are the bytes beyond those of the map as it was built and of the source, so they include
//! what a map has not freed yet of earlier contents.

use std::cell::Cell;

use untorn_lab::keys::Key;
use untorn_lab::markdown::{MarkdownTable, thousands};
use untorn_lab::shared_maps::{SharedMap, Visit, visit_each};
use untorn_lab::sources::{News, Sources};

use super::ALLOCATED;

const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];

/// Refreshes before the one that counts, so that a map is in the state in which it stays.
const BEFORE: usize = 4;

thread_local! {
    static CLONES: Cell<u64> = const { Cell::new(0) };
}

/// A value that counts its clones.
#[derive(PartialEq)]
struct Counted(u64);

impl From<u64> for Counted {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.set(CLONES.get() + 1);
        Self(self.0)
    }
}

pub(super) fn print<K: Key>(kind: &str) {
    for news in News::ALL {
        let title = format!(
            "bytes per entry beyond map and source, clones of each value: {news}, {kind} to u64"
        );
        let mut table = MarkdownTable::new(title);
        for n in SIZES {
            let sources = Sources::<K, Counted>::new(n, news);
            let mut peaks = Peaks {
                sources: &sources,
                cells: Vec::new(),
            };
            visit_each(&mut peaks);
            let Peaks { cells, .. } = peaks;
            table.cells(thousands(n), cells);
        }
        table.print();
    }
}

/// The cells of a column, by the names of their rows.
struct Peaks<'s, K> {
    sources: &'s Sources<K, Counted>,
    cells: Vec<(String, String)>,
}

impl<K: Key> Visit<K, Counted> for Peaks<'_, K> {
    fn visit<M: SharedMap<K, Counted>>(&mut self) {
        let allocated = || ALLOCATED.current_usage() as f64;
        let before = allocated();
        let map = M::of(self.sources.first());
        let of_map = allocated() - before;
        for i in 1..=BEFORE {
            map.refresh(self.sources.source(i));
        }
        let without_source = allocated();
        let source = self.sources.source(BEFORE + 1);
        let of_source = allocated() - without_source;
        ALLOCATED.reset_peak_usage();
        CLONES.set(0);
        map.refresh(source);
        let peak = ALLOCATED.peak_usage() as f64 - before - of_map - of_source;
        let each = |number: f64| number / self.sources.len() as f64;
        let (bytes, clones) = (each(peak), each(CLONES.get() as f64));
        let cell = format!("{bytes:+.1}; {clones:.2} clones");
        self.cells.push((M::NAME.into(), cell));
    }
}
