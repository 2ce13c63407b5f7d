//! The cost of replacing the contents of a map by those of a source.
//!
//! The source is a list in random order, made before the clock starts and consumed. A `HashMap` is
//! collected anew and exchanged; a lock is held for the exchange only. `Map` compares, and
//! publishes what differs as one revision. The maps that are concurrent key by key compare too, one
//! key after the other: meanwhile readers see some of both contents. Only `Map::refresh` returns
//! how many keys were added, changed and removed.
//!
//! `cargo bench -p untorn-lab --bench refresh [-- u64|String 1000|… nothing|thousandth|…]`

use std::time::{Duration, Instant};

use untorn_lab::compare::{Comparison, Row};
use untorn_lab::filter::Filter;
use untorn_lab::keys::Key;
use untorn_lab::markdown::{MarkdownTable, print_header, thousands};
use untorn_lab::shared_maps::{SharedMap, Visit, visit_each};
use untorn_lab::sources::{News, Sources};

/// Entries in the sources of one body, so that it takes a millisecond or more.
const ENTRIES: usize = 1 << 16;

const SIZES: [(usize, &str); 3] = [(1_000, "1000"), (100_000, "100000"), (1_000_000, "1000000")];

fn main() {
    let filter = Filter::from_args(&[
        &["u64", "String"],
        &SIZES.map(|(_, label)| label),
        &News::ALL.map(News::label),
    ]);
    print_header();
    print_tables::<u64>("u64", &filter);
    print_tables::<String>("String", &filter);
}

fn print_tables<K: Key>(kind: &str, filter: &Filter) {
    for news in News::ALL {
        let mut table = MarkdownTable::with_times(format!("refresh, {news}, {kind}"));
        for (n, label) in SIZES {
            if filter.selects(&[kind, label, news.label()]) {
                table.column(thousands(n), &compare(&Sources::<K, u64>::new(n, news)));
            }
        }
        table.print();
    }
}

fn compare<K: Key>(sources: &Sources<K, u64>) -> Vec<Row> {
    let mut refresh = Refresh {
        sources,
        comparison: Comparison::new("refresh"),
    };
    visit_each(&mut refresh);
    refresh.comparison.run()
}

/// Adds a row for each map.
struct Refresh<'s, K> {
    sources: &'s Sources<K, u64>,
    comparison: Comparison<'s>,
}

impl<'s, K: Key + 's> Visit<K, u64> for Refresh<'s, K> {
    fn visit<M: SharedMap<K, u64>>(&mut self) {
        let sources = self.sources;
        let map = M::of(sources.first());
        // Even, so that each body ends with the contents that it began with.
        let refreshes = (ENTRIES / sources.len()).max(1) * 2;
        self.comparison.add(M::NAME, move || {
            let mut time = Duration::ZERO;
            for i in 1..=refreshes {
                let source = sources.source(i);
                let start = Instant::now();
                map.refresh(source);
                time += start.elapsed();
            }
            (refreshes as u64, time)
        });
    }
}
