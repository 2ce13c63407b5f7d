//! Bytes, measured by counting allocations; no times.
//!
//! `cargo bench -p untorn-lab --bench memory [-- u64|String entries|retained|refresh]`
//!
//! | file | contents |
//! |---|---|
//! | `entries.rs` | bytes per entry |
//! | `retained.rs` | bytes while an old view is held and writes continue |
//! | `refresh.rs` | the peak of a refresh, and the values that it clones |

mod entries;
mod refresh;
mod retained;

use peak_alloc::PeakAlloc;
use untorn_lab::filter::Filter;
use untorn_lab::keys::Key;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

fn main() {
    let parts = ["entries", "retained", "refresh"];
    let filter = Filter::from_args(&[&["u64", "String"], &parts]);
    print_tables::<u64>("u64", &filter);
    print_tables::<String>("String", &filter);
}

fn print_tables<K: Key>(kind: &str, filter: &Filter) {
    let print: [fn(&str); 3] = [
        entries::print::<K>,
        retained::print::<K>,
        refresh::print::<K>,
    ];
    for (part, print) in ["entries", "retained", "refresh"].into_iter().zip(print) {
        if filter.selects(&[kind, part]) {
            print(kind);
        }
    }
}
