//! The cost of what programs do with a `Map` every day, besides reads and writes: following a key,
//! polling a source, and computing a value on the first lookup.
//!
//! `cargo bench -p untorn-lab --bench daily [-- wakeups polls initializers]`
//!
//! | file | contents |
//! |---|---|
//! | `wakeups.rs` | the wakeups of a subscriber that follows one key: counted, not timed |
//! | `polls.rs` | a poll that returns one change beside one that returns all contents |
//! | `initializers.rs` | writers beside an initializer that takes 100 ms |

mod initializers;
mod polls;
mod wakeups;

use untorn_lab::filter::Filter;
use untorn_lab::markdown::print_header;

/// Runs a part and prints its tables.
type Part = fn();

/// The words that select the parts.
const PARTS: [(&str, Part); 3] = [
    ("wakeups", wakeups::print),
    ("polls", polls::print),
    ("initializers", initializers::print),
];

fn main() {
    let filter = Filter::from_args(&[&PARTS.map(|(label, _)| label)]);
    print_header();
    for (label, print) in PARTS {
        if filter.selects(&[label]) {
            print();
        }
    }
}
