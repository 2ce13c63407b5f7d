//! Reload latency, cost of a read and memory of untorn-live beside others, in one run. Prints
//! Markdown: `cargo run --release`, in this folder.
//!
//! | file | contents |
//! |---|---|
//! | `rival.rs` | what is compared, by one trait |
//! | `by_hand.rs`, `dynamic.rs`, `live.rs` | the libraries |
//! | `document.rs` | the file that they follow |
//! | `measure.rs` | the tables on reads and saves |
//! | `deltas.rs` | the table on single keys |

mod by_hand;
mod deltas;
mod document;
mod dynamic;
mod live;
mod measure;
mod rival;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let processors = std::thread::available_parallelism().map_or(1, |number| number.get());
    println!(
        "{processors} processors; {} interleaved rounds in random order.\n",
        measure::ROUNDS
    );
    measure::reads();
    // Before the others, which still free memory when they have ended.
    deltas::changes(&[1_000, 100_000, 1_000_000]);
    for keys in [10, 1_000, 100_000] {
        measure::reloads(keys);
    }
}
