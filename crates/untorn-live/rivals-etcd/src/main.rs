//! Keys of an etcd, followed by untorn-live and by hand with etcd-client and an `RwLock`, in one
//! run. Prints Markdown: `cargo run --release`, in this folder, with `etcd` on the `PATH`.
//!
//! | file | contents |
//! |---|---|
//! | `server.rs` | the etcd, and its writer |
//! | `follower.rs` | what is compared, by one trait |
//! | `by_hand.rs`, `live.rs` | the two |
//! | `measure.rs` | the tables |

mod by_hand;
mod follower;
mod live;
mod measure;
mod server;

use std::alloc::System;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::server::Server;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The prefix of all keys.
const PREFIX: &str = "/app/";

fn main() -> ExitCode {
    let Some(mut server) = Server::start() else {
        eprintln!(
            "there is no etcd on the PATH: install it, for example by `apt-get install etcd-server`"
        );
        return ExitCode::FAILURE;
    };
    let processors = std::thread::available_parallelism().map_or(1, |number| number.get());
    println!("{processors} processors, {}.\n", server.version());
    for keys in [1_000, 100_000] {
        server.fill(keys);
        measure::load(&server, keys);
        measure::visible(&mut server, keys);
        measure::cost(&mut server, keys);
    }
    ExitCode::SUCCESS
}
